// SPDX-License-Identifier: Apache-2.0

import { Client, type Message, type SubscribeOptions } from '@mqttv5/core';
import { startBroker, type ScriptedConnection } from '@mqttv5/testing';
import type { ConnackProperties, PublishPacket } from '@mqttv5/wire';
import { describe, expect, test } from 'vitest';
import { connected, next, record, turn } from './setup.ts';

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
    'the default of the client, %s: keeps %j, and says what it drops (S-057, S-058, S-127)',
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
