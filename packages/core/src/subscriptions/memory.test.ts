// SPDX-License-Identifier: Apache-2.0

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { Decoder, encode, type PublishPacket, type PublishProperties } from '@mqttv5/wire';
import { expect, test } from 'vitest';

import type { Message } from '../api/receive.ts';
import { Bench } from '../../test/subscriptions/bench.ts';

const READ_BYTES = 65_536;
const KEPT = 10_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes in use after a collection: the heap and all buffers outside it. */
async function bytesInUse(): Promise<number> {
  // With turns in between: buffers are swept after the collection that finds them.
  for (let i = 0; i < 4; i++) {
    collectGarbage();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A flood of messages as it comes from the network: in reads of 64 KiB, each a buffer of its own. */
function* flood(count: number, payloadBytes: number, properties?: PublishProperties): Generator<PublishPacket> {
  const packet: PublishPacket = {
    type: 'publish',
    topicName: 'flood/device/temperature',
    payload: new Uint8Array(payloadBytes).fill(1),
    qos: 0,
    retain: false,
    dup: false,
    packetIdentifier: 0,
  };
  if (properties !== undefined) packet.properties = properties;
  const bytes = encode(packet);
  const perRead = Math.floor(READ_BYTES / bytes.length);
  const decoder = new Decoder({ from: 'server' });
  for (let sent = 0; sent < count; ) {
    const read = new Uint8Array(READ_BYTES);
    const inThisRead = Math.min(perRead, count - sent);
    for (let i = 0; i < inThisRead; i++) read.set(bytes, i * bytes.length);
    decoder.push(read.subarray(0, inThisRead * bytes.length));
    for (let next = decoder.nextView(); next !== undefined; next = decoder.nextView()) {
      // A PublishView has all fields of a PublishPacket.
      yield next as unknown as PublishPacket;
      sent++;
    }
  }
}

for (const [name, payloadBytes, properties] of [
  ['64 bytes', 64, undefined],
  [
    '64 bytes and properties',
    64,
    { subscriptionIdentifiers: [5], userProperties: [['k', 'v']], correlationData: Uint8Array.of(1) },
  ],
  ['200 bytes', 200, undefined],
] as const) {
  test(`pain 19: 10,000 kept messages of ${name} out of a flood hold less than ${payloadBytes === 64 ? 10 : 40} MB`, async () => {
    const bench = new Bench();
    bench.connect();
    const kept: Message[] = [];
    let seen = 0;
    bench.declareCallback('flood/#', (message) => {
      if (seen++ % 40 === 0) kept.push(message);
    });
    const before = await bytesInUse();
    for (const packet of flood(KEPT * 40, payloadBytes, properties))
      bench.registry.deliver(packet, packet.topicName, undefined);
    const held = (await bytesInUse()) - before;
    expect(kept).toHaveLength(KEPT);
    expect(held).toBeGreaterThan(KEPT * payloadBytes);
    expect(held).toBeLessThan(payloadBytes === 64 ? 10_000_000 : 40_000_000);
    expect(kept.every((message) => message.payload.length === payloadBytes)).toBe(true);
  });
}

test('T-122 T-123: what a handler keeps stays intact whatever comes afterwards', () => {
  const bench = new Bench();
  bench.connect();
  const kept: Message[] = [];
  bench.declareCallback('flood/#', (message) => void kept.push(message));
  for (const bytes of [64, 200, 5000]) {
    const properties: PublishProperties = {
      correlationData: Uint8Array.of(bytes & 0xff),
      userProperties: [['size', String(bytes)]],
    };
    for (const packet of flood(2000, bytes, properties)) bench.registry.deliver(packet, packet.topicName, undefined);
  }
  for (const message of kept) {
    const bytes = Number(message.userProperty('size'));
    expect(message.payload.every((byte) => byte === 1)).toBe(true);
    expect([message.topic, message.payload.length]).toEqual(['flood/device/temperature', bytes]);
    expect(message.properties.correlationData).toEqual(Uint8Array.of(bytes & 0xff));
  }
  expect(kept).toHaveLength(6000);
});

test('the payloads alone, kept without their messages, hold no more', async () => {
  const bench = new Bench();
  bench.connect();
  const kept: Uint8Array[] = [];
  let seen = 0;
  bench.declareCallback('flood/#', (message) => {
    if (seen++ % 40 === 0) kept.push(message.payload);
  });
  const before = await bytesInUse();
  for (const packet of flood(KEPT * 40, 64)) bench.registry.deliver(packet, packet.topicName, undefined);
  const held = (await bytesInUse()) - before;
  expect(kept).toHaveLength(KEPT);
  expect(held).toBeGreaterThan(KEPT * 64);
  expect(held).toBeLessThan(10_000_000);
});

test('V-051 T-120: a buffered message of 64 bytes costs at most 400', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('flood/#');
  const before = await bytesInUse();
  for (const packet of flood(50_000, 64)) bench.registry.deliver(packet, packet.topicName, undefined);
  const each = ((await bytesInUse()) - before) / 50_000;
  expect(stream.size).toBe(50_000);
  expect(each).toBeLessThan(400);
});
