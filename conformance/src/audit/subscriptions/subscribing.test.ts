// SPDX-License-Identifier: Apache-2.0
//
// reliability.md, "Subscriptions", sentence by sentence: what is asked of the broker and taken back, who gets a copy,
// and what open and refused requests come to.

import { MemorySessionStore } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { connected, next, record, scripted, turn } from '../../lifecycle/setup.ts';
import { grant, types } from '../setup.ts';
import { inbound, subscribed } from './setup.ts';

describe('one broker subscription per exact filter', () => {
  test('shared by the subscriptions with it, UNSUBSCRIBE when the last one ends', async () => {
    const { client, connection } = await connected();
    const opening = [client.subscribe('f', { qos: 1 }), client.subscribe('f', { qos: 2 })];
    const one = await grant(connection);
    const two = await grant(connection);
    const [a, b] = await Promise.all(opening);
    expect([one.filters[0]?.qos, two.filters[0]?.qos]).toEqual([1, 2]);
    const identifier = two.properties?.subscriptionIdentifier ?? 0;
    connection.send(inbound({ topic: 'f', identifiers: [identifier] }));
    await turn();
    expect([a?.size, b?.size]).toEqual([1, 1]);
    await b?.unsubscribe();
    expect(types(connection)).not.toContain('unsubscribe');
    const ending = a?.unsubscribe();
    const { packetIdentifier, topicFilters } = await connection.expect('unsubscribe');
    expect(topicFilters).toEqual(['f']);
    connection.send({ type: 'unsuback', packetIdentifier, reasonCodes: [0] });
    await ending;
  });
});

describe('Subscription Identifiers', () => {
  test('each overlapping subscription gets one copy for each copy the broker addresses to it', async () => {
    const { client, connection } = await connected();
    const opening = [client.subscribe('a/b'), client.subscribe('a/#'), client.subscribe(['a/+', 'a/b/#'])];
    const ids: number[] = [];
    for (const _ of opening) ids.push((await grant(connection)).properties?.subscriptionIdentifier ?? 0);
    expect(new Set(ids).size).toBe(3);
    const subscriptions = await Promise.all(opening);
    connection.send(inbound({ topic: 'a/b', identifiers: [ids[0] ?? 0] }));
    connection.send(inbound({ topic: 'a/b', identifiers: [ids[1] ?? 0, ids[2] ?? 0] }));
    connection.send(inbound({ topic: 'a/b', identifiers: [ids[2] ?? 0] }));
    await turn();
    expect(subscriptions.map(({ size }) => size)).toEqual([1, 1, 2]);
  });

  test('all identifiers unknown: routed by topic; some known: only those', async () => {
    const { client, connection } = await connected();
    const opening = [client.subscribe('a/b'), client.subscribe('a/#')];
    const ids: number[] = [];
    for (const _ of opening) ids.push((await grant(connection)).properties?.subscriptionIdentifier ?? 0);
    const subscriptions = await Promise.all(opening);
    const unknown = Math.max(...ids) > 1000 ? 7 : 268_000_000;
    connection.send(inbound({ topic: 'a/b', identifiers: [unknown] }));
    await turn();
    expect(subscriptions.map(({ size }) => size)).toEqual([1, 1]);
    connection.send(inbound({ topic: 'a/b', identifiers: [unknown, ids[1] ?? 0] }));
    await turn();
    expect(subscriptions.map(({ size }) => size)).toEqual([1, 2]);
  });

  test('without them each matching subscription gets each copy, and a call is one SUBSCRIBE', async () => {
    const { client, connection } = await connected({}, { properties: { subscriptionIdentifierAvailable: false } });
    const opening = [client.subscribe(['a/b', 'a/+']), client.subscribe('a/#')];
    expect((await grant(connection)).filters).toHaveLength(2);
    await grant(connection);
    const subscriptions = await Promise.all(opening);
    connection.send(inbound({ topic: 'a/b' }));
    connection.send(inbound({ topic: 'a/b' }));
    await turn();
    expect(subscriptions.map(({ size }) => size)).toEqual([2, 2]);
  });
});

describe('open and refused', () => {
  test('subscribe is whole or nothing: the granted filters are unsubscribed again, `results` has all', async () => {
    const { client, connection } = await connected();
    const subscribing = client.subscribe(['a', 'b', 'c'], { qos: 1 });
    const outcome = subscribing.catch((error: unknown) => error);
    await grant(connection, 1, 0x87, 0);
    expect((await connection.expect('unsubscribe')).topicFilters).toEqual(['a', 'c']);
    expect(await outcome).toMatchObject({
      code: 'SUBSCRIBE_REFUSED',
      results: [
        { filter: 'a', reasonCode: 1 },
        { filter: 'b', reasonCode: 0x87 },
        { filter: 'c', reasonCode: 0 },
      ],
    });
  });

  test('declare keeps the granted part: ready() rejects, the rest is live; with none granted it is closed', async () => {
    const { client, connection } = await connected();
    const events = record(client, 'subscribeError');
    const subscription = client.declare(['a', 'b']);
    const ready = subscription.ready().catch((error: unknown) => error);
    await grant(connection, 0, 0x87);
    expect(await ready).toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
    expect(subscription.closed).toBe(false);
    expect(events).toEqual([]);
    connection.send(inbound({ topic: 'a' }));
    connection.send(inbound({ topic: 'b' }));
    await turn();
    expect(subscription.size).toBe(1);
    const none = client.declare('c');
    await grant(connection, 0x87);
    await turn();
    expect(none.closed).toBe(true);
    expect(none.error).toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
    expect(events).toHaveLength(1);
    await expect(none.receive()).rejects.toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
  });

  test('open SUBSCRIBE and UNSUBSCRIBE are sent again after a drop, in call order', async () => {
    const { broker, client, connection, subscription } = await subscribed();
    const first = client.subscribe('one');
    const ending = subscription.unsubscribe();
    const second = client.subscribe('two');
    const before = [
      await connection.expect('subscribe'),
      await connection.expect('unsubscribe'),
      await connection.expect('subscribe'),
    ];
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    const one = await grant(again);
    const un = await again.expect('unsubscribe');
    again.send({ type: 'unsuback', packetIdentifier: un.packetIdentifier, reasonCodes: [0] });
    const two = await grant(again);
    expect([one, un, two].map((p) => p.packetIdentifier)).toEqual(before.map((p) => p.packetIdentifier));
    await Promise.all([first, ending, second]);
  });

  test('an aborted subscribe that is granted later is unsubscribed again', async () => {
    const { client, connection } = await connected();
    const abort = new AbortController();
    const subscribing = client.subscribe('a', { signal: abort.signal });
    const outcome = subscribing.catch((error: unknown) => error);
    await connection.expect('subscribe');
    abort.abort('no');
    expect(await outcome).toBe('no');
    const first = connection.received.at(-1);
    if (first?.type !== 'subscribe') throw new Error('SUBSCRIBE expected');
    connection.send({ type: 'suback', packetIdentifier: first.packetIdentifier, reasonCodes: [0] });
    expect((await connection.expect('unsubscribe')).topicFilters).toEqual(['a']);
  });

  test('declare before connect(): its SUBSCRIBE is sent though the session was resumed, and first messages find it', async () => {
    const store = new MemorySessionStore();
    const first = await connected({ store, clientId: 'c' });
    await first.client.disconnect();
    const { broker, client } = scripted({ store, clientId: 'c' });
    const subscription = client.declare('in', { qos: 1 });
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake({ sessionPresent: true });
    connection.send(inbound({ id: 1 }));
    await connecting;
    expect((await subscription.receive())?.text()).toBe('x');
    await grant(connection);
    await subscription.ready();
    expect(subscription.results).toEqual([{ filter: 'in', reasonCode: 1 }]);
  });

  test('what was refused when everything was subscribed again raises subscribeError', async () => {
    const { broker, client, connection, subscription } = await subscribed();
    const refused = next(client, 'subscribeError');
    connection.drop();
    const again = await broker.accept();
    await again.handshake();
    await grant(again, 0x87);
    expect(await refused).toMatchObject({ error: { code: 'SUBSCRIBE_REFUSED' } });
    expect(subscription.closed).toBe(true);
  });

  test('offline unsubscribe() resolves at once and the UNSUBSCRIBE follows', async () => {
    const { broker, client, connection, subscription } = await subscribed();
    connection.drop();
    await next(client, 'disconnect');
    await subscription.unsubscribe();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    expect((await again.expect('unsubscribe')).topicFilters).toEqual(['in']);
  });

  test('SUBSCRIBE never exceeds the Maximum Packet Size of the broker, on later connections too', async () => {
    const filters = Array.from({ length: 10 }, (_, i) => `filter/${i}/${'x'.repeat(40)}`);
    const { broker, client, connection } = await connected();
    const subscribing = client.subscribe(filters);
    expect((await grant(connection)).filters).toHaveLength(10);
    await subscribing;
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ properties: { maximumPacketSize: 128 } });
    const asked: string[] = [];
    while (asked.length < 10) {
      const packet = await grant(again);
      expect(packet.filters.length).toBeLessThanOrEqual(2);
      asked.push(...packet.filters.map(({ topicFilter }) => topicFilter));
    }
    expect(asked).toEqual(filters);
  });
});
