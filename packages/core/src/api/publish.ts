// SPDX-License-Identifier: Apache-2.0

import type { QoS, UserProperties } from '@mqttv5/wire';

import type { AnyMqttError } from '../errors.ts';
import type { MessageOptions, Payload, WaitOptions } from './common.ts';

/**
 * Options of one publish. `signal` withdraws the message as long as it has never been written; afterwards it ends only the wait.
 *
 * @see MQTT v5.0 §3.3
 */
export interface PublishOptions extends MessageOptions, WaitOptions {
  /** @defaultValue 0 @throws MqttError `QOS_NOT_SUPPORTED` above the broker's Maximum QoS, unless `qosDowngrade` @see MQTT v5.0 §4.3 */
  qos?: QoS | undefined;
  /**
   * The broker keeps the message for later subscribers.
   * @defaultValue false
   * @throws MqttError `RETAIN_NOT_SUPPORTED`
   * @see MQTT v5.0 §3.3.1.3
   */
  retain?: boolean | undefined;
  /**
   * Sends this alias in place of the topic once the broker knows it. QoS 0 only, from 1 to what the broker allows.
   * @throws MqttError `TOPIC_ALIAS_INVALID`
   * @see MQTT v5.0 §3.3.2.3.4
   */
  topicAlias?: number | undefined;
}

/** How the broker took a publish. At QoS 0 nobody answers: `reasonCode` is 0. */
export interface PublishResult {
  /** 0x00, or 0x10: accepted, and nobody is subscribed. At QoS 2 that of PUBREC. @see MQTT v5.0 §3.4.2.1 */
  readonly reasonCode: number;
  readonly reasonString?: string;
  readonly userProperties?: UserProperties;
}

/** Exactly one of the two: `if (x.error) … else x.result`. */
export type Settled =
  | { readonly result: PublishResult; readonly error?: undefined }
  | { readonly result?: undefined; readonly error: AnyMqttError };

/** Options of `request`; Response Topic and Correlation Data are its own business. @see MQTT v5.0 §4.10 */
export interface RequestOptions extends Omit<PublishOptions, 'responseTopic' | 'correlationData'> {
  /** How long to wait for the answer, then `REQUEST_TIMEOUT`; `false`: only `signal` ends it. Unit: milliseconds. @defaultValue 30 000 */
  timeoutMs?: number | false | undefined;
  /**
   * QoS of the client's response subscription; the response itself goes out at the QoS of the request. Above 0 a handler that
   * awaits a request can wait for an answer which its own unacknowledged message holds back.
   * @defaultValue 0
   */
  responseQos?: QoS | undefined;
}

/** An answer: the payload, or the payload with options. Without `qos` it goes out at the QoS of the request. */
export type ResponseBody =
  | Payload
  | ({ payload: Payload } & Omit<PublishOptions, 'responseTopic' | 'correlationData' | 'topicAlias' | 'signal'>);
