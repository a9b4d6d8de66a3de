// SPDX-License-Identifier: Apache-2.0

import { Client, type Message, type SubscribeOptions } from '@mqttv5/core';
import { startBroker, type ScriptedConnection } from '@mqttv5/testing';
import type { ConnackProperties, PublishPacket } from '@mqttv5/wire';
import { describe, expect, test } from 'vitest';
import { connected, next, record, scripted, turn } from './setup.ts';

describe('a subscription', () => {
  test('SUBSCRIBE, SUBACK, then its messages (T-139)', async () => {
    const { client, connection } = await connected();
    const subscribing = client.subscribe([{ filter: 'a/#', qos: 2, retainHandling: 2 }, 'b'], { qos: 1 });
    const subscribe = await connection.expect('subscribe');
    expect(subscribe.filters).toEqual([
      { topicFilter: 'a/#', qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 2 },
      { topicFilter: 'b', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 },
    ]);
    connection.send({ type: 'suback', packetIdentifier: subscribe.packetIdentifier, reasonCodes: [2, 0] });
    const subscription = await subscribing;
    expect(subscription.results).toEqual([
      { filter: 'a/#', reasonCode: 2 },
      { filter: 'b', reasonCode: 0 },
    ]);
    connection.send(publish('a/x', 'hello'));
    expect((await subscription.receive())?.text()).toBe('hello');
  });

  test('UNSUBSCRIBE, UNSUBACK; the stream has ended at once, and normally (T-140)', async () => {
    const { client, connection } = await connected();
    const subscription = await grant(connection, () => client.subscribe('a'));
    const reading = subscription.receive();
    const ending = subscription.unsubscribe();
    expect(await reading).toBeUndefined();
    const { topicFilters, packetIdentifier } = await connection.expect('unsubscribe');
    connection.send({ type: 'unsuback', packetIdentifier, reasonCodes: [0] });
    await ending;
    expect([topicFilters, subscription.closed, subscription.error]).toEqual([['a'], true, undefined]);
  });

  test('over a drop with the session it is not asked for again; without the session it is (S-142)', async () => {
    const { broker, client, connection } = await connected();
    await grant(connection, () => client.subscribe('a'));
    connection.drop();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    await client.awaitConnection();
    await turn();
    expect(second.received).toHaveLength(1);
    second.drop();
    const third = await broker.accept();
    await third.handshake({ sessionPresent: false });
    expect((await third.expect('subscribe')).filters).toMatchObject([{ topicFilter: 'a' }]);
  });

  test('overlapping ones have handles of their own; the broker hears of the last (S-148)', async () => {
    const { client, connection } = await connected({}, { properties: { subscriptionIdentifierAvailable: false } });
    const one = await grant(connection, () => client.subscribe('a/#', { qos: 1, ack: 'manual' }));
    const two = await grant(connection, () => client.subscribe('a/+', { qos: 1, ack: 'manual' }));
    connection.send({ ...publish('a/x', 'both'), qos: 1, packetIdentifier: 4 });
    const [first, second] = [await one.receive(), await two.receive()];
    expect(first).not.toBe(second);
    first?.ack();
    first?.ack();
    await turn();
    expect(connection.received.some(({ type }) => type === 'puback')).toBe(false);
    second?.ack();
    expect((await connection.expect('puback')).packetIdentifier).toBe(4);
  });

  test('a handler that is none: refused before anything is sent (S-129)', async () => {
    const { client, connection } = await connected();
    const none: unknown = undefined;
    // What plain JavaScript may hand in.
    await expect(client.subscribeCallback('a', none as () => void)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await turn();
    expect(connection.received).toHaveLength(1);
  });
});

describe('what the broker does not have', () => {
  const lacking: readonly [properties: ConnackProperties, filter: string, code: string, row: string][] = [
    [{ sharedSubscriptionAvailable: false }, '$share/g/a', 'SHARED_SUBSCRIPTIONS_UNSUPPORTED', 'S-130, T-144'],
    [{ wildcardSubscriptionAvailable: false }, 'a/+', 'WILDCARD_SUBSCRIPTIONS_UNSUPPORTED', 'S-131, T-145'],
    [{ wildcardSubscriptionAvailable: false }, 'a/#', 'WILDCARD_SUBSCRIPTIONS_UNSUPPORTED', 'S-131, T-145'],
    [{ maximumPacketSize: 30 }, 'a/filter/that/is/too/long/for/it', 'PACKET_TOO_LARGE', 'V-022'],
  ];
  test.each(lacking)('%j: "%s" is refused before it is sent, %s (%s)', async (properties, filter, code) => {
    const { client, connection } = await connected({}, { properties });
    await expect(client.subscribe(filter)).rejects.toMatchObject({ code });
    await turn();
    expect(connection.received).toHaveLength(1);
  });

  test('and what it has, or does not speak of, is sent (T-146)', async () => {
    for (const properties of [{}, { sharedSubscriptionAvailable: true, wildcardSubscriptionAvailable: true }]) {
      const { client, connection } = await connected({}, { properties });
      const subscription = await grant(connection, () => client.subscribe(['$share/g/a', 'b/#']));
      expect(subscription.closed).toBe(false);
    }
  });
});

describe('bounds', () => {
  const bounds: readonly [overflow: SubscribeOptions['overflow'], kept: string[], dropped: string[]][] = [
    ['dropNewest', ['1', '2'], ['3', '4']],
    ['dropOldest', ['3', '4'], ['1', '2']],
  ];

  test.each(bounds)(
    'the default of the client, %s: keeps %j, drops %j (S-057, S-058, S-127)',
    async (overflow, kept, dropped) => {
      const { client, connection } = await connected({ bufferSize: 2, overflow });
      const events = record(client, 'drop');
      const subscription = await grant(connection, () => client.subscribe('a'));
      for (const text of ['1', '2', '3', '4']) connection.send(publish('a', text));
      await turn();
      expect(events.map(({ payload }) => (payload as { message: Message }).message.text())).toEqual(dropped);
      expect([subscription.size, subscription.dropped]).toEqual([2, 2]);
      expect([subscription.tryReceive()?.text(), subscription.tryReceive()?.text()]).toEqual(kept);
    },
  );

  test('a stream is a queue: receive(), tryReceive(), size; undefined when it has ended (S-069)', async () => {
    const { client, connection } = await connected();
    const subscription = await grant(connection, () => client.subscribe('a'));
    expect(subscription.tryReceive()).toBeUndefined();
    const waiting = subscription.receive();
    for (const text of ['1', '2', '3']) connection.send(publish('a', text));
    expect((await waiting)?.text()).toBe('1');
    expect([subscription.size, subscription.tryReceive()?.text(), subscription.size]).toEqual([2, '2', 1]);
    await client.disconnect();
    expect(await subscription.receive()).toBeUndefined();
  });

  test('of a subscription: bufferSize, and onDrop with a readable message before its acknowledgement leaves (S-072, S-073, S-076)', async () => {
    const { client, connection } = await connected({ bufferSize: 1_000 });
    const dropped: string[] = [];
    const onDrop = (message: Message): void => {
      dropped.push(`${message.text()} ${connection.received.some(({ type }) => type === 'puback')}`);
    };
    await grant(connection, () => client.subscribe('a', { qos: 1, bufferSize: 1, overflow: 'dropOldest', onDrop }));
    for (const packetIdentifier of [1, 2])
      connection.send({ ...publish('a', String(packetIdentifier)), qos: 1, packetIdentifier });
    expect((await connection.expect('puback')).packetIdentifier).toBe(1);
    expect(dropped).toEqual(['1 false']);
  });

  test('by default 65 536 messages wait, and not one more; Infinity is no bound (V-049)', async () => {
    await using broker = await startBroker();
    await using client = new Client({ brokers: broker.url, dial: broker.dial });
    await client.connect();
    const bounded = await client.subscribe('a');
    const unbounded = await client.subscribe('b', { bufferSize: Infinity });
    for (let index = 0; index < 65_537; index += 1) broker.publish('a', '');
    for (let index = 0; index < 65_537; index += 1) broker.publish('b', '');
    await client.ping();
    expect([bounded.size, bounded.dropped]).toEqual([65_536, 1]);
    expect([unbounded.size, unbounded.dropped]).toEqual([65_537, 0]);
  });

  test('Receive Maximum is bounded by default: 1024 messages of QoS 1 and 2 without an answer (V-046)', async () => {
    const { broker, client } = scripted();
    const connecting = client.connect();
    expect((await (await broker.accept()).handshake()).properties?.receiveMaximum).toBe(1024);
    await connecting;
  });

  test('a subscription has its own; "pause" loses nothing', async () => {
    await using broker = await startBroker();
    await using client = new Client({ brokers: broker.url, bufferSize: 1 });
    await client.connect();
    const subscription = await client.subscribe('a', { bufferSize: 10, overflow: 'pause' });
    for (let index = 0; index < 5_000; index += 1) broker.publish('a', `${index} ${'x'.repeat(500)}`);
    let expected = 0;
    for await (const message of subscription) {
      expect(message.text().split(' ')[0]).toBe(String(expected));
      expected += 1;
      if (expected === 5_000) break;
    }
    expect(subscription.dropped).toBe(0);
  });
});

test('ack() answers once; detach() gives a message a buffer of its own; a callback takes the options of a stream (S-080, S-081, V-050)', async () => {
  const { client, connection } = await connected();
  const taken: Message[] = [];
  const handler = (message: Message): void => void taken.push(message);
  await grant(connection, () => client.subscribeCallback('a', handler, { qos: 1, ack: 'manual', concurrency: 2 }));
  connection.send({ ...publish('a', 'kept'), qos: 1, packetIdentifier: 3 });
  await turn();
  const [message] = taken;
  expect([message?.acknowledged, connection.received.some(({ type }) => type === 'puback')]).toEqual([false, false]);
  message?.ack(0x97);
  message?.ack();
  expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 3, reasonCode: 0x97 });
  await turn();
  expect(connection.received.filter(({ type }) => type === 'puback')).toHaveLength(1);
  expect(message?.detach().payload.buffer.byteLength).toBe(4);
});

test('reconnecting is over when the client gives up: every stream ends with why (V-086)', async () => {
  const { client, connection } = await connected({ reconnect: false });
  const subscription = await grant(connection, () => client.subscribe('a'));
  const reading = subscription.receive();
  reading.catch(() => undefined);
  const closed = next(client, 'close');
  connection.drop();
  await closed;
  await expect(reading).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  expect([client.state, subscription.closed, subscription.error?.code]).toEqual(['closed', true, 'CONNECTION_LOST']);
});

async function grant<T>(connection: ScriptedConnection, subscribe: () => Promise<T>): Promise<T> {
  const subscribing = subscribe();
  const { packetIdentifier, filters } = await connection.expect('subscribe');
  connection.send({ type: 'suback', packetIdentifier, reasonCodes: filters.map(({ qos }) => qos) });
  return subscribing;
}

function publish(topicName: string, text: string): PublishPacket {
  const payload = new TextEncoder().encode(text);
  return { type: 'publish', topicName, payload, qos: 0, retain: false, dup: false, packetIdentifier: 0 };
}
