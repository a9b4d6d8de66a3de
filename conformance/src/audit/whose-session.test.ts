// SPDX-License-Identifier: Apache-2.0
//
// reliability.md, "Whose session it is" and "Stores" as far as core, over the whole client and over processes.

import { type ClientOptions, constantBackoff, MemorySessionStore } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { connected, next, record, scripted, stateOf, turn } from '../lifecycle/setup.ts';
import { error } from './setup.ts';

/** What a killed process leaves: the store as it was, with the options of the next one. */
async function killed(
  options: Partial<ClientOptions>,
  before: (start: Awaited<ReturnType<typeof connected>>) => Promise<void>,
  connack: Parameters<typeof connected>[1] = {},
): Promise<MemorySessionStore> {
  const store = new MemorySessionStore();
  const start = await connected({ store, clientId: 'c', ...options }, connack);
  await before(start);
  const left = new MemorySessionStore();
  left.commit([...store.load()].map(([key, value]) => ({ type: 'put', key, value: new Uint8Array(value) })));
  return left;
}

describe('an explicit cleanStart: false', () => {
  test('is sent again after an attempt in vain', async () => {
    const { broker, client } = scripted({ clientId: 'c', cleanStart: false, retryInitialConnect: true });
    const connecting = client.connect();
    const first = await broker.accept();
    expect((await first.expect('connect')).cleanStart).toBe(false);
    first.drop();
    const second = await broker.accept();
    expect((await second.handshake()).cleanStart).toBe(false);
    await connecting;
  });

  test('and after SESSION_STATE_MISSING: a session that is not ours is never ended for it', async () => {
    const { broker, client } = scripted({ clientId: 'c', cleanStart: false });
    for (let i = 0; i < 2; i++) {
      const connecting = error(client.connect());
      const connection = await broker.accept();
      expect((await connection.handshake({ sessionPresent: true })).cleanStart).toBe(false);
      expect(await connecting).toMatchObject({ code: 'SESSION_STATE_MISSING' });
    }
  });
});

describe('an explicit cleanStart: true', () => {
  test('holds until one CONNECT succeeded; stored messages are a session loss at that CONNACK, never earlier', async () => {
    for (const sessionLoss of ['republish', 'fail'] as const) {
      const store = await killed({}, async ({ client, connection }) => {
        void client.publish('stored', 'x', { qos: 1 }).catch(() => undefined);
        await connection.expect('publish');
      });
      const { broker, client } = scripted({
        store,
        clientId: 'c',
        cleanStart: true,
        sessionLoss,
        retryInitialConnect: true,
      });
      const settled = record(client, 'publishSettled');
      const connecting = client.connect();
      const refused = await broker.accept();
      expect((await refused.expect('connect')).cleanStart).toBe(true);
      refused.send({ type: 'connack', sessionPresent: false, reasonCode: 0x88 });
      const connection = await broker.accept();
      expect(settled).toEqual([]);
      expect([...store.load()].map(([key]) => key)).toContain('o/1');
      expect((await connection.handshake()).cleanStart).toBe(true);
      await connecting;
      await turn();
      if (sessionLoss === 'fail') {
        expect(settled).toMatchObject([{ payload: { topic: 'stored', error: { code: 'SESSION_LOST' } } }]);
        expect([...store.load()].map(([key]) => key)).toEqual(['meta']);
      } else {
        expect(await connection.expect('publish')).toMatchObject({ topicName: 'stored', dup: false });
      }
      connection.drop();
      expect((await (await broker.accept()).handshake({ sessionPresent: true })).cleanStart).toBe(false);
    }
  });
});

describe('local session state from a store', () => {
  test('resumes without being asked, with the assigned identifier; a restored flow counts as written', async () => {
    const store = await killed(
      { clientId: undefined, publishMode: 'fireAndForget' },
      async ({ client, connection }) => {
        expect(client.clientId).toBe('given');
        void client.publish('one', '1', { qos: 2 }).catch(() => undefined);
        void client.publish('two', '2', { qos: 1, messageExpiryInterval: 1000 }).catch(() => undefined);
        const { packetIdentifier } = await connection.expect('publish');
        connection.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
        await connection.expect('pubrel');
      },
      { properties: { assignedClientIdentifier: 'given', receiveMaximum: 1 } },
    );
    const { broker, client } = scripted({ store });
    const settled = record(client, 'publishSettled');
    const connecting = client.connect();
    const connection = await broker.accept();
    expect(await connection.handshake({ sessionPresent: true })).toMatchObject({
      clientId: 'given',
      cleanStart: false,
    });
    await connecting;
    const pubrel = await connection.expect('pubrel');
    const publish = await connection.expect('publish');
    expect(publish).toMatchObject({ topicName: 'two', dup: true });
    expect(publish.properties?.messageExpiryInterval).toBeGreaterThan(990);
    connection.send({ type: 'pubcomp', packetIdentifier: pubrel.packetIdentifier, reasonCode: 0 });
    connection.send({ type: 'puback', packetIdentifier: publish.packetIdentifier, reasonCode: 0 });
    await turn();
    expect(settled).toMatchObject([
      { payload: { topic: 'one', qos: 2, result: { reasonCode: 0 } } },
      { payload: { topic: 'two', qos: 1, result: { reasonCode: 0 } } },
    ]);
    expect([...store.load()].map(([key]) => key)).toEqual(['meta']);
  });

  test('doubt survives the process: a kill between CONNECT and CONNACK, then Session Present 1', async () => {
    const store = new MemorySessionStore();
    const start = await connected({ store, clientId: 'c' });
    const subscribing = start.client.subscribe('in', { qos: 2 });
    const { packetIdentifier } = await start.connection.expect('subscribe');
    start.connection.send({ type: 'suback', packetIdentifier, reasonCodes: [2] });
    const subscription = await subscribing;
    const payload = new Uint8Array();
    const inbound = { type: 'publish', topicName: 'in', payload, qos: 2, retain: false, packetIdentifier: 9 } as const;
    start.connection.send({ ...inbound, dup: false });
    (await subscription.receive())?.ack();
    await start.connection.expect('pubrec');
    start.connection.drop();
    const silent = await start.broker.accept();
    await silent.expect('connect');
    const left = new MemorySessionStore();
    left.commit([...store.load()].map(([key, value]) => ({ type: 'put', key, value: new Uint8Array(value) })));
    const { broker, client } = scripted({ store: left, clientId: 'c' });
    const fresh = client.declare('in', { qos: 2, ack: 'manual' });
    const connecting = client.connect();
    const connection = await broker.accept();
    expect((await connection.handshake({ sessionPresent: true })).cleanStart).toBe(false);
    await connecting;
    connection.send({ ...inbound, dup: false });
    expect((await fresh.receive())?.packetIdentifier).toBe(9);
  });

  test('in, over a killed process: what was acknowledged is not given out again, what was in hand is', async () => {
    const payload = new Uint8Array();
    const inbound = { type: 'publish', topicName: 'in', payload, qos: 2, retain: false } as const;
    const store = await killed({}, async ({ client, connection }) => {
      const subscribing = client.subscribe('in', { qos: 2 });
      const { packetIdentifier } = await connection.expect('subscribe');
      connection.send({ type: 'suback', packetIdentifier, reasonCodes: [2] });
      const subscription = await subscribing;
      for (const id of [1, 2, 3]) connection.send({ ...inbound, dup: false, packetIdentifier: id });
      const [first, second] = [await subscription.receive(), await subscription.receive()];
      second?.ack();
      await turn();
      expect(connection.received.map(({ type }) => type)).not.toContain('pubrec');
      expect(first?.acknowledged).toBe(false);
    });
    const { broker, client } = scripted({ store, clientId: 'c' });
    const fresh = client.declare('in', { qos: 2 });
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake({ sessionPresent: true });
    await connecting;
    for (const id of [1, 2, 3]) connection.send({ ...inbound, dup: true, packetIdentifier: id });
    const first = await fresh.receive();
    expect(first?.packetIdentifier).toBe(1);
    first?.ack();
    expect((await connection.expect('subscribe')).filters).toHaveLength(1);
    expect((await connection.expect('pubrec')).packetIdentifier).toBe(1);
    expect((await connection.expect('pubrec')).packetIdentifier).toBe(2);
    expect((await fresh.receive())?.packetIdentifier).toBe(3);
  });

  test('meta is committed before connect() resolves and before anything else is sent', async () => {
    const inner = new MemorySessionStore();
    const hold: { until?: Promise<void> } = {};
    const store = {
      load: () => inner.load(),
      commit: async (operations: Parameters<MemorySessionStore['commit']>[0]) => {
        await hold.until;
        inner.commit(operations);
      },
      close: () => inner.close(),
    };
    const { broker, client } = scripted({ store, clientId: 'c' });
    client.declare('in');
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.expect('connect');
    const gate = Promise.withResolvers<void>();
    hold.until = gate.promise;
    connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0 });
    await turn();
    await turn();
    expect(await stateOf(connecting)).toBe('pending');
    expect(connection.received.map(({ type }) => type)).toEqual(['connect']);
    gate.resolve();
    await connecting;
    await connection.expect('subscribe');
  });
});

test('after disconnect() a session that has expired at the broker is an ordinary loss', async () => {
  const { broker, client } = await connected({ sessionExpiryInterval: 0, reconnect: constantBackoff(1) });
  await client.disconnect();
  const connecting = client.connect();
  const again = await broker.accept();
  expect((await again.handshake()).cleanStart).toBe(true);
  await connecting;
  again.drop();
  await next(client, 'disconnect');
  const third = await broker.accept();
  expect((await third.handshake()).cleanStart).toBe(false);
});
