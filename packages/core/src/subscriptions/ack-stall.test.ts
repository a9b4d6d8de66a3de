// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';

import type { Message } from '../api/receive.ts';
import { Bench } from '../../test/subscriptions/bench.ts';

function keeping(bench: Bench, filter = 'a'): Message[] {
  const kept: Message[] = [];
  bench.declareCallback(filter, (message) => void kept.push(message), { qos: 2, ack: 'manual' });
  return kept;
}

test('pain 23: a message that holds back later answers for ackStallMs is reported, once', () => {
  const bench = new Bench();
  bench.connect();
  const kept = keeping(bench);
  for (const payload of ['1', '2', '3']) bench.publish('a', { qos: 1, payload });
  kept[1]?.ack();
  kept[2]?.ack();
  bench.port.clock.advance(29_999);
  expect(bench.port.stalls).toEqual([]);
  bench.port.clock.advance(1);
  expect(bench.port.stalls).toMatchObject([{ message: kept[0], heldBack: 2, heldMs: 30_000 }]);
  expect(bench.port.stalls[0]?.subscription.filters[0]?.filter).toBe('a');
  bench.port.clock.advance(300_000);
  expect(bench.port.stalls).toHaveLength(1);
});

test('a slow message that holds nothing back is not reported', () => {
  const bench = new Bench();
  bench.connect();
  keeping(bench);
  bench.publish('a', { qos: 1 });
  bench.publish('a', { qos: 1 });
  bench.port.clock.advance(100_000);
  expect(bench.port.stalls).toEqual([]);
  expect(bench.port.clock.pending).toBe(0);
});

test('a full window is a stall without any answer: the broker sends no more', () => {
  const bench = new Bench({ receiveMaximum: 2 });
  bench.connect();
  const stream = bench.declare('a', { qos: 1 });
  bench.publish('a', { qos: 1, payload: '1' });
  bench.publish('a', { qos: 2, payload: '2' });
  bench.port.clock.advance(30_000);
  expect(bench.port.stalls.map(({ message, heldBack }) => [message.text(), heldBack])).toEqual([
    ['1', 0],
    ['2', 0],
  ]);
  expect(bench.port.stalls[0]?.subscription).toBe(stream);
});

test('QoS 1 and 2 are answered independently (§4.6): one does not hold back the other', () => {
  const bench = new Bench();
  bench.connect();
  const kept = keeping(bench);
  bench.publish('a', { qos: 1 });
  bench.publish('a', { qos: 2 });
  kept[1]?.ack();
  bench.port.clock.advance(100_000);
  expect(bench.port.stalls).toEqual([]);
});

test('answering in time disarms; the next head is timed anew', () => {
  const bench = new Bench();
  bench.connect();
  const kept = keeping(bench);
  for (let i = 0; i < 4; i++) bench.publish('a', { qos: 1 });
  kept[1]?.ack();
  bench.port.clock.advance(20_000);
  kept[0]?.ack();
  bench.port.clock.advance(100_000);
  expect(bench.port.stalls).toEqual([]);
  expect(bench.port.clock.pending).toBe(0);
  kept[3]?.ack();
  bench.port.clock.advance(30_000);
  expect(bench.port.stalls).toMatchObject([{ message: kept[2], heldBack: 1 }]);
});

test('a consumer that keeps up with a full window is not stalled, however long it lasts', () => {
  const bench = new Bench({ receiveMaximum: 3 });
  bench.connect();
  const stream = bench.declare('a', { qos: 1 });
  for (let i = 0; i < 3; i++) bench.publish('a', { qos: 1 });
  for (let i = 0; i < 200; i++) {
    bench.port.clock.advance(1000);
    stream.tryReceive()?.ack();
    bench.publish('a', { qos: 1 });
  }
  expect(bench.port.stalls).toEqual([]);
});

test('a message of several subscriptions stalls for the handle that has not answered', () => {
  const bench = new Bench();
  bench.connect({ info: { subscriptionIdentifierAvailable: false } });
  const first = keeping(bench, 'a/#');
  const second = keeping(bench, 'a/+');
  bench.publish('a/1', { qos: 1 });
  bench.publish('a/1', { qos: 1 });
  first[0]?.ack();
  first[1]?.ack();
  second[1]?.ack();
  bench.port.clock.advance(30_000);
  expect(bench.port.stalls.map(({ message }) => message)).toEqual([second[0]]);
});

test('without a connection nothing stalls; the time starts anew with the next', () => {
  const bench = new Bench();
  bench.connect();
  const kept = keeping(bench);
  bench.publish('a', { qos: 1 });
  bench.publish('a', { qos: 1 });
  kept[1]?.ack();
  bench.port.clock.advance(20_000);
  bench.drop();
  bench.port.clock.advance(100_000);
  expect(bench.port.stalls).toEqual([]);
  bench.connect({ fate: 'resumed' });
  bench.port.clock.advance(30_000);
  expect(bench.port.stalls).toHaveLength(1);
});

test('messages whose session or identifier is gone hold nothing back', () => {
  const bench = new Bench();
  bench.connect();
  const kept = keeping(bench);
  const replaced = bench.publish('a', { qos: 1 });
  bench.publish('a', { qos: 1 });
  // The broker has used the identifier of the first again: the engine takes the old exchange for done.
  if (replaced !== undefined) replaced.phase = 'done';
  kept[1]?.ack();
  bench.port.clock.advance(100_000);
  expect(bench.port.stalls).toEqual([]);
});
