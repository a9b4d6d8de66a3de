// SPDX-License-Identifier: Apache-2.0
// Over which connection of a pool a message goes, and what the client says of it (S-092, S-105, T-276 … T-284).

import { Client } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { NOBODY } from './setup.ts';
import { connectedCount, membersHaveHeard, poolBroker, pooled } from './pool-setup.ts';

describe('routing', () => {
  test('round robin spreads over the members (T-277)', async () => {
    const broker = await poolBroker();
    const client = await pooled(broker.url, { publisherPool: { size: 3 } }, broker);
    for (let round = 0; round < 6; round += 1) await client.publish('a', 'x', { qos: 1 });
    expect(broker.publishes.map(({ from }) => from)).toEqual([1, 2, 3, 1, 2, 3].map((number) => `main-pub-${number}`));
  });

  test('hashByTopic keeps a topic on one member (T-276)', async () => {
    const broker = await poolBroker();
    const client = await pooled(broker.url, { publisherPool: { size: 3, routing: 'hashByTopic' } }, broker);
    const topics = ['a', 'b', 'c', 'd', 'e'];
    for (let round = 0; round < 3; round += 1) for (const topic of topics) await client.publish(topic, 'x', { qos: 1 });
    for (const topic of topics) {
      const senders = broker.publishes.filter(({ packet }) => packet.topicName === topic).map(({ from }) => from);
      expect(new Set(senders).size).toBe(1);
      expect(senders).toHaveLength(3);
    }
    expect(new Set(broker.publishes.map(({ from }) => from)).size).toBeGreaterThan(1);
  });

  test('tryPublish goes over the pool too', async () => {
    const broker = await poolBroker();
    const client = await pooled(broker.url, {}, broker);
    expect(client.tryPublish('a', 'x')).toBe(true);
    await expect.poll(() => broker.publishes.map(({ from }) => from)).toEqual(['main-pub-1']);
    expect(client.stats().poolFallbacks).toBe(0);
  });

  test('a refusal is the end: it is not sent on another connection (T-283)', async () => {
    const broker = await poolBroker({ authorize: ({ action }) => (action === 'publish' ? 0x97 : true) });
    const client = await pooled(broker.url, {}, broker);
    await expect(client.publish('a', 'x', { qos: 1 })).rejects.toMatchObject({
      code: 'PUBLISH_REFUSED',
      reasonCode: 0x97,
    });
    expect(broker.publishes).toHaveLength(1);
    expect(client.stats().poolFallbacks).toBe(0);
  });

  test('with one member down the next one sends (T-284)', async () => {
    const broker = await poolBroker({ authenticate: ({ clientId }) => clientId !== 'main-pub-1' });
    const client = await pooled(broker.url);
    await expect.poll(() => connectedCount(broker)).toBe(2);
    await membersHaveHeard(client);
    for (let round = 0; round < 4; round += 1) await client.publish('a', 'x', { qos: 1 });
    expect(new Set(broker.publishes.map(({ from }) => from))).toEqual(new Set(['main-pub-2']));
    expect(client.stats().poolFallbacks).toBe(0);
  });

  test('with all members down the client itself sends, and counts it (S-105, T-282)', async () => {
    const broker = await poolBroker({ authenticate: ({ clientId }) => clientId === 'main' });
    const client = await pooled(broker.url);
    const payload = Uint8Array.of(1);
    const publishing = client.publish('a', payload, { qos: 1 });
    // What is published is what the call was given.
    payload[0] = 2;
    await publishing;
    expect(client.tryPublish('a', 'x')).toBe(true);
    await expect.poll(() => broker.publishes.length).toBe(2);
    expect(broker.publishes.map(({ from }) => from)).toEqual(['main', 'main']);
    expect(broker.publishes[0]?.packet.payload).toEqual(Uint8Array.of(1));
    expect(client.stats().poolFallbacks).toBe(2);
  });

  test("a wrong argument is nobody's fallback", async () => {
    const broker = await poolBroker();
    const client = await pooled(broker.url, {}, broker);
    await expect(client.publish('a/#', 'x')).rejects.toMatchObject({ code: 'INVALID_TOPIC' });
    await expect(client.publish('a', 5 as unknown as string)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    expect(client.stats().poolFallbacks).toBe(0);
  });

  test('tryPublish counts a fallback when there was one: not what the client could not send either', async () => {
    const broker = await poolBroker();
    const options = { publisherPool: { size: 1 }, writeHighWaterMark: 1 };
    const client = await pooled(broker.url, options, broker);
    // Full with the first message, until the end of this turn.
    expect([1, 2, 3].map(() => client.tryPublish('a', 'x'))).toEqual([true, true, false]);
    expect(client.stats().poolFallbacks).toBe(1);
    await expect.poll(() => broker.publishes.map(({ from }) => from).toSorted()).toEqual(['main', 'main-pub-1']);
  });

  test('before the client is connected there is no pool, and nothing is counted', async () => {
    const client = new Client({ brokers: NOBODY, clientId: 'main', stats: true, publisherPool: { size: 2 } });
    await expect(client.publish('a', 'x', { qos: 1 })).rejects.toMatchObject({ code: 'NOT_CONNECTED' });
    expect(client.tryPublish('a', 'x')).toBe(false);
    expect(client.stats().poolFallbacks).toBe(0);
  });
});

describe('what the client says of its pool', () => {
  test('stats() counts publishes over every connection; connects and losses are its own (S-092)', async () => {
    const broker = await poolBroker();
    const client = await pooled(broker.url, {}, broker);
    const before = client.stats();
    expect(before).toMatchObject({ connects: 1, connectFailures: 0, publishesSent: 0 });
    // Two connections that say CONNECT, and what pooled() has pinged.
    expect(before.packetsSent - before.pingsSent).toBe(3);
    for (const qos of [0, 1, 2] as const) await client.publish('a', 'x', { qos });
    await expect.poll(() => broker.publishes.length).toBe(3);
    expect(client.stats()).toMatchObject({ publishesSent: 3, publishesAcked: 2, publishesFailed: 0, poolFallbacks: 0 });
    // PUBLISH three times and PUBREL; PUBACK, PUBREC and PUBCOMP.
    expect(client.stats().packetsSent - before.packetsSent).toBe(4);
    expect(client.stats().packetsReceived - before.packetsReceived).toBe(3);

    await client.disconnect();
    await client.connect();
    expect(client.stats()).toMatchObject({ publishesSent: 3, publishesAcked: 2 });
  });

  test('stats() shows what is in flight on any of them', async () => {
    const broker = await poolBroker({
      connackProperties: { receiveMaximum: 1 },
      intercept: (direction, { type }) => (direction === 'out' && type === 'puback' ? 'discard' : undefined),
    });
    const client = await pooled(broker.url, {}, broker);
    for (let number = 0; number < 4; number += 1) client.publish('a', 'x', { qos: 1 }).catch(() => undefined);
    // Counted as in flight while they wait for the quota, as on one connection.
    expect(client.stats()).toMatchObject({ publishesSent: 2, publishesInflight: 2, publishesQueued: 2, sendQuota: 1 });
  });

  test('publishSettled: the end of an exchange that nobody waits for any more', async () => {
    const held = Promise.withResolvers<void>();
    const broker = await poolBroker({
      intercept: async (direction, { type }) => {
        if (direction === 'out' && type === 'puback') await held.promise;
      },
    });
    const client = await pooled(broker.url, {}, broker);
    const settled = Promise.withResolvers<unknown>();
    client.on('publishSettled', settled.resolve);
    const controller = new AbortController();
    const publishing = client.publish('a', 'x', { qos: 1, signal: controller.signal });
    await expect.poll(() => broker.publishes.length).toBe(1);
    controller.abort(new Error('enough'));
    await expect(publishing).rejects.toThrow('enough');
    held.resolve();
    expect(await settled.promise).toMatchObject({ topic: 'a', qos: 1, result: { reasonCode: 0x10 } });
  });

  test('a member that gives up before it was ever connected is reported', async () => {
    const broker = await poolBroker({ authenticate: ({ clientId }) => clientId === 'main' });
    const reported: { message: string; error: unknown }[] = [];
    const nothing = (): void => undefined;
    const error = (message: string, details?: object): void =>
      void reported.push({ message, error: undefined, ...details });
    await pooled(broker.url, {
      maximumReconnectAttempts: 1,
      publisherPool: { size: 1 },
      logger: { debug: nothing, info: nothing, warn: nothing, error },
    });
    await expect
      .poll(() => reported)
      .toMatchObject([{ message: 'mqtt: publisherPool', error: { code: 'CONNECT_REFUSED', reasonCode: 0x86 } }]);
  });

  test('a function for identifiers that fails costs the pool, not the connection, and is reported', async () => {
    const broker = await poolBroker();
    const reported: unknown[] = [];
    const nothing = (): void => undefined;
    const client = await pooled(broker.url, {
      logger: { debug: nothing, info: nothing, warn: nothing, error: (_message, details) => reported.push(details) },
      publisherPool: {
        size: 1,
        clientId: () => {
          throw new Error('no name');
        },
      },
    });
    expect(reported).toEqual([{ error: new Error('no name') }]);
    await client.publish('a', 'x', { qos: 1 });
    expect(client.stats().poolFallbacks).toBe(1);
    const back = new Promise((resolve) => {
      client.on('connect', resolve);
    });
    broker.dropConnections();
    await back;
    expect(connectedCount(broker)).toBe(1);
    await client.publish('a', 'x', { qos: 1 });
  });
});
