// SPDX-License-Identifier: Apache-2.0

import { inspect } from 'node:util';

import { Decoder, encode, type PublishPacket, PublishView } from '@mqttv5/wire';
import { expect, test } from 'vitest';

import type { AckReasonCode } from '../api/receive.ts';
import { type MessageOwner, ReceivedMessage, type ReceivedPublish } from './message.ts';

const nobody: MessageOwner = { subscription: undefined, answered: () => undefined };

const base: PublishPacket = {
  type: 'publish',
  topicName: 'a/b',
  payload: new Uint8Array(),
  qos: 1,
  retain: true,
  dup: true,
  packetIdentifier: 7,
};

/** As it arrives: somewhere in a read of 64 KiB. */
function arrived(fields: Partial<PublishPacket>, view: boolean): ReceivedPublish {
  const bytes = encode({ ...base, ...fields });
  const chunk = new Uint8Array(Math.max(65_536, bytes.length));
  chunk.set(bytes);
  const decoder = new Decoder({ from: 'server' });
  decoder.push(chunk);
  const packet = view ? decoder.nextView() : decoder.next();
  if (packet === undefined || packet.type !== 'publish') throw new Error('not a PUBLISH');
  expect(packet instanceof PublishView).toBe(view);
  return packet;
}

function received(fields: Partial<PublishPacket>, view: boolean): ReceivedMessage {
  return new ReceivedMessage(arrived(fields, view), 'a/b', nobody, undefined);
}

const properties = {
  payloadFormatIndicator: 1,
  messageExpiryInterval: 60,
  topicAlias: 3,
  responseTopic: 'r',
  correlationData: Uint8Array.of(1, 2),
  userProperties: [
    ['k', '1'],
    ['k', '2'],
    ['z', '3'],
  ],
  subscriptionIdentifiers: [5, 6],
  contentType: 'text/plain',
} as const;

for (const view of [false, true]) {
  const shape = view ? 'PublishView' : 'PublishPacket';

  test(`${shape}: a message has what the PUBLISH has`, () => {
    const message = received({ payload: new TextEncoder().encode('{"x":1}'), properties }, view);
    const { topic, qos, retain, dup, packetIdentifier } = message;
    expect({ topic, qos, retain, dup, packetIdentifier }).toEqual({
      topic: 'a/b',
      qos: 1,
      retain: true,
      dup: true,
      packetIdentifier: 7,
    });
    expect(message.text()).toBe('{"x":1}');
    expect(message.json<{ x: number }>().x).toBe(1);
    expect(message.userProperty('k')).toBe('1');
    expect(message.userProperty('none')).toBeUndefined();
    expect(message.subscriptionIdentifiers).toEqual([5, 6]);
  });

  test(`${shape}: properties are what publish accepts: no alias, no identifiers`, () => {
    const { topicAlias: _a, subscriptionIdentifiers: _s, ...forwardable } = properties;
    expect({ ...received({ properties }, view).properties }).toEqual(forwardable);
    expect({ ...received({}, view).properties }).toEqual({});
    expect({ ...received({ payload: new Uint8Array(5000), properties }, view).properties }).toEqual(forwardable);
  });

  for (const length of [0, 64, 65, 255]) {
    test(`${shape}: a payload of ${length} bytes does not keep its read alive, nor do its properties`, () => {
      const message = received({ payload: new Uint8Array(length).fill(9), properties }, view);
      expect(message.payload.buffer.byteLength).toBeLessThanOrEqual(2048);
      expect(message.payload).toEqual(new Uint8Array(length).fill(9));
      expect(message.properties.correlationData?.buffer.byteLength).toBeLessThan(100);
    });
  }

  test(`${shape}: a large payload is a view of the read, made when it is asked for; detach() copies it`, () => {
    const message = received({ payload: new Uint8Array(1000).fill(9), properties }, view);
    expect(message.payload).toBe(message.payload);
    expect(message.payload.buffer.byteLength).toBe(65_536);
    expect(message.detach()).toBe(message);
    expect(message.payload.buffer.byteLength).toBe(1000);
    expect(message.payload).toEqual(new Uint8Array(1000).fill(9));
    expect(message.properties.correlationData?.buffer.byteLength).toBe(2);
    expect(message.properties.contentType).toBe('text/plain');
    expect(message.subscriptionIdentifiers).toEqual([5, 6]);
    expect(message.detach()).toBe(message);
  });

  test(`T-121 ${shape}: what fills most of its buffer is not copied`, () => {
    const payload = new Uint8Array(100_000).fill(1);
    const message = received({ payload }, view);
    expect(message.payload.length).toBe(100_000);
    expect(message.payload.buffer.byteLength).toBeGreaterThan(100_000);
  });
}

test('detach() leaves a payload that was copied into a slab in a buffer of its own', () => {
  const message = received({ payload: new Uint8Array(200).fill(3) }, true).detach();
  expect(message.payload.buffer.byteLength).toBe(200);
  expect(message.payload).toEqual(new Uint8Array(200).fill(3));
});

test('console.log shows what a message has', () => {
  const shown = inspect(received({ payload: Uint8Array.of(1) }, true));
  expect(shown).toContain("topic: 'a/b'");
  expect(shown).toContain('qos: 1');
});

test('the payload is ArrayBuffer-backed, as Bytes says', () => {
  expect(received({ payload: Uint8Array.of(1) }, true).payload.buffer).toBeInstanceOf(ArrayBuffer);
});

test('ack takes the codes a PUBLISH can be answered with and no others', () => {
  for (const code of [0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99] as const) {
    const message = received({}, true);
    message.ack(code);
    expect(message.acknowledged).toBe(true);
  }
  for (const code of [0x01, 0x10, 0x82, 0x92, 0x9b, -1, 256, 1.5, Number.NaN]) {
    const message = received({}, true);
    expect(() => message.ack(code as AckReasonCode)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(message.acknowledged).toBe(false);
  }
});

test('V-036 T-115: acknowledging is idempotent per handle, and answers once', () => {
  const answers: number[] = [];
  const owner: MessageOwner = {
    subscription: undefined,
    answered: (_message, _answer, code) => void answers.push(code),
  };
  const message = new ReceivedMessage(arrived({}, true), 'a', owner, undefined);
  message.ack(0x80);
  message.ack();
  expect(answers).toEqual([0x80]);
});
