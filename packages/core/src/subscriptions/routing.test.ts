// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';

import type { Message } from '../api/receive.ts';
import { Bench, texts } from '../../test/subscriptions/bench.ts';
import { SubscriptionIdentifiers } from './subscription-identifiers.ts';

/** Two overlapping subscriptions, granted, with the identifiers they were asked for with. */
function overlapping(identifiers: boolean): { bench: Bench; wide: Message[]; narrow: Message[]; ids: number[] } {
  const bench = new Bench();
  bench.connect({ info: { subscriptionIdentifierAvailable: identifiers } });
  const wide: Message[] = [];
  const narrow: Message[] = [];
  bench.declareCallback('a/#', (message) => void wide.push(message), { ack: 'manual' });
  bench.declareCallback('a/+', (message) => void narrow.push(message), { ack: 'manual' });
  const ids = bench.port.requests.map((request) => request.subscriptionIdentifier ?? 0);
  for (const request of bench.port.requests) bench.answer(undefined, request);
  return { bench, wide, narrow, ids };
}

test('V-062 T-197: with identifiers each overlapping subscription gets the copies the broker addresses to it', () => {
  const { bench, wide, narrow, ids } = overlapping(true);
  const [wideId = 0, narrowId = 0] = ids;
  bench.publish('a/1', { payload: 'w', properties: { subscriptionIdentifiers: [wideId] } });
  bench.publish('a/1', { payload: 'n', properties: { subscriptionIdentifiers: [narrowId] } });
  // §3.3.4: or one copy for both.
  bench.publish('a/1', { payload: 'both', properties: { subscriptionIdentifiers: [wideId, narrowId, narrowId] } });
  expect(texts(wide)).toEqual(['w', 'both']);
  expect(texts(narrow)).toEqual(['n', 'both']);
});

test('T-197: without identifiers each matching subscription gets each copy', () => {
  const { bench, wide, narrow, ids } = overlapping(false);
  expect(ids).toEqual([0, 0]);
  bench.publish('a/1', { payload: '1' });
  bench.publish('a/1/2', { payload: '2' });
  expect(texts(wide)).toEqual(['1', '2']);
  expect(texts(narrow)).toEqual(['1']);
});

test('a PUBLISH all of whose identifiers are unknown is routed by topic; known ones count alone', () => {
  const { bench, wide, narrow, ids } = overlapping(true);
  const [wideId = 0] = ids;
  bench.publish('a/1', { payload: '1', properties: { subscriptionIdentifiers: [7] } });
  bench.publish('a/1', { payload: '2', properties: { subscriptionIdentifiers: [7, wideId] } });
  bench.publish('a/1', { payload: '3' });
  expect(texts(wide)).toEqual(['1', '2', '3']);
  expect(texts(narrow)).toEqual(['1', '3']);
});

test('a copy for a subscription that has ended is not handed to one that overlaps with it', () => {
  const bench = new Bench();
  bench.connect();
  const wide: Message[] = [];
  bench.declareCallback('a/#', (message) => void wide.push(message), { qos: 1 });
  const narrow = bench.declare('a/+', { qos: 1 });
  const narrowId = bench.request().subscriptionIdentifier ?? 0;
  void narrow.unsubscribe();
  bench.publish('a/1', { qos: 1, payload: 'late', properties: { subscriptionIdentifiers: [narrowId] } });
  expect(wide).toEqual([]);
  expect(texts(bench.port.unmatched)).toEqual(['late']);
  expect(bench.port.acks).toEqual([{ packetIdentifier: 1, reasonCode: 0 }]);
});

test('a broker that rewrites topics is followed: the identifier says whose message it is', () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('alias/x');
  bench.publish('real/x', {
    payload: '1',
    properties: { subscriptionIdentifiers: [bench.request().subscriptionIdentifier ?? 0] },
  });
  expect(stream.tryReceive()?.text()).toBe('1');
});

test('one subscription with overlapping filters gets one message per PUBLISH', () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare(['a/#', 'a/+', '#']);
  const id = bench.request().subscriptionIdentifier ?? 0;
  bench.publish('a/1', { payload: '1' });
  bench.publish('a/1', { payload: '2', properties: { subscriptionIdentifiers: [id, id] } });
  expect(stream.size).toBe(2);
});

test('V-063 T-201: the same filter twice is one broker subscription; every holder gets a copy of what is sent under its newest identifier', async () => {
  const bench = new Bench();
  bench.connect();
  const first = bench.declare(['a', 'b']);
  const firstId = bench.request().subscriptionIdentifier ?? 0;
  const second = bench.declare('a');
  const secondId = bench.request().subscriptionIdentifier ?? 0;
  for (const request of bench.port.requests) bench.answer(undefined, request);
  bench.publish('a', { properties: { subscriptionIdentifiers: [secondId] } });
  // Sent before the broker had read the second SUBSCRIBE: it is not meant.
  bench.publish('a', { properties: { subscriptionIdentifiers: [firstId] } });
  bench.publish('b', { properties: { subscriptionIdentifiers: [firstId] } });
  expect([first.size, second.size]).toEqual([3, 1]);
  // The newest one ends: what it asked for stays in force, under its identifier.
  await second.unsubscribe();
  bench.publish('a', { properties: { subscriptionIdentifiers: [secondId] } });
  expect([first.size, second.size]).toEqual([4, 0]);
  expect(bench.port.log.filter((entry) => entry.startsWith('unsub'))).toEqual([]);
  void first.unsubscribe();
  expect(bench.port.log.filter((entry) => entry.startsWith('unsub'))).toEqual(['unsubscribe a b']);
});

test('$share/name/filter matches topics by its filter; both it and the plain filter may be held', () => {
  const bench = new Bench();
  bench.connect();
  const shared = bench.declare('$share/group/a/+');
  const sharedId = bench.request().subscriptionIdentifier ?? 0;
  const plain = bench.declare('a/+');
  const plainId = bench.request().subscriptionIdentifier ?? 0;
  bench.publish('a/1', { properties: { subscriptionIdentifiers: [sharedId] } });
  bench.publish('a/1', { properties: { subscriptionIdentifiers: [plainId] } });
  expect([shared.size, plain.size]).toEqual([1, 1]);
});

test('identifiers start at a random point, go up, stay within 1 to 268,435,455 and are not used again', () => {
  const low = new SubscriptionIdentifiers(() => 0);
  expect([low.allocate(['a'], 1), low.allocate(['a'], 1)]).toEqual([1, 2]);
  low.retire(1);
  expect(low.allocate(['a'], 1)).toBe(3);
  const high = new SubscriptionIdentifiers(() => 1 - Number.EPSILON);
  expect([high.allocate(['a'], 1), high.allocate(['a'], 1)]).toEqual([268_435_455, 1]);
  const middle = new SubscriptionIdentifiers(() => 0.5);
  expect(middle.allocate(['a'], 1)).toBe(134_217_728);
});

test('ended identifiers are remembered, bounded, until the session ends', () => {
  const identifiers = new SubscriptionIdentifiers(() => 0);
  for (let i = 0; i < 5000; i++) identifiers.retire(identifiers.allocate([`f/${i}`], i));
  expect(identifiers.lookUp(1)).toBeUndefined();
  expect(identifiers.lookUp(5000)?.filters).toEqual(new Set(['f/4999']));
  identifiers.forgetRetired();
  expect(identifiers.unused).toBe(true);
});

// Several handles of one message --------------------------------------------------------------------------------------------

function twoHandles(qos: 1 | 2): { bench: Bench; handles: readonly [Message, Message] } {
  const { bench, wide, narrow } = overlapping(false);
  bench.publish('a/1', { qos, payload: '1' });
  const [first] = wide;
  const [second] = narrow;
  if (first === undefined || second === undefined) throw new Error('not delivered twice');
  return { bench, handles: [first, second] };
}

test('V-037 T-114: each subscription has its own handle; the broker is answered after the last one', () => {
  const { bench, handles } = twoHandles(1);
  expect(handles[0]).not.toBe(handles[1]);
  handles[0].ack();
  handles[0].ack();
  expect(handles.map((handle) => handle.acknowledged)).toEqual([true, false]);
  expect(bench.port.acks).toEqual([]);
  handles[1].ack();
  expect(bench.port.acks).toEqual([{ packetIdentifier: 1, reasonCode: 0 }]);
});

for (const [first, second, answer] of [
  [0x00, 0x80, 0x00],
  [0x80, 0x00, 0x00],
  [0x97, 0x80, 0x97],
  [0x80, 0x97, 0x80],
] as const) {
  test(`handles answered with ${first} and ${second}: the broker gets ${answer}`, () => {
    const { bench, handles } = twoHandles(2);
    handles[0].ack(first);
    handles[1].ack(second);
    expect(bench.port.acks).toEqual([{ packetIdentifier: 1, reasonCode: answer }]);
  });
}

test('T-113: a second ack after the identifier was used again acknowledges nothing', () => {
  const bench = new Bench();
  bench.connect();
  const got: Message[] = [];
  bench.declareCallback('a', (message) => void got.push(message), { ack: 'manual', qos: 1 });
  bench.publish('a', { qos: 1, id: 5, payload: '1' });
  got[0]?.ack();
  bench.publish('a', { qos: 1, id: 5, payload: '2' });
  got[0]?.ack();
  expect(bench.port.acks).toEqual([{ packetIdentifier: 5, reasonCode: 0 }]);
  expect(got[1]?.acknowledged).toBe(false);
});

test('10,000 filters route as one does, with and without identifiers', () => {
  const bench = new Bench();
  bench.connect();
  const streams = Array.from({ length: 10_000 }, (_, i) => bench.declare(`device/${i}/+`));
  bench.publish('device/77/x', { payload: '77' });
  expect(streams[77]?.tryReceive()?.text()).toBe('77');
  expect(streams.reduce((sum, stream) => sum + stream.size, 0)).toBe(0);
});
