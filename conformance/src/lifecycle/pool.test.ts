// SPDX-License-Identifier: Apache-2.0
//
// The publisher pool over a broker: who publishes what, and that nothing is published twice.

import { Client, type ClientOptions } from '@mqttv5/core';
import { type Broker, startBroker } from '@mqttv5/testing';
import { expect, onTestFinished, test } from 'vitest';
import { turn } from './setup.ts';

type Published = { readonly clientId: string; readonly topic: string };

/** A client whose pool is connected, and what the broker saw of its publishes. */
async function pooled(
  pool: ClientOptions['publisherPool'],
  refuse = 0,
): Promise<{ client: Client; broker: Broker; seen: Published[] }> {
  const seen: Published[] = [];
  const broker = await startBroker({
    authorize: ({ action, topic }) => (action === 'publish' && topic === 'refused' ? refuse : true),
    intercept: (direction, packet, { clientId }) => {
      if (direction === 'in' && packet.type === 'publish') seen.push({ clientId, topic: packet.topicName });
    },
  });
  const client = new Client({ brokers: broker.url, dial: broker.dial, clientId: 'base', publisherPool: pool });
  onTestFinished(async () => {
    await client.disconnect();
    await broker.close();
  });
  await client.connect();
  const size = pool?.size ?? 0;
  while (broker.clients.filter(({ connected }) => connected).length < size + 1) await turn();
  // Connected at the broker; the member hears of it a moment later.
  for (let wait = 0; wait < 10; wait += 1) await turn();
  return { client, broker, seen };
}

test('round robin: each member its turn, none twice (S-055)', async () => {
  const { client, seen } = await pooled({ size: 3 });
  for (let index = 0; index < 6; index += 1) await client.publish('a', String(index), { qos: 1 });
  expect(seen.map(({ clientId }) => clientId)).toEqual([1, 2, 3, 1, 2, 3].map((number) => `base-pub-${number}`));
});

test('hashByTopic: a topic has its member, and so its order (S-055)', async () => {
  const { client, seen } = await pooled({ size: 3, routing: 'hashByTopic' });
  const topics = Array.from({ length: 12 }, (_, index) => `sensor/${index % 6}`);
  for (const topic of topics) await client.publish(topic, 'x', { qos: 1 });
  const members = Map.groupBy(seen, ({ topic }) => topic);
  for (const published of members.values()) expect(new Set(published.map(({ clientId }) => clientId)).size).toBe(1);
  expect(new Set(seen.map(({ clientId }) => clientId)).size).toBeGreaterThan(1);
});

test('a refusal is an answer: nobody else tries (V-027)', async () => {
  const { client, seen } = await pooled({ size: 3 }, 0x87);
  await expect(client.publish('refused', 'x', { qos: 1 })).rejects.toMatchObject({
    code: 'PUBLISH_REFUSED',
    reasonCode: 0x87,
  });
  expect(seen).toHaveLength(1);
});

test('a member that cannot send at all is passed over, in the end for the client itself (S-133, V-027)', async () => {
  const { client, broker, seen } = await pooled({ size: 2 });
  for (const number of [1, 2]) broker.disconnect(`base-pub-${number}`, 0x8e);
  while (broker.clients.filter(({ connected }) => connected).length > 1) await turn();
  for (let wait = 0; wait < 10; wait += 1) await turn();
  await client.publish('a', 'x', { qos: 1 });
  expect(seen).toEqual([{ clientId: 'base', topic: 'a' }]);
});
