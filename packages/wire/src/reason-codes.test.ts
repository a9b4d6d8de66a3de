// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { PacketType, ReasonCode, reasonCodeName, WireError } from './index.ts';

test('every Reason Code has the name of table 2-6 (§2.4)', () => {
  expect(reasonCodeName(0x00)).toBe('Success');
  expect(reasonCodeName(0x10)).toBe('No matching subscribers');
  expect(reasonCodeName(0x81)).toBe('Malformed Packet');
  expect(reasonCodeName(0x87)).toBe('Not authorized');
  expect(reasonCodeName(0x8e)).toBe('Session taken over');
  expect(reasonCodeName(0xa2)).toBe('Wildcard Subscriptions not supported');
  for (const [key, code] of Object.entries(ReasonCode)) {
    // The key is the name without spaces, but for the meanings of 0x00.
    if (code !== 0) expect(reasonCodeName(code).replaceAll(/[ -]/gu, '').toLowerCase()).toBe(key.toLowerCase());
  }
});

test('0x00 to 0x02 are named by the packet they are in', () => {
  expect(reasonCodeName(ReasonCode.GrantedQoS0, 'suback')).toBe('Granted QoS 0');
  expect(reasonCodeName(ReasonCode.GrantedQoS1, 'suback')).toBe('Granted QoS 1');
  expect(reasonCodeName(ReasonCode.GrantedQoS2, 'suback')).toBe('Granted QoS 2');
  expect(reasonCodeName(ReasonCode.NormalDisconnection, 'disconnect')).toBe('Normal disconnection');
  expect(reasonCodeName(ReasonCode.DisconnectWithWillMessage, 'disconnect')).toBe('Disconnect with Will Message');
  expect(reasonCodeName(0x00, 'unsuback')).toBe('Success');
  expect(reasonCodeName(0x00, 'connack')).toBe('Success');
});

test('a code the standard does not define is named by its number', () => {
  expect(reasonCodeName(0x7f)).toBe('Unknown reason code 0x7f');
  expect(reasonCodeName(0x03)).toBe('Unknown reason code 0x03');
});

test('the wire values of the packet types are those of table 2-1 (§2.1.2)', () => {
  expect(Object.entries(PacketType)).toEqual([
    ['connect', 1],
    ['connack', 2],
    ['publish', 3],
    ['puback', 4],
    ['pubrec', 5],
    ['pubrel', 6],
    ['pubcomp', 7],
    ['subscribe', 8],
    ['suback', 9],
    ['unsubscribe', 10],
    ['unsuback', 11],
    ['pingreq', 12],
    ['pingresp', 13],
    ['disconnect', 14],
    ['auth', 15],
  ]);
});

test('a WireError is an Error with a name, a message and a code', () => {
  const error = new WireError(ReasonCode.ProtocolError, 'no');
  expect(error).toBeInstanceOf(Error);
  expect(String(error)).toBe('WireError: no');
  expect(error.reasonCode).toBe(0x82);
  expect(Object.keys(error)).toEqual(['reasonCode']);
});
