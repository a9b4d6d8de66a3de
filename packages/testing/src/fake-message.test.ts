// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import type { AckReasonCode } from '@mqttv5/core';
import { fakeMessage } from './fake-message.ts';

test('without fields it is a plain, empty QoS 0 message', () => {
  const message = fakeMessage();
  expect(message).toMatchObject({ topic: 'test', qos: 0, retain: false, dup: false, properties: {} });
  expect([message.packetIdentifier, message.acknowledged, message.text()]).toEqual([0, true, '']);
});

test('fields, payload as text, bytes and JSON, and user properties are there to read', () => {
  const message = fakeMessage({
    topic: 'a/b',
    qos: 2,
    retain: true,
    payload: '{"n":1}',
    properties: {
      contentType: 'json',
      userProperties: [
        ['k', '1'],
        ['k', '2'],
      ],
    },
  });
  expect(message.json<{ n: number }>().n).toBe(1);
  expect(message.payload).toEqual(new TextEncoder().encode('{"n":1}'));
  expect([message.userProperty('k'), message.userProperty('x')]).toEqual(['1', undefined]);
  expect(message.packetIdentifier).toBeGreaterThan(0);
  expect(message.detach()).toBe(message);
  const bytes = Uint8Array.of(0xff);
  const binary = fakeMessage({ payload: bytes });
  bytes[0] = 0;
  expect(binary.payload).toEqual(Uint8Array.of(0xff));
  expect(binary.text()).toBe('\ufffd');
  expect(fakeMessage({ payload: Uint8Array.of(0xef, 0xbb, 0xbf, 0x31) }).text()).toBe('1');
});

test('the first ack counts, and a code no client may send is refused', () => {
  const message = fakeMessage({ qos: 1 });
  expect([message.acknowledged, message.ackReasonCode]).toEqual([false, undefined]);
  expect(() => message.ack(0x10 as AckReasonCode)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  message.ack(0x97);
  message.ack();
  expect([message.acknowledged, message.ackReasonCode]).toEqual([true, 0x97]);
});

test('an unknown field is refused', () => {
  expect(() => fakeMessage({ topicName: 'a' } as object)).toThrow(/fakeMessage has no option "topicName"/);
});
