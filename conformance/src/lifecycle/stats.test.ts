// SPDX-License-Identifier: Apache-2.0
//
// S-092: each counter moves for its event, by one, and no other of its kind does.

import type { ClientOptions, ClientStats, SessionOperation } from '@mqttv5/core';
import { MemorySessionStore } from '@mqttv5/core';
import type { ScriptedBroker, ScriptedConnection } from '@mqttv5/testing';
import type { PublishPacket } from '@mqttv5/wire';
import { describe, expect, test } from 'vitest';
import { connected, next, scripted, turn } from './setup.ts';

type World = Awaited<ReturnType<typeof connected>>;

interface CounterCase {
  readonly moves: Partial<Record<keyof ClientStats, number>>;
  readonly when: string;
  readonly options?: Partial<ClientOptions>;
  readonly connack?: Parameters<ScriptedConnection['handshake']>[0];
  happen(world: World): Promise<unknown>;
}

/** Gauges and what is counted of the wire move with everything: they have tests of their own. */
const APART: ReadonlySet<string> = new Set(['bytesSent', 'bytesReceived', 'packetsSent', 'packetsReceived']);

const cases: readonly CounterCase[] = [
  {
    when: 'a QoS 0 publish',
    moves: { publishesSent: 1 },
    async happen({ client, connection }) {
      await client.publish('a', 'x');
      await connection.expect('publish');
    },
  },
  {
    when: 'a QoS 1 publish under way',
    moves: { publishesSent: 1, publishesInflight: 1, sendQuota: -1 },
    async happen({ client, connection }) {
      client.publish('a', 'x', { qos: 1 }).catch(() => undefined); // ends with the client
      await connection.expect('publish');
    },
  },
  {
    when: 'a QoS 1 publish acknowledged (T-182)',
    moves: { publishesSent: 1, publishesAcked: 1 },
    async happen({ client, connection }) {
      const publishing = client.publish('a', 'x', { qos: 1 });
      const { packetIdentifier } = await connection.expect('publish');
      connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
      await publishing;
    },
  },
  {
    when: 'a QoS 2 publish refused',
    moves: { publishesSent: 1, publishesFailed: 1 },
    async happen({ client, connection }) {
      const publishing = client.publish('a', 'x', { qos: 2 }).catch(() => undefined);
      const { packetIdentifier } = await connection.expect('publish');
      connection.send({ type: 'pubrec', packetIdentifier, reasonCode: 0x87 });
      await publishing;
    },
  },
  {
    when: 'a publish that waits for quota',
    connack: { properties: { receiveMaximum: 1 } },
    moves: { publishesSent: 1, publishesInflight: 1, publishesQueued: 1, sendQuota: -1 },
    async happen({ client, connection }) {
      for (const _ of [1, 2]) client.publish('a', 'x', { qos: 1 }).catch(() => undefined); // ends with the client
      await connection.expect('publish');
    },
  },
  {
    when: 'a message for a loop, acknowledged',
    moves: { messagesReceived: 1, messagesDelivered: 1, acksSent: 1, subscriptions: 1 },
    async happen({ client, connection }) {
      const subscription = await grant(connection, () => client.subscribe('in', { qos: 1 }));
      const loop = subscription[Symbol.asyncIterator]();
      connection.send(publish(1, 1));
      await loop.next();
      void loop.next();
      await connection.expect('puback');
    },
  },
  {
    when: 'a message dropped',
    moves: { messagesReceived: 2, messagesDropped: 1, subscriptions: 1 },
    async happen({ client, connection }) {
      await grant(connection, () => client.subscribe('in', { bufferSize: 1 }));
      for (const _ of [1, 2]) connection.send(publish(0, 0));
      await turn();
    },
  },
  {
    when: 'an acknowledgement of nothing',
    moves: { acksIgnored: 1 },
    async happen({ connection }) {
      connection.send({ type: 'puback', packetIdentifier: 7, reasonCode: 0 });
      await turn();
    },
  },
  {
    when: 'a connection lost, and made again with the session',
    moves: { disconnects: 1, reconnects: 1, connects: 1 },
    async happen({ broker, client, connection }) {
      const back = next(client, 'connect');
      connection.drop();
      await (await broker.accept()).handshake({ sessionPresent: true });
      await back;
    },
  },
  {
    when: 'an attempt refused',
    moves: { disconnects: 1, reconnects: 1, connects: 1, connectFailures: 1 },
    async happen({ broker, client, connection }) {
      const back = next(client, 'connect');
      connection.drop();
      await refuse(broker);
      await (await broker.accept()).handshake({ sessionPresent: true });
      await back;
    },
  },
  {
    when: 'a session lost, with a subscription',
    moves: { disconnects: 1, reconnects: 1, connects: 1, resubscribes: 1, subscriptions: 1 },
    async happen({ broker, client, connection }) {
      await grant(connection, () => client.subscribe('in'));
      connection.drop();
      const second = await broker.accept();
      await second.handshake({ sessionPresent: false });
      await grant(second, () => Promise.resolve());
      await turn();
    },
  },
  {
    when: 'a ping answered',
    moves: { pingsSent: 1 },
    async happen({ client, connection }) {
      const pinging = client.ping();
      await connection.expect('pingreq');
      connection.send({ type: 'pingresp' });
      await pinging;
    },
  },
  {
    when: 'a ping not answered (S-045, S-146)',
    options: { pingTimeoutMs: 10 },
    moves: { pingsSent: 1, pingTimeouts: 1, disconnects: 1, sendQuota: -65_535 },
    async happen({ client, connection }) {
      const lost = next(client, 'disconnect');
      client.ping().catch(() => undefined); // its code is a test of its own
      await connection.expect('pingreq');
      expect(await lost).toMatchObject({ error: { code: 'PING_TIMEOUT' }, willReconnect: true });
    },
  },
  {
    when: 'a protocol error',
    moves: { protocolErrors: 1, disconnects: 1, sendQuota: -65_535 },
    async happen({ client, connection }) {
      const lost = next(client, 'disconnect');
      connection.sendBytes(Uint8Array.of(0x00, 0x00));
      await lost;
    },
  },
  {
    when: 'a record the store did not take',
    options: { store: failingOnPublish() },
    // Sent as far as the session is concerned: the record was what held it back.
    moves: { storeErrors: 1, publishesSent: 1, publishesFailed: 1 },
    async happen({ client }) {
      await expect(client.publish('a', 'x', { qos: 1 })).rejects.toMatchObject({ code: 'STORE_FAILED' });
    },
  },
  {
    when: 'a pool without a connected member (S-133)',
    options: { clientId: 'pooled', publisherPool: { size: 1 } },
    moves: { poolFallbacks: 1, publishesSent: 1 },
    async happen({ client, connection }) {
      await client.publish('a', 'x');
      await connection.expect('publish');
    },
  },
];

describe('stats() counts (S-061, S-092)', () => {
  test.each(cases)('$when: $moves', async ({ options, connack, moves, happen }) => {
    const world = await connected({ stats: true, ...options }, connack);
    const before = world.client.stats();
    await happen(world);
    const after = world.client.stats();
    const moved = Object.entries(after).filter(
      ([key, value]) => value !== before[key as keyof ClientStats] && !APART.has(key),
    );
    expect(Object.fromEntries(moved.map(([key, value]) => [key, value - before[key as keyof ClientStats]]))).toEqual(
      moves,
    );
  });

  test('bytes and packets, both ways, of the wire as it was', async () => {
    const { client, connection } = await connected({ stats: true });
    const before = client.stats();
    const pinging = client.ping();
    await connection.expect('pingreq');
    connection.send({ type: 'pingresp' });
    await pinging;
    await client.publish('abc', '12345');
    await connection.expect('publish');
    const after = client.stats();
    expect(after.packetsSent - before.packetsSent).toBe(2);
    expect(after.packetsReceived - before.packetsReceived).toBe(1);
    expect(after.bytesReceived - before.bytesReceived).toBe(2);
    // PINGREQ 2; fixed header 2, topic 2 + 3, no properties 1, payload 5.
    expect(after.bytesSent - before.bytesSent).toBe(2 + 13);
  });

  test('CONNECT and CONNACK count: one of each after connect()', async () => {
    const { client } = await connected({ stats: true });
    expect(client.stats()).toMatchObject({
      connects: 1,
      connectFailures: 0,
      packetsSent: 1,
      packetsReceived: 1,
      sendQuota: 65_535,
    });
  });
});

test('without the option every one is zero, whatever happens (T-183)', async () => {
  const { client, connection } = await connected();
  await client.publish('a', 'x');
  await connection.expect('publish');
  expect(Object.values(client.stats()).every((value) => value === 0)).toBe(true);
  expect(Object.keys(client.stats()).toSorted()).toEqual(
    Object.keys((await connected({ stats: true })).client.stats()).toSorted(),
  );
  expect(Object.keys(scripted().client.stats())).toHaveLength(26);
});

async function grant<T>(connection: ScriptedConnection, subscribe: () => Promise<T>): Promise<T> {
  const subscribing = subscribe();
  const { packetIdentifier, filters } = await connection.expect('subscribe');
  connection.send({ type: 'suback', packetIdentifier, reasonCodes: filters.map(({ qos }) => qos) });
  return subscribing;
}

async function refuse(broker: ScriptedBroker): Promise<void> {
  const connection = await broker.accept();
  await connection.expect('connect');
  connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0x88 });
}

function publish(packetIdentifier: number, qos: 0 | 1): PublishPacket {
  return {
    type: 'publish',
    topicName: 'in',
    payload: new Uint8Array(1),
    qos,
    retain: false,
    dup: false,
    packetIdentifier,
  };
}

/** Takes what a session needs to begin, and no message. */
function failingOnPublish(): MemorySessionStore {
  const store = new MemorySessionStore();
  const commit = store.commit.bind(store);
  store.commit = (operations: readonly SessionOperation[]) => {
    if (operations.some((operation) => operation.type === 'put' && operation.key.startsWith('o')))
      throw new Error('disk full');
    commit(operations);
  };
  return store;
}
