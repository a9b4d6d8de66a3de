// SPDX-License-Identifier: Apache-2.0

import { encodedLength } from '@mqttv5/wire';
import { expect, test } from 'vitest';

import { mqttError, RejectedByDisconnectError } from '../errors.ts';
import { Bench, turn } from '../../test/subscriptions/bench.ts';

function asked(bench: Bench): string[] {
  return bench.port.log.filter((entry) => /^(un)?subscribe /.test(entry));
}

// Granting ------------------------------------------------------------------------------------------------------------------

test('S-071 S-079: the filters of one call are one SUBSCRIBE with one identifier, each with its own options', async () => {
  const bench = new Bench();
  bench.connect();
  const subscribing = bench.subscribe(['a', { filter: 'b/#', qos: 2, retainHandling: 1 }], {
    qos: 1,
    noLocal: true,
    userProperties: { k: 'v' },
  });
  expect(bench.port.requests).toHaveLength(1);
  expect(bench.request()).toMatchObject({
    type: 'subscribe',
    filters: [
      { topicFilter: 'a', qos: 1, noLocal: true, retainAsPublished: false, retainHandling: 0 },
      { topicFilter: 'b/#', qos: 2, noLocal: true, retainAsPublished: false, retainHandling: 1 },
    ],
    userProperties: [['k', 'v']],
  });
  expect(bench.request().subscriptionIdentifier).toBeGreaterThan(0);
  bench.answer([1, 2]);
  const subscription = await subscribing;
  expect(subscription.results).toEqual([
    { filter: 'a', reasonCode: 1 },
    { filter: 'b/#', reasonCode: 2 },
  ]);
  expect(subscription.filters.map(({ filter }) => filter)).toEqual(['a', 'b/#']);
  await expect(subscription.ready()).resolves.toBeUndefined();
  expect(bench.registry.subscriptionCount).toBe(1);
});

test('V-068: without identifiers at the broker none is sent', () => {
  const bench = new Bench();
  bench.connect({ info: { subscriptionIdentifierAvailable: false } });
  bench.declare('a');
  expect(bench.request().subscriptionIdentifier).toBeUndefined();
});

test('V-052 V-053 T-189: subscribe is whole or nothing: on a refusal the granted filters are unsubscribed again', async () => {
  const bench = new Bench();
  bench.connect();
  const subscribing = bench.subscribe(['a', 'b', 'c']);
  bench.publish('a', { payload: 'early' });
  bench.answer([0, 0x87, 0], undefined, 'no b for you');
  await expect(subscribing).rejects.toMatchObject({
    code: 'SUBSCRIBE_REFUSED',
    results: [
      { filter: 'a', reasonCode: 0 },
      { filter: 'b', reasonCode: 0x87, reasonString: 'no b for you' },
      { filter: 'c', reasonCode: 0 },
    ],
  });
  expect(asked(bench)).toEqual(['subscribe a b c', 'unsubscribe a c']);
  expect(bench.registry.subscriptionCount).toBe(0);
  // Nothing is silently lost: what had come was counted as dropped.
  expect(bench.port.drops).toHaveLength(1);
  expect(bench.port.subscribeErrors).toEqual([]);
});

test('V-052 V-054 T-190: declare keeps the granted part; ready() rejects and results say which', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare(['a', 'b']);
  const ready = subscription.ready();
  bench.answer([0, 0x87]);
  await expect(ready).rejects.toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
  expect(subscription.closed).toBe(false);
  expect(subscription.results.map(({ reasonCode }) => reasonCode)).toEqual([0, 0x87]);
  bench.publish('a', { payload: '1' });
  bench.publish('b', { payload: '2' });
  expect(subscription.size).toBe(1);
  expect(bench.port.subscribeErrors).toEqual([]);
  void subscription.unsubscribe();
  expect(asked(bench)).toEqual(['subscribe a b', 'unsubscribe a']);
});

test('declare with nothing granted is closed; a refusal nobody waits for raises subscribeError', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare(['a', 'b']);
  bench.answer([0x80, 0x87]);
  expect(subscription.closed).toBe(true);
  expect(bench.port.subscribeErrors).toEqual([{ subscription, error: subscription.error }]);
  await expect(subscription.ready()).rejects.toBe(subscription.error);
  await expect(subscription.receive()).rejects.toBe(subscription.error);
  expect(bench.registry.subscriptionCount).toBe(0);
  await subscription.unsubscribe();
  expect(asked(bench)).toEqual(['subscribe a b']);
});

test('ready() of a declared subscription that nobody asked about is no unhandled rejection', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare('a');
  void subscription.ready().catch(() => undefined);
  bench.answer(0x80);
  await turn();
  expect(subscription.closed).toBe(true);
});

test('capabilities: wildcards and shares that the broker does not have are refused here, and nothing is sent', async () => {
  const bench = new Bench();
  bench.connect({ info: { wildcardSubscriptionAvailable: false, sharedSubscriptionAvailable: false } });
  await expect(bench.subscribe(['a', 'a/+'])).rejects.toMatchObject({ code: 'WILDCARD_SUBSCRIPTIONS_UNSUPPORTED' });
  await expect(bench.subscribe('$share/g/a')).rejects.toMatchObject({ code: 'SHARED_SUBSCRIPTIONS_UNSUPPORTED' });
  await expect(bench.declare('b/#').ready()).rejects.toMatchObject({ code: 'WILDCARD_SUBSCRIPTIONS_UNSUPPORTED' });
  expect(bench.port.requests).toEqual([]);
  const partly = bench.declare(['a', 'b/#', '$share/g/c']);
  const ready = partly.ready();
  bench.answer();
  await expect(ready).rejects.toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
  expect(partly.results.map(({ reasonCode }) => reasonCode)).toEqual([0, 0xa2, 0x9e]);
  expect(asked(bench)).toEqual(['subscribe a']);
});

test('SUBSCRIBE and UNSUBSCRIBE are divided to keep to the broker’s Maximum Packet Size', async () => {
  const bench = new Bench();
  bench.connect({ info: { maximumPacketSize: 200 } });
  const filters = Array.from({ length: 40 }, (_, i) => `a/${'x'.repeat(i)}`);
  const subscription = bench.declare(filters, { userProperties: { name: 'value' } });
  const subscribes = [...bench.port.requests];
  expect(subscribes.length).toBeGreaterThan(3);
  expect(subscribes.flatMap((request) => request.filters.map(({ topicFilter }) => topicFilter))).toEqual(filters);
  expect(new Set(subscribes.map((request) => request.subscriptionIdentifier)).size).toBe(1);
  for (const { filters: each, subscriptionIdentifier = 0, userProperties = [] } of subscribes) {
    const packet = {
      type: 'subscribe',
      packetIdentifier: 65_535,
      filters: each,
      properties: { subscriptionIdentifier, userProperties },
    } as const;
    expect(encodedLength(packet)).toBeLessThanOrEqual(200);
  }
  for (const request of subscribes) bench.answer(undefined, request);
  await subscription.ready();
  const unsubscribing = subscription.unsubscribe();
  const unsubscribes = bench.port.requests.slice(subscribes.length);
  expect(unsubscribes.length).toBeGreaterThan(3);
  for (const { filters: each } of unsubscribes) {
    const packet = {
      type: 'unsubscribe',
      packetIdentifier: 65_535,
      topicFilters: each.map(({ topicFilter }) => topicFilter),
    } as const;
    expect(encodedLength(packet)).toBeLessThanOrEqual(200);
  }
  for (const request of unsubscribes) bench.answer(undefined, request);
  await unsubscribing;
});

test('an open SUBSCRIBE and UNSUBSCRIBE that a lower Maximum Packet Size rules out go out in smaller ones', async () => {
  const bench = new Bench();
  bench.connect();
  const ended = bench.declare(['x', 'y']);
  bench.answer();
  const unsubscribing = ended.unsubscribe();
  const subscribing = bench.subscribe(['a'.repeat(20), 'b'.repeat(20)]);
  const [unsubscribe, subscribe] = [bench.request(1), bench.request()];
  bench.drop();
  // The engine sends them again, and finds them too large.
  bench.settle(mqttError('PACKET_TOO_LARGE', 'too large'), unsubscribe);
  bench.settle(mqttError('PACKET_TOO_LARGE', 'too large'), subscribe);
  await unsubscribing;
  bench.connect({ fate: 'resumed', info: { maximumPacketSize: 40, subscriptionIdentifierAvailable: false } });
  expect(asked(bench).slice(3)).toEqual([
    'unsubscribe x y',
    `subscribe ${'a'.repeat(20)}`,
    `subscribe ${'b'.repeat(20)}`,
  ]);
  bench.answer(undefined, bench.request(1));
  bench.answer();
  await expect(subscribing).resolves.toMatchObject({ closed: false });
});

test('a filter that alone exceeds the Maximum Packet Size is PACKET_TOO_LARGE', async () => {
  const bench = new Bench();
  bench.connect({ info: { maximumPacketSize: 50 } });
  await expect(bench.subscribe(['a', 'x'.repeat(60)])).rejects.toMatchObject({ code: 'PACKET_TOO_LARGE' });
  expect(bench.port.requests).toEqual([]);
});

test('unsubscribe() of a filter that a lower Maximum Packet Size rules out rejects with PACKET_TOO_LARGE, the others are sent', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare(['a', 'x'.repeat(60)]);
  bench.answer();
  bench.drop();
  bench.connect({ fate: 'resumed', info: { maximumPacketSize: 50 } });
  const unsubscribing = subscription.unsubscribe();
  expect(asked(bench).slice(1)).toEqual(['unsubscribe a']);
  bench.answer();
  await expect(unsubscribing).rejects.toMatchObject({ code: 'PACKET_TOO_LARGE' });
  expect(subscription.closed).toBe(true);
});

// States --------------------------------------------------------------------------------------------------------------------

test('subscribe in a state without a connection to come: NOT_CONNECTED, CLOSED; while connecting it waits', async () => {
  const bench = new Bench();
  await expect(bench.subscribe('a')).rejects.toMatchObject({ code: 'NOT_CONNECTED' });
  for (const state of ['closing', 'closed'] as const) {
    bench.port.state = state;
    await expect(bench.subscribe('a')).rejects.toMatchObject({ code: 'CLOSED' });
  }
  bench.port.state = 'connecting';
  const subscribing = bench.subscribe('a');
  await turn();
  expect(bench.port.requests).toEqual([]);
  bench.connect();
  bench.answer();
  await expect(subscribing).resolves.toMatchObject({ closed: false });
});

test('connect() that fails ends the subscribes that wait for it; declared ones stay for the next', async () => {
  const bench = new Bench();
  bench.port.state = 'connecting';
  const subscribing = bench.subscribe('a');
  const declared = bench.declare('b');
  const ready = declared.ready();
  const error = mqttError('DIAL_FAILED', 'nobody there');
  bench.registry.handleConnectFailed(error);
  await expect(subscribing).rejects.toBe(error);
  await expect(ready).rejects.toBe(error);
  bench.connect();
  expect(asked(bench)).toEqual(['subscribe b']);
  bench.answer();
  await declared.ready();
});

test('T-200: disconnect ends a pending subscribe and ready() with CLOSED', async () => {
  const bench = new Bench();
  bench.connect();
  const subscribing = bench.subscribe('a');
  const ready = bench.declare('b').ready();
  bench.settle(mqttError('CLOSED', 'closed'), bench.request(1));
  bench.registry.end(undefined);
  await expect(subscribing).rejects.toMatchObject({ code: 'CLOSED' });
  await expect(ready).rejects.toMatchObject({ code: 'CLOSED' });
});

// Sessions ------------------------------------------------------------------------------------------------------------------

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

// Giving up -----------------------------------------------------------------------------------------------------------------

test('V-056 T-195: an aborted subscribe rejects with the reason and is unsubscribed when it is granted', async () => {
  const bench = new Bench();
  bench.connect();
  const abort = new AbortController();
  const subscribing = bench.subscribe('a', { signal: abort.signal });
  abort.abort(new Error('enough'));
  await expect(subscribing).rejects.toThrow('enough');
  expect(asked(bench)).toEqual(['subscribe a']);
  expect(bench.registry.subscriptionCount).toBe(0);
  bench.answer();
  expect(asked(bench)).toEqual(['subscribe a', 'unsubscribe a']);
});

test('an aborted subscribe whose filter somebody else holds is not unsubscribed', async () => {
  const bench = new Bench();
  bench.connect();
  const abort = new AbortController();
  const subscribing = bench.subscribe('a', { signal: abort.signal });
  abort.abort();
  await expect(subscribing).rejects.toThrow();
  const other = bench.declare('a');
  bench.answer(undefined, bench.request(1));
  bench.answer();
  expect(asked(bench)).toEqual(['subscribe a', 'subscribe a']);
  expect(other.closed).toBe(false);
});

test('granted to an aborted subscribe, and refused to the one who holds it in the first of two packets: given back', async () => {
  const bench = new Bench();
  bench.connect();
  bench.declare('b');
  bench.answer();
  // Two packets, since b has another holder; their outcome is one.
  const holder = bench.declare(['a', 'b', 'c']);
  const [first, second] = [bench.request(1), bench.request()];
  const abort = new AbortController();
  const subscribing = bench.subscribe('a', { signal: abort.signal });
  abort.abort();
  await expect(subscribing).rejects.toThrow();
  bench.answer();
  bench.answer([0x87, 0], first);
  expect(asked(bench)).not.toContain('unsubscribe a');
  bench.answer(undefined, second);
  expect(holder.results.map(({ reasonCode }) => reasonCode)).toEqual([0x87, 0, 0]);
  expect(asked(bench).at(-1)).toBe('unsubscribe a');
});

test('an aborted subscribe that was never sent is taken back', async () => {
  const bench = new Bench();
  bench.connect();
  bench.port.withdrawable = () => true;
  const abort = new AbortController();
  const subscribing = bench.subscribe('a', { signal: abort.signal });
  abort.abort();
  await expect(subscribing).rejects.toThrow();
  expect(bench.port.withdrawn).toHaveLength(1);
  expect(asked(bench)).toEqual(['subscribe a']);
  bench.drop();
  bench.connect({ fate: 'resumed' });
  expect(asked(bench)).toEqual(['subscribe a']);
});

test('T-203: an abandoned SUBSCRIBE is not sent again after a drop, but taken back at the broker', async () => {
  const bench = new Bench();
  bench.connect();
  const abort = new AbortController();
  const subscribing = bench.subscribe('a', { signal: abort.signal });
  abort.abort();
  await expect(subscribing).rejects.toThrow();
  bench.port.withdrawable = () => true;
  bench.drop();
  expect(bench.port.withdrawn).toEqual([bench.request()]);
  bench.connect({ fate: 'resumed' });
  expect(asked(bench)).toEqual(['subscribe a', 'unsubscribe a']);
});

test('V-061 T-202: a SUBSCRIBE that the broker answers with drops is given up with its error', async () => {
  const bench = new Bench();
  bench.connect();
  const subscribing = bench.subscribe(['a', 'b']);
  const error = new RejectedByDisconnectError('poison', 0x82, [{ filter: 'a' }, { filter: 'b' }]);
  bench.settle(error);
  await expect(subscribing).rejects.toBe(error);
  const declared = bench.declare('c');
  bench.settle(error);
  expect(declared.error).toBe(error);
  expect(bench.port.subscribeErrors).toEqual([{ subscription: declared, error }]);
  expect(declared.results).toEqual([{ filter: 'c', reasonCode: 0x82 }]);
  expect(asked(bench)).toEqual(['subscribe a b', 'subscribe c']);
});

test('an aborted ready() ends only the wait', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare('a');
  await expect(subscription.ready({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  bench.answer();
  await subscription.ready();
  expect(subscription.closed).toBe(false);
});

// unsubscribe ---------------------------------------------------------------------------------------------------------------

test('unsubscribe resolves with UNSUBACK; 0x11 is as good as 0x00', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare('a');
  bench.answer();
  let done = false;
  const unsubscribing = subscription.unsubscribe().then(() => (done = true));
  await turn();
  expect(done).toBe(false);
  bench.answer(0x11);
  await unsubscribing;
  await subscription.unsubscribe();
  expect(asked(bench)).toEqual(['subscribe a', 'unsubscribe a']);
});

test('V-060 T-199: a refused UNSUBSCRIBE is an UnsubscribeError; the subscription has ended all the same', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare(['a', 'b']);
  bench.answer();
  const unsubscribing = subscription.unsubscribe();
  expect(subscription.closed).toBe(true);
  bench.answer([0, 0x87]);
  await expect(unsubscribing).rejects.toMatchObject({
    code: 'UNSUBSCRIBE_REFUSED',
    results: [
      { filter: 'a', reasonCode: 0 },
      { filter: 'b', reasonCode: 0x87 },
    ],
  });
});

test('unsubscribe without a connection resolves at once and the UNSUBSCRIBE follows when the session is resumed', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare('a');
  bench.answer();
  bench.drop();
  await subscription.unsubscribe();
  expect(subscription.closed).toBe(true);
  bench.declare('b');
  bench.connect({ fate: 'resumed' });
  expect(asked(bench).slice(1)).toEqual(['unsubscribe a', 'subscribe b']);
});

test('V-057 T-194: an UNSUBSCRIBE open when the session is lost is done, and not sent', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare('a');
  bench.answer();
  const unsubscribing = subscription.unsubscribe();
  bench.drop();
  bench.registry.handleRequestSettled(bench.request(), { sessionLost: true });
  bench.connect({ fate: 'lost' });
  await unsubscribing;
  expect(asked(bench)).toHaveLength(2);
});

test('what was owed to a session that is lost is not sent to the next', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare('a');
  bench.answer();
  bench.drop();
  await subscription.unsubscribe();
  bench.connect({ fate: 'lost' });
  expect(asked(bench)).toEqual(['subscribe a']);
});

test('what was never granted nor sent is not unsubscribed', async () => {
  const bench = new Bench();
  const subscription = bench.declare('a');
  await subscription.unsubscribe();
  bench.connect({ fate: 'resumed' });
  expect(asked(bench)).toEqual([]);
});

test('unsubscribe of an unanswered SUBSCRIBE follows it at once, in order; ready() ends with CLOSED', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare('a');
  const ready = subscription.ready();
  void subscription.unsubscribe();
  expect(asked(bench)).toEqual(['subscribe a', 'unsubscribe a']);
  await expect(ready).rejects.toMatchObject({ code: 'CLOSED' });
  bench.answer(undefined, bench.request(1));
  expect(asked(bench)).toHaveLength(2);
});

test('unsubscribe acknowledges what nobody has taken, counts and reports it', () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare('a', { qos: 1 });
  bench.answer();
  bench.publish('a', { qos: 1, payload: '1' });
  bench.publish('a', { payload: '2' });
  void subscription.unsubscribe();
  expect(bench.port.log.slice(1)).toEqual(['unsubscribe a', 'drop 1', 'ack 1 0', 'drop 2']);
  expect([subscription.size, subscription.dropped]).toEqual([0, 2]);
});

test('an aborted unsubscribe ends only the wait', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare('a');
  bench.answer();
  await expect(subscription.unsubscribe({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  expect(subscription.closed).toBe(true);
  expect(asked(bench)).toEqual(['subscribe a', 'unsubscribe a']);
});
