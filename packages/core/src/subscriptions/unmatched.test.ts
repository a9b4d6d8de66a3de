// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';

import { Bench, texts } from '../../test/subscriptions/bench.ts';

test('a message that matches no subscription is reported, still unanswered, and acknowledged with 0x00', () => {
  const bench = new Bench();
  bench.connect();
  bench.port.onUnmatched = (message) => bench.port.log.push(`acknowledged: ${String(message.acknowledged)}`);
  bench.publish('x', { qos: 1 });
  bench.publish('y');
  expect(bench.port.log).toEqual([
    'unmatched x',
    'acknowledged: false',
    'ack 1 0',
    'unmatched y',
    'acknowledged: false',
  ]);
});

test('a listener of unmatched may refuse the message', () => {
  const bench = new Bench();
  bench.connect();
  bench.port.onUnmatched = (message) => message.ack(0x90);
  bench.publish('x', { qos: 2 });
  expect(bench.port.acks).toEqual([{ packetIdentifier: 1, reasonCode: 0x90 }]);
});

test('pain 21: in a foreign resumed session QoS 1 and 2 are held; a subscription made in that time is given them, in order', () => {
  const bench = new Bench();
  bench.connect({ fate: 'resumed', resumedForeign: true });
  bench.publish('a', { qos: 1, payload: '1' });
  bench.publish('b', { qos: 1, payload: 'other' });
  bench.publish('a', { qos: 2, payload: '2' });
  bench.publish('a', { payload: 'zero' });
  expect(texts(bench.port.unmatched)).toEqual(['zero']);
  expect(bench.port.acks).toEqual([]);
  bench.port.clock.advance(9_999);
  const stream = bench.declare('a', { qos: 2 });
  expect([stream.tryReceive()?.text(), stream.tryReceive()?.text()]).toEqual(['1', '2']);
  bench.port.clock.advance(1);
  expect(texts(bench.port.unmatched)).toEqual(['zero', 'other']);
  expect(bench.port.acks).toEqual([{ packetIdentifier: 2, reasonCode: 0 }]);
  bench.publish('b', { qos: 1, payload: 'late' });
  expect(texts(bench.port.unmatched)).toEqual(['zero', 'other', 'late']);
});

test('also when the Client object has ended its own Subscriptions of the session', () => {
  const bench = new Bench();
  bench.connect();
  bench.declare('a', { qos: 1 });
  bench.answer();
  bench.registry.end(undefined);
  bench.connect({ fate: 'resumed' });
  bench.publish('a', { qos: 1 });
  expect(bench.port.unmatched).toEqual([]);
  bench.port.clock.advance(10_000);
  expect(bench.port.unmatched).toHaveLength(1);
});

test('not in a session of its own, nor in a new one', () => {
  const bench = new Bench();
  bench.connect();
  bench.declare('a');
  bench.answer();
  bench.publish('x', { qos: 1 });
  bench.drop();
  bench.connect({ fate: 'resumed' });
  bench.publish('x', { qos: 1 });
  bench.registry.end(undefined);
  bench.connect({ fate: 'new' });
  bench.publish('a', { qos: 1 });
  expect(bench.port.unmatched).toHaveLength(3);
});

test('held messages survive a drop, and their time starts with the next CONNACK; with the session they go', () => {
  const bench = new Bench();
  bench.connect({ fate: 'resumed', resumedForeign: true });
  const exchange = bench.publish('a', { qos: 1, payload: '1' });
  bench.port.clock.advance(9_000);
  bench.drop();
  bench.port.clock.advance(60_000);
  expect(bench.port.unmatched).toEqual([]);
  bench.connect({ fate: 'resumed' });
  bench.port.clock.advance(9_999);
  const stream = bench.declare('a');
  expect(stream.size).toBe(1);

  bench.publish('b', { qos: 1, payload: '2' });
  bench.drop();
  if (exchange !== undefined) exchange.phase = 'done';
  bench.connect({ fate: 'lost' });
  expect(bench.declare('b').size).toBe(0);
  bench.port.clock.advance(60_000);
  expect(bench.port.unmatched).toEqual([]);
});

test('the hold is bounded by receiveMaximum', () => {
  const bench = new Bench({ receiveMaximum: 2 });
  bench.connect({ fate: 'resumed', resumedForeign: true });
  for (const payload of ['1', '2', '3']) bench.publish('a', { qos: 1, payload });
  expect(texts(bench.port.unmatched)).toEqual(['3']);
});

test('unmatchedHoldMs 0 holds nothing beyond the turn', () => {
  const bench = new Bench({ unmatchedHoldMs: 0 });
  bench.connect({ fate: 'resumed', resumedForeign: true });
  bench.port.clock.advance(0);
  bench.publish('a', { qos: 1 });
  expect(bench.port.unmatched).toHaveLength(1);
});
