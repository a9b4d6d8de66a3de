// SPDX-License-Identifier: Apache-2.0
//
// A client with a store: what it writes before what it sends, what a failing store does, what the next client reads.

import { getEventListeners } from 'node:events';
import { Client, constantBackoff, MemorySessionStore, type SessionOperation, type SessionStore } from '@mqttv5/core';
import { ScriptedBroker, startBroker } from '@mqttv5/testing';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { connected, next, record, scripted, stateOf, turn } from './setup.ts';

/** A store whose commits can be watched, held up and made to fail. */
class WatchedStore implements SessionStore {
  readonly inner = new MemorySessionStore();
  readonly commits: (readonly SessionOperation[])[] = [];
  /** Commits wait for it. */
  gate: Promise<void> | undefined;
  refuses: (operations: readonly SessionOperation[]) => boolean = () => false;

  load(): ReturnType<SessionStore['load']> {
    return this.inner.load();
  }

  commit(operations: readonly SessionOperation[]): void | Promise<void> {
    this.commits.push(operations);
    if (this.gate === undefined) this.#commit(operations);
    else return this.gate.then(() => this.#commit(operations));
  }

  close(): void {
    this.inner.close();
  }

  #commit(operations: readonly SessionOperation[]): void {
    if (this.refuses(operations)) throw new Error('disk full');
    this.inner.commit(operations);
  }
}

function fails(): never {
  throw new Error('no disk');
}

function* failsHalfWay(): Iterable<readonly [string, Uint8Array]> {
  yield ['o/1', Uint8Array.of(1)];
  fails();
}

const isFirstPut = (operation: SessionOperation): boolean => operation.type === 'put' && operation.key.startsWith('o/');

describe('stored before sent (S-059, V-098)', () => {
  test('a PUBLISH leaves when its record is committed, not before, and its promise settles behind the last record', async () => {
    const store = new WatchedStore();
    const { client, connection } = await connected({ store, clientId: 'c' });
    const open = Promise.withResolvers<void>();
    store.gate = open.promise;
    const publishing = client.publish('a', 'x', { qos: 1 });
    await turn();
    expect(connection.received.map(({ type }) => type)).toEqual(['connect']);
    open.resolve();
    const { packetIdentifier } = await connection.expect('publish');
    const last = Promise.withResolvers<void>();
    store.gate = last.promise;
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await turn();
    expect(await stateOf(publishing)).toBe('pending');
    last.resolve();
    expect(await publishing).toEqual({ reasonCode: 0 });
  });

  test('everything of one turn is one commit', async () => {
    const store = new WatchedStore();
    const { client, connection } = await connected({ store, clientId: 'c' });
    const before = store.commits.length;
    const publishing = Array.from({ length: 50 }, () => client.publish('a', 'x', { qos: 1 }));
    for (const _ of publishing) await connection.expect('publish');
    expect(store.commits.length - before).toBe(1);
    await client.disconnect();
    expect(await Promise.allSettled(publishing)).toHaveLength(50);
  });

  test('a PUBACK for a message that was published on first goes out behind that publish', async () => {
    const store = new WatchedStore();
    const { client, connection } = await connected({ store, clientId: 'c' });
    const subscription = client.declare('in', { qos: 1, ack: 'manual' });
    const { packetIdentifier } = await connection.expect('subscribe');
    connection.send({ type: 'suback', packetIdentifier, reasonCodes: [1] });
    const payload = new Uint8Array(1);
    connection.send({
      type: 'publish',
      topicName: 'in',
      payload,
      qos: 1,
      retain: false,
      dup: false,
      packetIdentifier: 5,
    });
    const message = await subscription.receive();
    void client.publish('out', 'x', { qos: 1 }).catch(() => undefined); // ends with the client
    message?.ack();
    await connection.expect('publish');
    await connection.expect('puback');
    expect(connection.received.map(({ type }) => type)).toEqual(['connect', 'subscribe', 'publish', 'puback']);
  });
});

describe('a store that fails', () => {
  test('on the record of a new publish only that publish fails: StoreError, "notSent"', async () => {
    const store = new WatchedStore();
    const { client, connection } = await connected({ store, clientId: 'c' });
    store.refuses = (operations) => operations.some(isFirstPut);
    await expect(client.publish('a', 'x', { qos: 1 })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      delivery: 'notSent',
    });
    store.refuses = () => false;
    const fine = client.publish('b', 'x', { qos: 1 });
    const { topicName, packetIdentifier } = await connection.expect('publish');
    expect(topicName).toBe('b');
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await fine;
    expect(client.connected).toBe(true);
  });

  test('on any other it stops the client as a crash would: DISCONNECT 0x80, storeError, StoreError for what waits (V-099)', async () => {
    const store = new WatchedStore();
    const { client, connection } = await connected({ store, clientId: 'c' });
    const seen = record(client, 'storeError', 'close', 'reconnecting');
    const waiting = [client.publish('a', '1', { qos: 1 }), client.publish('a', '2', { qos: 2 })];
    for (const each of waiting) each.catch(() => undefined);
    const { packetIdentifier } = await connection.expect('publish');
    await connection.expect('publish');
    store.refuses = () => true;
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    expect((await connection.expect('disconnect')).reasonCode).toBe(0x80);
    for (const each of waiting) await expect(each).rejects.toMatchObject({ code: 'STORE_FAILED', delivery: 'unknown' });
    await turn();
    const error: unknown = expect.objectContaining({
      code: 'STORE_FAILED',
      cause: expect.objectContaining({ message: 'disk full' }),
    });
    expect(seen).toEqual([
      { name: 'storeError', payload: error },
      { name: 'close', payload: { error } },
    ]);
    expect(client.state).toBe('closed');
  });

  test('disconnect() afterwards, or while it happens, resolves when the connection is closed, not before', async () => {
    for (const meanwhile of [false, true]) {
      const store = new WatchedStore();
      let open = 0;
      await using broker = ScriptedBroker.inMemory();
      const { client } = scripted({
        store,
        clientId: 'c',
        // A broker that does not care for our FIN.
        dial: async (url, options) => {
          const connection = await broker.dial(url, options);
          open += 1;
          connection.end = () => undefined;
          const destroy = connection.destroy.bind(connection);
          connection.destroy = () => {
            open -= 1;
            destroy();
          };
          return connection;
        },
      });
      const connecting = client.connect();
      const connection = await broker.accept();
      await connection.handshake();
      await connecting;
      const publishing = client.publish('a', 'x', { qos: 1 }).catch((error: unknown) => error);
      const { packetIdentifier } = await connection.expect('publish');
      store.refuses = () => true;
      const failed = next(client, 'storeError');
      connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
      if (!meanwhile) await failed;
      await client.disconnect();
      expect(open).toBe(0);
      await publishing;
      store.refuses = () => false;
    }
  });

  test('connect() reloads, from a storeError listener too, and what had been recorded is sent again (T-176)', async () => {
    const store = new WatchedStore();
    const { broker, client, connection } = await connected({ store, clientId: 'c' });
    const lost = client.publish('a', '1', { qos: 1 }).catch((error: unknown) => error);
    const { packetIdentifier } = await connection.expect('publish');
    const again = Promise.withResolvers<unknown>();
    client.on('storeError', () => {
      store.refuses = () => false;
      again.resolve(client.connect());
    });
    const settled = next(client, 'publishSettled');
    store.refuses = () => true;
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    const second = await broker.accept();
    expect((await second.handshake({ sessionPresent: true })).cleanStart).toBe(false);
    const resent = await second.expect('publish');
    expect([resent.packetIdentifier, resent.dup]).toEqual([packetIdentifier, true]);
    second.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await again.promise;
    expect(await lost).toMatchObject({ code: 'STORE_FAILED' });
    expect(await settled).toMatchObject({ topic: 'a', result: { reasonCode: 0 } });
  });

  test.each([
    ['throws', () => fails()],
    ['rejects', () => Promise.reject(new Error('no disk'))],
    ['fails half-way', () => failsHalfWay()],
    ['gives nothing to iterate over', () => JSON.parse('5') as never],
  ])(
    'on load(), which %s: connect() rejects with STORE_FAILED, idle, and the next one reads it again',
    async (_name, load) => {
      const store = new WatchedStore();
      const { broker, client } = scripted({ store, clientId: 'c' });
      const events = record(client, 'storeError', 'close', 'connectError');
      const reads = vi.spyOn(store, 'load').mockImplementationOnce(load);
      expect(await client.connect().catch((error: unknown) => error)).toMatchObject({
        name: 'StoreError',
        code: 'STORE_FAILED',
        cause: expect.any(Error),
      });
      expect(client.state).toBe('idle');
      const again = client.connect();
      await (await broker.accept()).handshake();
      await again;
      expect(reads).toHaveBeenCalledTimes(2);
      expect(events).toEqual([]);
    },
  );

  // Nobody else in the process would run.
  test.each([
    ['load', 'rejection'],
    ['commit', 'rejection'],
    ['commit', 'close'],
    ['commit', 'storeError'],
  ] as const)('for ever on %s, and connect() at each %s: the event loop goes on', async (step, at) => {
    const { client } = scripted({
      clientId: 'c',
      store: {
        load: () => (step === 'load' ? fails() : []),
        commit: () => Promise.reject(new Error('no disk')),
        close: () => undefined,
      },
    });
    let calls = 0;
    const again = (): void => {
      if (calls >= 1000) return;
      calls += 1;
      client.connect().catch(() => (at === 'rejection' ? again() : undefined));
    };
    if (at !== 'rejection') client.on(at, again);
    again();
    for (let turns = 0; turns < 20; turns += 1) await turn();
    expect(calls).toBeGreaterThan(1);
    expect(calls).toBeLessThan(100);
    calls = 1000;
  });
});

describe('disconnect() and the store (V-095)', () => {
  test('waits for what is being written: the next client finds it', async () => {
    const store = new WatchedStore();
    const { broker, client, connection } = await connected({ store, clientId: 'c' });
    const open = Promise.withResolvers<void>();
    store.gate = open.promise;
    const publishing = client.publish('a', 'kept', { qos: 1 }).catch((error: unknown) => error);
    const closing = client.disconnect();
    await turn();
    expect(await stateOf(closing)).toBe('pending');
    open.resolve();
    await closing;
    expect(await publishing).toMatchObject({ code: 'CLOSED', delivery: 'pending' });
    expect(connection.received.at(-1)?.type).toBe('disconnect');
    store.gate = undefined;
    const heir = new Client({ brokers: 'mqtt://scripted', dial: broker.dial, store, disconnectTimeoutMs: 20 });
    onTestFinished(() => heir.disconnect());
    const connecting = heir.connect();
    const second = await broker.accept();
    expect(await second.handshake({ sessionPresent: true })).toMatchObject({ clientId: 'c', cleanStart: false });
    expect(new TextDecoder().decode((await second.expect('publish')).payload)).toBe('kept');
    await connecting;
  });

  test('but not for ever: a store that never answers holds it up for disconnectTimeoutMs', async () => {
    const store = new WatchedStore();
    const { client } = await connected({ store, clientId: 'c', disconnectTimeoutMs: 20 });
    store.gate = Promise.withResolvers<void>().promise;
    const publishing = client.publish('a', 'x', { qos: 1 }).catch((error: unknown) => error);
    await client.disconnect();
    expect(await publishing).toMatchObject({ code: 'CLOSED' });
    expect(client.state).toBe('closed');
  });
});

test('the CONNECT of a resumption is written when the store says that the session is in doubt, not before (3.1.2-6)', async () => {
  const store = new WatchedStore();
  const { broker, client, connection } = await connected({ store, clientId: 'c' });
  const open = Promise.withResolvers<void>();
  store.gate = open.promise;
  connection.drop();
  const second = await broker.accept();
  await turn();
  await turn();
  expect(second.received).toEqual([]);
  open.resolve();
  expect((await second.handshake({ sessionPresent: true })).cleanStart).toBe(false);
  await client.awaitConnection();
});

test('connect() resolves when its session is recorded; its signal ends that wait, and the connection (V-087)', async () => {
  const store = new WatchedStore();
  const { broker, client } = scripted({ store, clientId: 'c' });
  const controller = new AbortController();
  const connecting = client.connect({ signal: controller.signal });
  connecting.catch(() => undefined);
  const connection = await broker.accept();
  await connection.expect('connect');
  store.gate = Promise.withResolvers<void>().promise;
  connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0 });
  await turn();
  expect(await stateOf(connecting)).toBe('pending');
  controller.abort('enough');
  await expect(connecting).rejects.toBe('enough');
  await connection.closed;
  expect(client.state).toBe('idle');
});

describe('while an asynchronous store is being read', () => {
  async function reading() {
    const loaded = Promise.withResolvers<Iterable<readonly [string, Uint8Array]>>();
    const store: SessionStore = { load: () => loaded.promise, commit: () => undefined, close: () => undefined };
    const { broker, client } = scripted({ store, clientId: 'c' });
    const connecting = client.connect();
    connecting.catch(() => undefined);
    await turn();
    return { broker, client, connecting, loaded };
  }

  test('a publish waits for it, with the bytes it was given', async () => {
    const { broker, client, connecting, loaded } = await reading();
    const bytes = new TextEncoder().encode('before');
    const { signal } = new AbortController();
    const publishing = client.publish('a', bytes, { qos: 1, signal });
    bytes.fill(0);
    loaded.resolve([]);
    const connection = await broker.accept();
    await connection.handshake();
    await connecting;
    const { payload, packetIdentifier } = await connection.expect('publish');
    expect(new TextDecoder().decode(payload)).toBe('before');
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await publishing;
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('one that cannot be read: connect() rejects with STORE_FAILED, the publish with NOT_CONNECTED, and nothing was sent', async () => {
    const { client, connecting, loaded } = await reading();
    const publishing = client.publish('a', 'x', { qos: 1 });
    publishing.catch(() => undefined);
    const failure = new Error('not this disk');
    loaded.reject(failure);
    await expect(connecting).rejects.toMatchObject({ code: 'STORE_FAILED', cause: failure });
    await expect(publishing).rejects.toMatchObject({
      code: 'NOT_CONNECTED',
      delivery: 'notSent',
      cause: { code: 'STORE_FAILED', cause: failure },
    });
  });

  test('one that is never read: signal and disconnect() end a publish all the same, and nothing was sent', async () => {
    const { client, connecting } = await reading();
    const controller = new AbortController();
    const aborted = client.publish('a', 'x', { qos: 1, signal: controller.signal });
    const open = client.publish('a', 'x', { qos: 1 });
    for (const each of [aborted, open]) each.catch(() => undefined);
    controller.abort('enough');
    await expect(aborted).rejects.toBe('enough');
    await client.disconnect();
    await expect(open).rejects.toMatchObject({ code: 'CLOSED', delivery: 'notSent' });
    await expect(connecting).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('whose session it is (V-075)', () => {
  test('a session in the store is resumed without being asked; an explicit cleanStart gives it up at the first CONNACK', async () => {
    await using broker = await startBroker();
    const store = new MemorySessionStore();
    const options = { brokers: broker.url, clientId: 'c', store, reconnect: constantBackoff(1) };
    const first = new Client(options);
    expect((await first.connect()).sessionPresent).toBe(false);
    await first.disconnect();
    const second = new Client(options);
    expect((await second.connect()).sessionPresent).toBe(true);
    await second.disconnect();
    const third = new Client({ ...options, cleanStart: true });
    expect((await third.connect()).sessionPresent).toBe(false);
    await third.disconnect();
  });

  test('a store of another client identifier: INVALID_OPTION, and nothing in it is touched', async () => {
    const store = new WatchedStore();
    const owner = await connected({ store, clientId: 'owner' });
    await owner.client.disconnect();
    const commits = store.commits.length;
    const { client } = scripted({ store, clientId: 'stranger' });
    await expect(client.connect()).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    expect(store.commits).toHaveLength(commits);
  });

  test('a record that cannot be read is set aside and reported, the rest is resumed', async () => {
    const store = new WatchedStore();
    const owner = await connected({ store, clientId: 'c' });
    for (const text of ['1', '2']) owner.client.publish('a', text, { qos: 1 }).catch(() => undefined); // ends with the client
    await owner.connection.expect('publish');
    await owner.connection.expect('publish');
    await owner.client.disconnect();
    store.inner.commit([{ type: 'put', key: 'o/1', value: Uint8Array.of(1, 2, 3) }]);
    const { broker, client } = scripted({ store, clientId: 'c' });
    const told = next(client, 'storeError');
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake({ sessionPresent: true });
    expect(new TextDecoder().decode((await connection.expect('publish')).payload)).toBe('2');
    await connecting;
    expect(await told).toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('o/1') });
  });
});
