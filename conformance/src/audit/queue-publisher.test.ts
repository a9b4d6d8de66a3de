// SPDX-License-Identifier: Apache-2.0
//
// reliability.md, "Queue publisher", and api.md, "Durable publishing", over whole clients.

import {
  type Client,
  constantBackoff,
  MemoryPublisherQueue,
  MemorySessionStore,
  QueuePublisher,
  type QueueOptions,
} from '@mqttv5/core';
import { type ScriptedConnection } from '@mqttv5/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connected, next, scripted, stateOf, turn } from '../lifecycle/setup.ts';
import { error } from './setup.ts';

const text = ({ payload }: { readonly payload: Uint8Array }): string => new TextDecoder().decode(payload);

function publisher(client: Client, options: QueueOptions = {}, queue = new MemoryPublisherQueue()) {
  const made = new QueuePublisher(client, queue, { retryBackoff: constantBackoff(1), ...options });
  // Connected, close() would wait for what the broker of the test has left open.
  onTestFinished(async () => {
    await client.disconnect();
    await made.close();
  });
  return { queue, publisher: made };
}

async function acknowledge(connection: ScriptedConnection, reasonCode = 0) {
  const packet = await connection.expect('publish');
  connection.send({ type: 'puback', packetIdentifier: packet.packetIdentifier, reasonCode });
  return packet;
}

test('publish() resolves when the entry is in the queue, also offline; delivered() ends with the exchange', async () => {
  const { broker, client } = scripted();
  const { publisher: queued } = publisher(client);
  const entry = await queued.publish('a', 'x', { userProperties: { k: 'v' }, contentType: 't' });
  expect(queued.size).toBe(1);
  const delivered = entry.delivered();
  expect(await stateOf(delivered)).toBe('pending');
  const connecting = client.connect();
  const connection = await broker.accept();
  await connection.handshake();
  await connecting;
  const packet = await connection.expect('publish');
  expect(packet).toMatchObject({ qos: 1, properties: { userProperties: [['k', 'v']], contentType: 't' } });
  expect(packet.properties?.messageExpiryInterval).toBeUndefined();
  connection.send({ type: 'puback', packetIdentifier: packet.packetIdentifier, reasonCode: 0x10 });
  expect(await delivered).toEqual({ reasonCode: 0x10 });
  await queued.flush();
  expect(queued.size).toBe(0);
});

test('an id already in the queue returns the existing QueuedPublish; its delivered() ends too', async () => {
  const { client, connection } = await connected();
  const { publisher: queued } = publisher(client);
  const first = await queued.publish('a', '1', { id: 'same' });
  const second = await queued.publish('a', '2', { id: 'same' });
  expect([first.id, second.id, queued.size]).toEqual(['same', 'same', 1]);
  expect(text(await acknowledge(connection))).toBe('1');
  expect(await Promise.all([first.delivered(), second.delivered()])).toEqual([{ reasonCode: 0 }, { reasonCode: 0 }]);
  await turn();
  expect(connection.received.filter(({ type }) => type === 'publish')).toHaveLength(1);
});

test('window pipeline in queue order', async () => {
  const { client, connection } = await connected();
  const { publisher: queued } = publisher(client, { window: 2 });
  for (const n of [1, 2, 3]) await queued.publish('a', String(n));
  const one = await connection.expect('publish');
  expect(text(await connection.expect('publish'))).toBe('2');
  await turn();
  expect(connection.received).toHaveLength(3);
  connection.send({ type: 'puback', packetIdentifier: one.packetIdentifier, reasonCode: 0 });
  expect(text(await connection.expect('publish'))).toBe('3');
});

describe('refusals', () => {
  for (const code of [0x87, 0x90, 0x99]) {
    test(`0x${code.toString(16)} is permanent: to the dead letter with the reason, then removed`, async () => {
      const { client, connection } = await connected();
      const dead: unknown[] = [];
      const gate = Promise.withResolvers<void>();
      const { queue, publisher: queued } = publisher(client, {
        onDeadLetter: (entry, reason) => {
          dead.push([entry.topic, entry.dead, reason.code]);
          return gate.promise;
        },
      });
      const entry = await queued.publish('a', 'x');
      const delivered = error(entry.delivered());
      await acknowledge(connection, code);
      expect(await delivered).toMatchObject({ code: 'PUBLISH_REFUSED', reasonCode: code });
      await turn();
      expect(dead).toEqual([['a', 'PUBLISH_REFUSED', 'PUBLISH_REFUSED']]);
      expect(queue.peek(0, 10)).toHaveLength(1);
      gate.resolve();
      await queued.flush();
      await turn();
      expect(queue.peek(0, 10)).toHaveLength(0);
    });
  }

  test('any other is retried behind later messages', async () => {
    const { client, connection } = await connected();
    // Long enough for a busy machine to begin the second one before the first is due again.
    const { publisher: queued } = publisher(client, { window: 1, retryBackoff: constantBackoff(50) });
    const first = await queued.publish('a', '1');
    await queued.publish('a', '2');
    await acknowledge(connection, 0x97);
    expect(text(await acknowledge(connection))).toBe('2');
    expect(text(await acknowledge(connection))).toBe('1');
    expect(await first.delivered()).toEqual({ reasonCode: 0 });
  });
});

describe('bounds and lifetimes', () => {
  test('maximumSize "dropNewest": QUEUE_FULL; "dropOldest": the evicted one is dead with QUEUE_EVICTED', async () => {
    const { client } = scripted();
    const { publisher: newest } = publisher(client, { maximumSize: 1 });
    await newest.publish('a', '1');
    expect(await error(newest.publish('a', '2'))).toMatchObject({ code: 'QUEUE_FULL' });
    const dead: string[] = [];
    const other = scripted();
    const { publisher: oldest } = publisher(other.client, {
      maximumSize: 1,
      overflow: 'dropOldest',
      onDeadLetter: (entry, reason) => dead.push(`${text(entry)} ${reason.code}`),
    });
    const evicted = await oldest.publish('a', '1');
    const delivered = error(evicted.delivered());
    await oldest.publish('a', '2');
    expect(await delivered).toMatchObject({ code: 'QUEUE_EVICTED' });
    await turn();
    expect(dead).toEqual(['1 QUEUE_EVICTED']);
    expect(oldest.size).toBe(1);
  });

  test('the remaining lifetime is sent as Message Expiry Interval; what has expired when it is due is dead', async () => {
    const { broker, client } = scripted();
    const dead: string[] = [];
    const queue = new MemoryPublisherQueue();
    const onDeadLetter: QueueOptions['onDeadLetter'] = (entry, reason) => dead.push(`${text(entry)} ${reason.code}`);
    const { publisher: queued } = publisher(client, { onDeadLetter, ttlMs: 5 }, queue);
    const short = await queued.publish('a', 'short');
    const delivered = error(short.delivered());
    const [entry] = queue.peek(0, 1);
    while (Date.now() <= (entry?.expiresAt ?? 0)) await turn();
    await queued.close();
    const { publisher: heir } = publisher(client, { onDeadLetter }, queue);
    await heir.publish('a', 'long', { messageExpiryInterval: 100 });
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake();
    await connecting;
    const packet = await acknowledge(connection);
    expect(text(packet)).toBe('long');
    expect(packet.properties?.messageExpiryInterval).toBeGreaterThan(90);
    expect(dead).toEqual(['short MESSAGE_EXPIRED']);
    expect(await delivered).toBeInstanceOf(Error);
  });

  test('QoS 0 is not queueable', async () => {
    const { client } = scripted();
    const { publisher: queued } = publisher(client);
    expect(await error(queued.publish('a', '', { qos: 0 as 1 }))).toMatchObject({ code: 'QOS0_NOT_QUEUEABLE' });
    expect(await error(queued.publish('a/#', ''))).toMatchObject({ code: 'INVALID_TOPIC' });
    expect(queued.size).toBe(0);
  });
});

describe('over drops, closings and processes', () => {
  test('a drop leaves it to the session: one exchange, resent with DUP', async () => {
    const { broker, client, connection } = await connected();
    const { publisher: queued } = publisher(client);
    const entry = await queued.publish('a', 'x', { qos: 2 });
    const { packetIdentifier } = await connection.expect('publish');
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    expect(await again.expect('publish')).toMatchObject({ dup: true, packetIdentifier });
    again.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
    await again.expect('pubrel');
    again.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0 });
    await entry.delivered();
    await turn();
    expect(again.received.map(({ type }) => type)).toEqual(['connect', 'publish', 'pubrel']);
  });

  test('close() waits for exchanges in flight while connected; offline it leaves them at once', async () => {
    const { client, connection } = await connected({ reconnect: constantBackoff(60_000) });
    const { publisher: queued } = publisher(client);
    await queued.publish('a', '1');
    const one = await connection.expect('publish');
    const closing = queued.close();
    await turn();
    expect(await stateOf(closing)).toBe('pending');
    connection.send({ type: 'puback', packetIdentifier: one.packetIdentifier, reasonCode: 0 });
    await closing;
    expect(await error(queued.publish('a', ''))).toMatchObject({ code: 'QUEUE_CLOSED' });
    const { publisher: other, queue } = publisher(client);
    await other.publish('a', '2');
    await connection.expect('publish');
    connection.drop();
    await next(client, 'reconnecting');
    await other.close();
    expect(queue.size).toBe(1);
  });

  test('adoption after a restart: what the session finished is settled, not sent again; what is open is not doubled', async () => {
    const queue = new MemoryPublisherQueue();
    const store = new MemorySessionStore();
    const start = await connected({ store, clientId: 'c' });
    const { publisher: queued } = publisher(start.client, {}, queue);
    await queued.publish('a', '1');
    await queued.publish('a', '2');
    await start.connection.expect('publish');
    await start.connection.expect('publish');
    const left = new MemorySessionStore();
    left.commit([...store.load()].map(([key, value]) => ({ type: 'put', key, value: new Uint8Array(value) })));
    // The next process: the session first, its producer later.
    const { broker, client } = scripted({ store: left, clientId: 'c' });
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake({ sessionPresent: true });
    await connecting;
    const one = await connection.expect('publish');
    const two = await connection.expect('publish');
    expect([text(one), one.dup, text(two), two.dup]).toEqual(['1', true, '2', true]);
    connection.send({ type: 'puback', packetIdentifier: one.packetIdentifier, reasonCode: 0 });
    await turn();
    const { publisher: heir } = publisher(client, {}, queue);
    await turn();
    connection.send({ type: 'puback', packetIdentifier: two.packetIdentifier, reasonCode: 0 });
    await heir.flush();
    expect(heir.size).toBe(0);
    expect(connection.received.map(({ type }) => type)).toEqual(['connect', 'publish', 'publish']);
    expect([...left.load()].map(([key]) => key)).toEqual(['meta']);
  });
});
