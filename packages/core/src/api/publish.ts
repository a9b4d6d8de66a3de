// SPDX-License-Identifier: Apache-2.0

import type { QoS, UserProperties } from '@mqttv5/wire';
import type { AnyMqttError } from '../errors.ts';
import type { MessageOptions, Payload, WaitOptions } from './common.ts';

export interface PublishOptions extends MessageOptions, WaitOptions {
  qos?: QoS | undefined;
  retain?: boolean | undefined;
  topicAlias?: number | undefined;
}

export interface PublishResult {
  readonly reasonCode: number;
  readonly reasonString?: string;
  readonly userProperties?: UserProperties;
}

/** Exactly one of the two: `if (x.error) … else x.result`. */
export type Settled =
  | { readonly result: PublishResult; readonly error?: undefined }
  | { readonly result?: undefined; readonly error: AnyMqttError };

/** `timeoutMs` [30 000; false = none]: `REQUEST_TIMEOUT`. `responseQos` [0]. */
export interface RequestOptions extends Omit<PublishOptions, 'responseTopic' | 'correlationData'> {
  timeoutMs?: number | false | undefined;
  responseQos?: QoS | undefined;
}

export type ResponseBody =
  | Payload
  | ({ payload: Payload } & Omit<PublishOptions, 'responseTopic' | 'correlationData' | 'topicAlias' | 'signal'>);
