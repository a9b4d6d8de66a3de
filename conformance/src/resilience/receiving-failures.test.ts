// SPDX-License-Identifier: Apache-2.0
//
// What users of other clients suffer from when they receive, class by class (reference/peers.md §2): here it cannot happen.

import { Client, connect, constantBackoff } from '@mqttv5/core';
import type { Message } from '@mqttv5/core';
import { type Broker, type ScriptedConnection, startBroker } from '@mqttv5/testing';
import type { PublishPacket } from '@mqttv5/wire';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connected, next, record, turn } from '../lifecycle/setup.ts';

describe('peers 19: no handler per subscription', () => {
  test.each([true, false])(
    'each subscription gets its own messages, overlapping ones one copy each (identifiers: %s)',
    async (subscriptionIdentifierAvailable) => {
      await using broker = await startBroker({ connackProperties: { subscriptionIdentifierAvailable } });
      await using client = await connect(broker.url);
      const seen: Record<string, string[]> = { all: [], one: [], other: [] };
      const into = (name: string) => (message: Message) => void seen[name]?.push(message.topic);
      await client.subscribeCallback('home/#', into('all'), { qos: 1 });
      await client.subscribeCallback('home/+/temperature', into('one'), { qos: 1 });
      const other = await client.subscribeCallback('garden/#', into('other'), { qos: 1 });
      // One broker copy for all of them where there are no identifiers, one each where there are: routed once either way.
      const topics = ['home/kitchen/temperature', 'home/kitchen/light', 'garden/gate'];
      for (const topic of topics) broker.publish(topic, 'x', { qos: 1 });
      await client.ping();
      await turn();
      const expected = { all: topics.slice(0, 2), one: topics.slice(0, 1), other: topics.slice(2) };
      if (subscriptionIdentifierAvailable) expect(seen).toEqual(expected);
      else for (const [name, list] of Object.entries(expected)) expect(new Set(seen[name])).toEqual(new Set(list));
      await other.unsubscribe();
      broker.publish('garden/gate', 'late', { qos: 1 });
      await client.ping();
      expect(seen['other']).toHaveLength(1);
    },
  );
});

describe('peers 20: acknowledged before the work is done', () => {
  test('a handler that works asynchronously: PUBACK when it is done, not before', async () => {
    const { client, connection } = await connected();
    const work = Promise.withResolvers<void>();
    await grant(
      connection,
      client.subscribeCallback('a', () => work.promise, { qos: 1 }),
    );
    connection.send(publish(1));
    await turn();
    expect(connection.received.some(({ type }) => type === 'puback')).toBe(false);
    work.resolve();
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
  });

  test('a loop: PUBREC when it asks for the next one, not before', async () => {
    const { client, connection } = await connected();
    const loop = (await grant(connection, client.subscribe('a', { qos: 2 })))[Symbol.asyncIterator]();
    connection.send(publish(1, 2));
    expect((await loop.next()).value?.packetIdentifier).toBe(1);
    await turn();
    expect(connection.received.some(({ type }) => type === 'pubrec')).toBe(false);
    const waiting = loop.next();
    expect(await connection.expect('pubrec')).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
    await client.disconnect();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  test('a handler that fails is a refusal that somebody sees, not a silent acknowledgement; "hold" leaves it open', async () => {
    const { client, connection } = await connected();
    const errors = record(client, 'handlerError');
    const fails = (): never => {
      throw new Error('database down');
    };
    await grant(connection, client.subscribeCallback('refuse', fails, { qos: 1 }));
    await grant(connection, client.subscribeCallback('hold', fails, { qos: 1, onHandlerError: 'hold' }));
    connection.send(publish(1, 1, 'refuse'));
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 1, reasonCode: 0x83 });
    connection.send(publish(2, 1, 'hold'));
    await turn();
    expect(connection.received.filter(({ type }) => type === 'puback')).toHaveLength(1);
    expect(errors).toHaveLength(2);
  });

  test('a process that dies at work, here a client that is closed: the message comes again', async () => {
    await using broker = await startBroker();
    const options = { clientId: 'worker', sessionExpiryInterval: 60 };
    const worker = await connect(broker.url, options);
    const jobs = await worker.subscribe('jobs', { qos: 1 });
    broker.publish('jobs', 'precious', { qos: 1 });
    await jobs.receive();
    await worker.disconnect();
    const again = worker.declare('jobs', { qos: 1 });
    await worker.connect();
    onTestFinished(() => worker.disconnect());
    expect((await again.receive())?.text()).toBe('precious');
  });
});

describe('peers 21: messages arrive before the handler is attached', () => {
  test('declared before connect(): the first messages of a resumed session find their way', async () => {
    await using broker = await startBroker();
    const away = await subscribedAndGone(broker, 'news');
    for (const text of ['1', '2']) broker.publish('news', text, { qos: 1 });
    const news = away.declare('news', { qos: 1 });
    const unmatched = record(away, 'unmatched');
    expect((await away.connect()).sessionPresent).toBe(true);
    onTestFinished(() => away.disconnect());
    expect([(await news.receive())?.text(), (await news.receive())?.text()]).toEqual(['1', '2']);
    expect(unmatched).toEqual([]);
  });

  test('subscribed after connect(): held, unacknowledged, until then', async () => {
    await using broker = await startBroker();
    const away = await subscribedAndGone(broker, 'news');
    for (const text of ['1', '2']) broker.publish('news', text, { qos: 1 });
    await away.connect();
    onTestFinished(() => away.disconnect());
    await away.ping();
    const news = await away.subscribe('news', { qos: 1 });
    expect([(await news.receive())?.text(), (await news.receive())?.text()]).toEqual(['1', '2']);
  });

  test('nobody ever comes: reported by "unmatched", then acknowledged', async () => {
    await using broker = await startBroker();
    const away = await subscribedAndGone(broker, 'news', { unmatchedHoldMs: 20 });
    broker.publish('news', 'lost', { qos: 1 });
    const unmatched = next(away, 'unmatched');
    await away.connect();
    onTestFinished(() => away.disconnect());
    expect((await unmatched).text()).toBe('lost');
  });
});

describe('peers 23: publish inside a handler deadlocks, one slow handler freezes all', () => {
  test.each([0, 1, 2] as const)('a handler that awaits its own publish at QoS %i, a thousand times', async (qos) => {
    await using broker = await startBroker();
    // A window of one: the handler's message holds it while the handler waits.
    await using client = await connect(broker.url, { receiveMaximum: 1 });
    let forwarded = 0;
    const done = Promise.withResolvers<void>();
    await client.subscribeCallback(
      'in',
      async (message) => {
        await client.publish('out', message.payload, { qos });
        forwarded += 1;
        if (forwarded === 1_000) done.resolve();
      },
      { qos: 1 },
    );
    for (let index = 0; index < 1_000; index += 1) broker.publish('in', String(index), { qos: 1 });
    await done.promise;
    expect(forwarded).toBe(1_000);
  });

  test('a handler that subscribes, requests, pings and unsubscribes', async () => {
    await using broker = await startBroker();
    await using client = await connect(broker.url);
    await client.respond('echo', (request) => request.payload, { qos: 1 });
    const done = Promise.withResolvers<string>();
    await client.subscribeCallback('start', async () => {
      await using inner = await client.subscribe('inner', { qos: 1 });
      await client.publish('inner', 'x', { qos: 1 });
      const message = await inner.receive();
      await client.ping();
      done.resolve((await client.request('echo', message?.payload ?? '', { qos: 1 })).text());
    });
    broker.publish('start', 'x');
    expect(await done.promise).toBe('x');
  });

  test('disconnect() from a handler and from a loop', async () => {
    await using broker = await startBroker();
    const one = await connect(broker.url);
    const ended = Promise.withResolvers<void>();
    await one.subscribeCallback('stop', () => ended.resolve(one.disconnect()), { qos: 1 });
    const two = await connect(broker.url);
    const stops = await two.subscribe('stop', { qos: 1 });
    broker.publish('stop', 'x', { qos: 1 });
    for await (const _ of stops) await two.disconnect();
    await ended.promise;
    expect([one.state, two.state]).toEqual(['closed', 'closed']);
  });

  test('a handler that never ends holds up neither other subscriptions, nor publishes, nor pings', async () => {
    await using broker = await startBroker();
    await using client = await connect(broker.url, { reconnect: constantBackoff(1) });
    const { promise: never } = Promise.withResolvers<void>();
    await client.subscribeCallback('slow', () => never, { qos: 1 });
    const quick = await client.subscribe('quick', { qos: 1 });
    for (let index = 0; index < 10; index += 1) {
      broker.publish('slow', String(index), { qos: 1 });
      broker.publish('quick', String(index), { qos: 1 });
    }
    for (let index = 0; index < 10; index += 1) {
      const message = await quick.receive();
      expect(message?.text()).toBe(String(index));
      message?.ack();
    }
    await client.ping();
    await client.publish('a', 'x', { qos: 2 });
  });
});

/** A client whose session at the broker has a subscription of which its own object knows nothing any more. */
async function subscribedAndGone(
  broker: Broker,
  filter: string,
  options: { readonly unmatchedHoldMs?: number } = {},
): Promise<Client> {
  const client = new Client({ brokers: broker.url, clientId: 'reader', sessionExpiryInterval: 60, ...options });
  await client.connect();
  await client.subscribe(filter, { qos: 1 });
  await client.disconnect();
  return client;
}

function publish(packetIdentifier: number, qos: 1 | 2 = 1, topicName = 'a'): PublishPacket {
  return { type: 'publish', topicName, payload: new Uint8Array(1), qos, retain: false, dup: false, packetIdentifier };
}

async function grant<T>(connection: ScriptedConnection, subscribing: Promise<T>): Promise<T> {
  const { packetIdentifier, filters } = await connection.expect('subscribe');
  connection.send({ type: 'suback', packetIdentifier, reasonCodes: filters.map(({ qos }) => qos) });
  return subscribing;
}
