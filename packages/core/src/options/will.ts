// SPDX-License-Identifier: Apache-2.0

import type { Will, WillProperties } from '@mqttv5/wire';

import type { WillOptions } from '../api/options.ts';
import {
  checkBinary,
  checkBoolean,
  checkInteger,
  checkKnownKeys,
  checkObject,
  checkOneOf,
  checkString,
  checkTopicField,
  checkUserProperties,
  fieldTooLong,
  given,
  invalidOption,
  isBytes,
  MAXIMUM_FIELD_BYTES,
  MAXIMUM_UINT32,
  shown,
} from './check.ts';

const WILL_KEYS: Readonly<Record<keyof WillOptions, true>> = {
  topic: true,
  payload: true,
  qos: true,
  retain: true,
  willDelayInterval: true,
  messageExpiryInterval: true,
  contentType: true,
  payloadFormatIndicator: true,
  responseTopic: true,
  correlationData: true,
  userProperties: true,
};
const KNOWN_KEYS: ReadonlySet<string> = new Set(Object.keys(WILL_KEYS));

/**
 * The Will of CONNECT (§3.1.2.5, §3.1.3.2). Its payload is Binary Data, so unlike a PUBLISH it holds 65,535 bytes at most.
 *
 * @throws MqttError `INVALID_OPTION`, `INVALID_TOPIC`, `FIELD_TOO_LONG`
 */
export function resolveWill(will: WillOptions): Will {
  checkObject(will, 'will');
  checkKnownKeys(will, KNOWN_KEYS, 'will');
  const resolved: Will = {
    topicName: checkTopicField(will.topic, 'will.topic'),
    payload: checkWillPayload(given(will.payload, '')),
    qos: checkOneOf(given(will.qos, 0), 'will.qos', [0, 1, 2]),
    retain: checkBoolean(given(will.retain, false), 'will.retain'),
    properties: Object.freeze(willProperties(will)),
  };
  return Object.freeze(resolved);
}

function willProperties(will: WillOptions): WillProperties {
  const properties: WillProperties = {};
  if (will.willDelayInterval !== undefined) {
    properties.willDelayInterval = checkInteger(will.willDelayInterval, 'will.willDelayInterval', 0, MAXIMUM_UINT32);
  }
  if (will.payloadFormatIndicator !== undefined) {
    properties.payloadFormatIndicator = checkOneOf(will.payloadFormatIndicator, 'will.payloadFormatIndicator', [0, 1]);
  }
  if (will.messageExpiryInterval !== undefined) {
    properties.messageExpiryInterval = checkInteger(
      will.messageExpiryInterval,
      'will.messageExpiryInterval',
      0,
      MAXIMUM_UINT32,
    );
  }
  if (will.contentType !== undefined) properties.contentType = checkString(will.contentType, 'will.contentType');
  if (will.responseTopic !== undefined) {
    properties.responseTopic = checkTopicField(will.responseTopic, 'will.responseTopic');
  }
  if (will.correlationData !== undefined) {
    properties.correlationData = checkBinary(will.correlationData, 'will.correlationData');
  }
  if (will.userProperties !== undefined) {
    properties.userProperties = checkUserProperties(will.userProperties, 'will.userProperties');
  }
  return properties;
}

function checkWillPayload(payload: string | Uint8Array): Uint8Array {
  if (typeof payload !== 'string' && !isBytes(payload)) {
    throw invalidOption(`will.payload must be a string or a Uint8Array, not ${shown(payload satisfies never)}`);
  }
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : new Uint8Array(payload);
  if (bytes.length > MAXIMUM_FIELD_BYTES) throw fieldTooLong('will.payload', bytes.length);
  return bytes;
}
