// SPDX-License-Identifier: Apache-2.0

import type { Will, WillProperties } from '@mqttv5/wire';
import { isBytes } from '@mqttv5/wire/client-side';

import type { WillOptions } from '../api/options.ts';
import {
  checkBinary,
  checkBoolean,
  checkOneOf,
  checkOptions,
  checkString,
  checkTopicField,
  checkUserProperties,
  fieldTooLong,
  mustBe,
  MAXIMUM_FIELD_BYTES,
  MAXIMUM_UINT32,
} from './check.ts';
import { integer, oneOf, resolveOptions } from './rules.ts';
import type { Rules } from './rules.ts';

const PROPERTY_RULES: Rules<WillOptions, WillProperties> = {
  willDelayInterval: integer(0, MAXIMUM_UINT32),
  payloadFormatIndicator: oneOf(0, 1),
  messageExpiryInterval: integer(0, MAXIMUM_UINT32),
  contentType: checkString,
  responseTopic: checkTopicField,
  correlationData: checkBinary,
  userProperties: checkUserProperties,
};
const KNOWN_KEYS = ['topic', 'payload', 'qos', 'retain', ...Object.keys(PROPERTY_RULES)];

/**
 * The Will of CONNECT (§3.1.2.5, §3.1.3.2). Its payload is Binary Data, so unlike a PUBLISH it holds 65,535 bytes at most.
 *
 * @throws MqttError `INVALID_OPTION`, `INVALID_TOPIC`, `FIELD_TOO_LONG`
 */
export function resolveWill(will: WillOptions): Will {
  checkOptions(will, 'will', KNOWN_KEYS);
  const { topic, payload = '', qos = 0, retain = false } = will;
  return Object.freeze({
    topicName: checkTopicField(topic, 'will.topic'),
    payload: checkWillPayload(payload),
    qos: checkOneOf(qos, 'will.qos', [0, 1, 2]),
    retain: checkBoolean(retain, 'will.retain'),
    properties: Object.freeze(resolveOptions(will, PROPERTY_RULES, {}, (key) => `will.${key}`)),
  });
}

function checkWillPayload(payload: string | Uint8Array): Uint8Array {
  if (typeof payload !== 'string' && !isBytes(payload)) {
    throw mustBe('will.payload', 'a string or a Uint8Array', payload satisfies never);
  }
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : new Uint8Array(payload);
  if (bytes.length > MAXIMUM_FIELD_BYTES) throw fieldTooLong('will.payload', bytes.length);
  return bytes;
}
