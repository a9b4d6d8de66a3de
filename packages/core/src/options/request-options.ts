// SPDX-License-Identifier: Apache-2.0

import type { QoS } from '@mqttv5/wire';

import type { PublishOptions, RequestOptions } from '../api/publish.ts';
import { checkDuration, checkOneOf, checkOptions, given } from './check.ts';
import { REQUEST_DEFAULTS } from './defaults.ts';
import { KNOWN_PUBLISH_KEYS } from './publish-options.ts';

/** `RequestOptions` taken apart: what concerns the wait, and what goes to `publish` and is checked there. */
export interface ResolvedRequestOptions {
  /** undefined: only `signal` ends the wait. */
  readonly timeoutMs: number | undefined;
  readonly responseQos: QoS;
  readonly publish: Omit<PublishOptions, 'responseTopic' | 'correlationData'>;
}

/** Response Topic and Correlation Data are the request's own business. */
const KNOWN_KEYS = [...KNOWN_PUBLISH_KEYS, 'timeoutMs', 'responseQos'].filter(
  (key) => key !== 'responseTopic' && key !== 'correlationData',
);

/** @throws MqttError `INVALID_OPTION` */
export function resolveRequestOptions(options: RequestOptions = {}): ResolvedRequestOptions {
  checkOptions(options, 'RequestOptions', KNOWN_KEYS);
  const { timeoutMs, responseQos, ...publish } = options;
  return {
    timeoutMs:
      timeoutMs === false ? undefined : checkDuration(given(timeoutMs, REQUEST_DEFAULTS.timeoutMs), 'timeoutMs', 1),
    responseQos: checkOneOf(given(responseQos, REQUEST_DEFAULTS.responseQos), 'responseQos', [0, 1, 2]),
    publish,
  };
}
