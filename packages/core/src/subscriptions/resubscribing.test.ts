// SPDX-License-Identifier: Apache-2.0
//
// What is subscribed again, and sent again, when a session is resumed, lost, or in doubt.

import { expect, test } from 'vitest';

import { asked, Bench } from '../../test/subscriptions/bench.ts';

test('pain 21: declare before connect registers the route; a resumed session’s first messages find their way', () => {
  const bench = new Bench();
  const stream = bench.declare('a', { qos: 1 });
  bench.registry.deliver(bench.packet('a', { qos: 1, payload: '1' }).packet, 'a', undefined);
  expect(stream.tryReceive()?.text()).toBe('1');
  bench.connect({ fate: 'resumed', resumedForeign: true });
  expect(asked(bench)).toEqual(['subscribe a']);
});

test('pain 22 V-058: on Session Present 0 everything is subscribed again, one SUBSCRIBE per identifier, oldest first', () => {
  const bench = new Bench();
  bench.connect();
  bench.declare(['a', 'b']);
  bench.declare('c');
  bench.declare('a', { qos: 1 });
  for (const request of bench.port.requests) bench.answer(undefined, request);
  const before = bench.port.requests.map((request) => request.subscriptionIdentifier);
  bench.drop();
  bench.connect({ fate: 'lost' });
  // "a" stands with the newest options, and only once.
  expect(asked(bench).slice(3)).toEqual(['subscribe b', 'subscribe c', 'subscribe a']);
  expect(bench.request().filters[0]?.qos).toBe(1);
  expect(bench.port.requests.slice(3).map((request) => request.subscriptionIdentifier)).toEqual(before);
  expect(bench.port.counters.resubscribes).toBe(3);
});

test('V-058: on Session Present 1 nothing that was granted is subscribed again; what was not is sent', () => {
  const bench = new Bench();
  bench.connect();
  bench.declare('a');
  bench.answer();
  bench.drop();
  bench.declare('b');
  bench.connect({ fate: 'resumed' });
  expect(asked(bench)).toEqual(['subscribe a', 'subscribe b']);
  bench.answer();
  bench.drop();
  bench.connect({ fate: 'resumed' });
  expect(asked(bench)).toHaveLength(2);
});

test('in doubt everything granted is subscribed again, with Retain Handling 1 where it was 0', () => {
  const bench = new Bench();
  bench.connect();
  bench.declare(['a', { filter: 'b', retainHandling: 2 }]);
  bench.answer();
  bench.drop();
  bench.connect({ fate: 'resumed', inDoubt: true });
  expect(bench.request().filters.map(({ topicFilter, retainHandling }) => [topicFilter, retainHandling])).toEqual([
    ['a', 1],
    ['b', 2],
  ]);
  bench.answer();
  bench.drop();
  bench.connect({ fate: 'lost' });
  expect(bench.request().filters[0]?.retainHandling).toBe(0);
});

test('in doubt, a refusal of what the engine has sent again ends all who hold the filter but those with an answer to come', () => {
  const bench = new Bench();
  bench.connect();
  const granted = bench.declare('a');
  bench.answer();
  const [older, newer] = [bench.declare('a'), bench.declare('a')];
  bench.drop();
  bench.connect({ fate: 'resumed', inDoubt: true });
  bench.answer(0x87, bench.request(1));
  expect([granted.closed, older.closed, newer.closed]).toEqual([true, true, false]);
  bench.answer();
  expect(newer.closed).toBe(false);
  bench.publish('a');
  expect(newer.size).toBe(1);
});

test('V-055 T-193: a SUBSCRIBE open at a resumed drop is the engine’s to send again; the answer still settles it', async () => {
  const bench = new Bench();
  bench.connect();
  const subscribing = bench.subscribe('a');
  bench.drop();
  bench.connect({ fate: 'resumed' });
  expect(bench.port.requests).toHaveLength(1);
  bench.answer();
  await expect(subscribing).resolves.toBeDefined();
});

test('a SUBSCRIBE that is sent again behind a newer, answered one of its filter is followed by that one: the newest wins', async () => {
  const bench = new Bench();
  bench.connect();
  const older = bench.declare(['a', 'b']);
  const resent = bench.request();
  const newer = bench.declare('a', { qos: 1 });
  // SUBACKs have no order.
  bench.answer();
  bench.drop();
  bench.connect({ fate: 'resumed' });
  expect(asked(bench)).toEqual(['subscribe a b', 'subscribe a', 'subscribe a']);
  const again = bench.request();
  expect(again.subscriptionIdentifier).toBe(bench.request(1).subscriptionIdentifier);
  expect(again.filters).toMatchObject([{ qos: 1, retainHandling: 1 }]);
  bench.answer(undefined, resent);
  bench.answer();
  bench.publish('a', { properties: { subscriptionIdentifiers: [again.subscriptionIdentifier ?? 0] } });
  expect([older.size, newer.size]).toEqual([1, 1]);
});

test('so is an UNSUBSCRIBE that is sent again behind a newer, answered SUBSCRIBE', async () => {
  const bench = new Bench();
  bench.connect();
  const left = bench.declare('a');
  bench.answer();
  void left.unsubscribe().catch(() => undefined);
  bench.declare('a', { qos: 1 });
  bench.answer();
  bench.drop();
  bench.connect({ fate: 'resumed' });
  expect(asked(bench)).toEqual(['subscribe a', 'unsubscribe a', 'subscribe a', 'subscribe a']);
});

test('V-055 T-192: a SUBSCRIBE open when the session is lost is asked anew, with the same suspicion', async () => {
  const bench = new Bench();
  bench.connect();
  const subscribing = bench.subscribe('a');
  const first = bench.request();
  bench.drop();
  bench.registry.handleRequestSettled(first, { sessionLost: true });
  bench.connect({ fate: 'lost' });
  expect(asked(bench)).toEqual(['subscribe a', 'subscribe a']);
  expect(bench.request()).not.toBe(first);
  expect(bench.request().suspicion).toBe(first.suspicion);
  bench.answer();
  await expect(subscribing).resolves.toBeDefined();
});

test('two calls for one filter, both unanswered when the session is lost: one SUBSCRIBE settles both', async () => {
  const bench = new Bench();
  bench.connect();
  const both = [bench.subscribe('a'), bench.subscribe('a')];
  bench.drop();
  for (const request of bench.port.requests) bench.registry.handleRequestSettled(request, { sessionLost: true });
  bench.connect({ fate: 'lost' });
  expect(asked(bench)).toHaveLength(3);
  bench.answer();
  await expect(Promise.all(both)).resolves.toHaveLength(2);
});

test('V-059 T-196: a refusal on resubscription raises subscribeError; the subscription ends when nothing is left', () => {
  const bench = new Bench();
  bench.connect();
  const one = bench.declare('a');
  bench.answer();
  const two = bench.declare(['b', 'c']);
  bench.answer();
  bench.drop();
  bench.connect({ fate: 'lost' });
  bench.answer(0x87, bench.request(1));
  bench.answer([0, 0x97]);
  expect(one.closed).toBe(true);
  expect(one.error).toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
  expect(two.closed).toBe(false);
  expect(two.results.map(({ reasonCode }) => reasonCode)).toEqual([0, 0x97]);
  expect(bench.port.subscribeErrors.map(({ subscription }) => subscription)).toEqual([one, two]);
});

test('the refused newest of two calls for one filter leaves the older one as it was', async () => {
  const bench = new Bench();
  bench.connect();
  const first = bench.declare('a');
  bench.answer();
  const second = bench.subscribe('a', { qos: 2 });
  bench.answer(0x97);
  await expect(second).rejects.toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
  expect(first.closed).toBe(false);
  expect(asked(bench)).toEqual(['subscribe a', 'subscribe a']);
  bench.publish('a');
  expect(first.size).toBe(1);
  bench.drop();
  bench.connect({ fate: 'lost' });
  expect(bench.request().filters[0]?.qos).toBe(0);
  void first.unsubscribe();
  expect(asked(bench).at(-1)).toBe('unsubscribe a');
});
