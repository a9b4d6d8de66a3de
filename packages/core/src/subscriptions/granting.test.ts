// SPDX-License-Identifier: Apache-2.0
//
// What a call asks of the broker, what granted and refused filters come to, and what fits into a packet.

import { encodedLength } from '@mqttv5/wire';
import { expect, test } from 'vitest';

import { mqttError } from '../errors.ts';
import { asked, Bench, turn } from '../../test/subscriptions/bench.ts';

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
