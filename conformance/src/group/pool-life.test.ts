// SPDX-License-Identifier: Apache-2.0
// Publish-only connections that are lost, moved, drained and ended (S-093, T-285).

import { Client } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { connectedCount, membersHaveHeard, poolBroker, pooled } from './pool-setup.ts';

describe('the life of a pool', () => {
  test('a drain waits for what is open on its members (drainTimeoutMs)', async () => {
    const held = Promise.withResolvers<void>();
    const broker = await poolBroker({
      intercept: async (direction, { type }) => {
        if (direction === 'out' && type === 'puback') await held.promise;
      },
    });
    const client = await pooled(broker.url, {}, broker);
    const publishing = [client.publish('a', '1', { qos: 1 }), client.publish('a', '2', { qos: 1 })];
    await expect.poll(() => broker.publishes.length).toBe(2);
    const closing = client.disconnect({ drainTimeoutMs: 60_000 });
    expect(client.state).toBe('closing');
    held.resolve();
    await Promise.all(publishing);
    await closing;
    await expect.poll(() => connectedCount(broker)).toBe(0);
  });

  test('a drain ends with its time, and with its signal, whatever a member still waits for', async () => {
    const broker = await poolBroker({
      intercept: (direction, { type }) => (direction === 'out' && type === 'puback' ? 'discard' : undefined),
    });
    const client = await pooled(broker.url, {}, broker);
    const publish = (): Promise<unknown> => client.publish('a', 'x', { qos: 1 }).catch((error: unknown) => error);
    let publishing = publish();
    await client.disconnect({ drainTimeoutMs: 1 });
    expect(await publishing).toMatchObject({ code: 'SESSION_LOST' });

    await client.connect();
    await expect.poll(() => connectedCount(broker)).toBe(3);
    await membersHaveHeard(client);
    publishing = publish();
    const controller = new AbortController();
    const closing = client.disconnect({ drainTimeoutMs: 60_000, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(closing).rejects.toThrow('enough');
    expect(await publishing).toMatchObject({ code: 'SESSION_LOST' });
    await expect.poll(() => connectedCount(broker)).toBe(0);
  });

  test('a member that was dropped comes back', async () => {
    const broker = await poolBroker();
    const client = await pooled(broker.url, {}, broker);
    broker.dropConnections();
    await expect.poll(() => connectedCount(broker)).toBe(0);
    await expect.poll(() => connectedCount(broker)).toBe(3);
    await client.awaitConnection();
    await membersHaveHeard(client);
    await client.publish('a', 'x', { qos: 1 });
    expect(broker.publishes.map(({ from }) => from)).toEqual(['main-pub-1']);
  });

  test('it fails over with the client, beside a failover list, and takes along what was not finished (S-093)', async () => {
    const [first, second] = [
      await poolBroker({
        intercept: (direction, { type }) => (direction === 'out' && type === 'puback' ? 'discard' : undefined),
      }),
      await poolBroker(),
    ];
    const client = await pooled([first.url, second.url], {}, first);
    const publishing = [client.publish('a', '1', { qos: 1 }), client.publish('a', '2', { qos: 1 })];
    await expect.poll(() => first.publishes.length).toBe(2);
    await first.close();
    await Promise.all(publishing);
    expect(
      second.publishes.map(({ from, packet }) => `${from} ${new TextDecoder().decode(packet.payload)}`).toSorted(),
    ).toEqual(['main-pub-1 1', 'main-pub-2 2']);
    expect(connectedCount(second)).toBe(3);
  });

  test('members that are still connected to the broker the client has left are replaced', async () => {
    const [first, second] = [await poolBroker(), await poolBroker()];
    const client = await pooled(first.url, {}, first);
    client.setBrokers(second.url);
    first.disconnect('main', 0x98);
    await expect.poll(() => connectedCount(second)).toBe(3);
    await expect.poll(() => connectedCount(first)).toBe(0);
    await membersHaveHeard(client);
    await client.publish('a', 'x', { qos: 1 });
    expect(second.publishes.map(({ from }) => from)).toEqual(['main-pub-1']);
  });

  test('a member that has given up is tried again when the client is back', async () => {
    let open = false;
    const broker = await poolBroker({ authenticate: ({ clientId }) => open || clientId === 'main' });
    const client = await pooled(broker.url, {
      maximumReconnectAttempts: 1,
      publisherPool: { size: 1 },
      // The member's end is expected.
      logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
    });
    await client.publish('a', 'x', { qos: 1 });
    expect(client.stats().poolFallbacks).toBe(1);
    open = true;
    broker.dropConnections();
    await expect.poll(() => connectedCount(broker)).toBe(2);
  });

  test('disconnect() ends every member, and connect() makes them again', async () => {
    const broker = await poolBroker();
    const client = await pooled(broker.url, {}, broker);
    await client.disconnect();
    await expect.poll(() => connectedCount(broker)).toBe(0);
    await client.connect();
    await expect.poll(() => connectedCount(broker)).toBe(3);
  });

  test('connect, publish and disconnect in any order leave nothing behind and nothing open (T-285)', async () => {
    const broker = await poolBroker();
    const client = new Client({
      brokers: broker.url,
      clientId: 'main',
      reconnect: () => 1,
      publisherPool: { size: 3 },
    });
    const settled: Promise<unknown>[] = [];
    for (let round = 0; round < 20; round += 1) {
      const connecting = client.connect();
      settled.push(connecting.catch(() => undefined));
      if (round % 3 > 0) await connecting;
      for (const qos of [0, 1, 2] as const) {
        settled.push(
          client.publish('a', 'x', { qos }).catch((error: unknown) => expect(error).toHaveProperty('delivery')),
        );
      }
      if (round % 4 === 1) broker.dropConnections();
      if (round % 2 > 0) await Promise.resolve();
      await client.disconnect();
      expect(client.state).toBe('closed');
    }
    await Promise.all(settled);
    await expect.poll(() => connectedCount(broker)).toBe(0);
  });
});
