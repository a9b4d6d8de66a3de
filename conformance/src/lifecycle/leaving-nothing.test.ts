// SPDX-License-Identifier: Apache-2.0
//
// Over and over again, and at the worst moments: what was opened is closed.

import { getEventListeners } from 'node:events';
import { Client, constantBackoff, MemorySessionStore, type SessionStore } from '@mqttv5/core';
import { ScriptedBroker, type ScriptedConnection, startBroker } from '@mqttv5/testing';
import { encode } from '@mqttv5/wire';
import { expect, test } from 'vitest';
import { activeResources, leftBehind } from '../resilience/left-behind.ts';
import { connected, next, record, scripted, turn } from './setup.ts';

test('a client is used again after disconnect(), as often as one likes (T-162)', async () => {
  await using broker = await startBroker();
  const client = new Client({ brokers: broker.url });
  for (let round = 0; round < 5; round += 1) {
    await client.connect();
    const subscription = await client.subscribe('a', { qos: 1 });
    await client.publish('a', String(round), { qos: 1 });
    const message = await subscription.receive();
    expect(message?.text()).toBe(String(round));
    message?.ack();
    await client.disconnect();
  }
});

test('connect, use, disconnect, fifty times over real sockets: no socket, timer or listener is left (T-179)', async () => {
  const before = activeResources();
  {
    await using broker = await startBroker();
    const { signal } = new AbortController();
    for (let round = 0; round < 50; round += 1) {
      const client = new Client({ brokers: broker.url, keepAlive: 60, reconnect: constantBackoff(1) });
      await client.connect({ signal });
      const subscription = await client.subscribe('a', { qos: 2, signal });
      await client.publish('a', 'x', { qos: 2, messageExpiryInterval: 60, signal });
      await subscription.receive({ signal });
      await client.ping({ signal });
      await client.respond('question', (request) => request.payload, { signal });
      await client.request('question', 'x', { signal });
      if (round % 2 === 0) broker.dropConnections();
      await client.disconnect({ signal });
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  }
  expect(await leftBehind(before, AbortSignal.timeout(5_000))).toEqual({});
});

test('a client that stops itself leaves nothing either (T-180)', async () => {
  const before = activeResources();
  {
    await using broker = await startBroker();
    for (let round = 0; round < 10; round += 1) {
      const client = new Client({ brokers: broker.url, clientId: 'me', reconnect: false });
      await client.connect();
      void client.publish('a', 'x', { qos: 1, messageExpiryInterval: 600 }).catch(() => undefined); // ends with the client
      const closed = next(client, 'close');
      broker.disconnect('me', 0x8e);
      expect((await closed).error).toMatchObject({ code: 'SESSION_TAKEN_OVER' });
    }
  }
  expect(await leftBehind(before, AbortSignal.timeout(5_000))).toEqual({});
});

/** CONNACK and DISCONNECT in one chunk: the connection is over before anybody has heard of it. */
async function greetAndSendAway(connection: ScriptedConnection, sessionPresent = false): Promise<void> {
  await connection.expect('connect');
  const greeting = encode({ type: 'connack', sessionPresent, reasonCode: 0x00 });
  const farewell = encode({ type: 'disconnect', reasonCode: 0x89 });
  connection.sendBytes(Uint8Array.of(...greeting, ...farewell));
}

test('sent away in the very chunk of the CONNACK: disconnect() ends the wait that follows, the first and a later one', async () => {
  const before = activeResources();
  for (const losses of [1, 2]) {
    let waits = 0;
    const { broker, client } = scripted({ reconnect: () => ((waits += 1) < losses ? 1 : 60_000) });
    const seen = record(client, 'reconnecting');
    const connecting = client.connect();
    for (let loss = 1; loss <= losses; loss += 1) {
      const waiting = next(client, 'reconnecting');
      await greetAndSendAway(await broker.accept(), loss > 1);
      await waiting;
    }
    await connecting;
    expect(seen.at(-1)?.payload).toMatchObject({ delayMs: 60_000 });
    await client.disconnect();
  }
  expect(await leftBehind(before, AbortSignal.timeout(5_000))).toEqual({});
});

test('a drain, and a wait for the store, that end early leave neither their timer nor a listener', async () => {
  const before = activeResources();
  const { signal } = new AbortController();
  const store = new MemorySessionStore();
  const later: SessionStore = {
    load: () => store.load(),
    commit: async (operations) => {
      await turn();
      store.commit(operations);
    },
    close: () => undefined,
  };
  // More than once: the test runner has timers of its own, which come and go.
  for (let round = 0; round < 5; round += 1) {
    const { client, connection } = await connected({ store: later, clientId: 'c', disconnectTimeoutMs: 60_000 });
    const publishing = client.publish('a', 'x', { qos: 1 });
    const { packetIdentifier } = await connection.expect('publish');
    const disconnecting = client.disconnect({ drainTimeoutMs: 60_000, signal });
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await publishing;
    await connection.expect('disconnect');
    connection.end();
    await disconnecting;
  }
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  expect(await leftBehind(before, AbortSignal.timeout(5_000))).toEqual({});
});

test('disconnect() racing connect(), 400 times, each at another moment: both settle, nothing goes on (T-164, T-168, T-169)', async () => {
  const before = activeResources();
  {
    await using broker = await startBroker();
    const outcomes = new Set<string>();
    for (let race = 0; race < 400; race += 1) {
      const client = new Client({ brokers: broker.url, dial: broker.dial, disconnectTimeoutMs: 50 });
      const events = record(client, 'disconnect', 'connectError');
      const connecting = client.connect().then(
        () => 'connected',
        (error: { code: string }) => error.code,
      );
      // Microtasks, then turns: from before the dial to after CONNACK.
      for (let step = 0; step < race % 40; step += 1) await Promise.resolve();
      for (let step = 0; step < race % 3; step += 1) await turn();
      await client.disconnect();
      outcomes.add(await connecting);
      await turn();
      expect([client.state, events]).toEqual(['closed', []]);
    }
    expect(outcomes.difference(new Set(['connected', 'CLOSED']))).toEqual(new Set());
    expect(outcomes.size).toBe(2);
    expect(broker.clients.filter((each) => each.connected)).toEqual([]);
  }
  expect(await leftBehind(before, AbortSignal.timeout(5_000))).toEqual({});
});

test('disconnect() between CONNACK and what follows it ends the connection that was just made (T-168, T-169)', async () => {
  const { broker, client } = scripted();
  const connecting = client.connect().catch((error: unknown) => error);
  const connection = await broker.accept();
  await connection.expect('connect');
  connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0 });
  await client.disconnect();
  await connection.closed;
  await connecting;
  expect(client.state).toBe('closed');
});

test("connect(): resolves at CONNACK, rejects with the first failure; what comes later is the client's own business (S-087, S-139, T-172)", async () => {
  let up = false;
  const broker = ScriptedBroker.inMemory();
  const { client } = scripted({
    dial: (url, options) => (up ? broker.dial(url, options) : Promise.reject(new Error('down'))),
  });
  await expect(client.connect()).rejects.toMatchObject({ code: 'DIAL_FAILED' });
  expect(client.state).toBe('idle');
  up = true;
  const connecting = client.connect();
  const connection = await broker.accept();
  await connection.handshake();
  await connecting;
  const refused = client.connect();
  await expect(refused).rejects.toMatchObject({ code: 'ALREADY_CONNECTED' });
  connection.drop();
  await (await broker.accept()).handshake({ sessionPresent: true });
  await next(client, 'connect');
});

test('a refused CONNACK is CONNECT_REFUSED with its code, a second connect() ALREADY_CONNECTED (S-121, S-123)', async () => {
  const { broker, client } = scripted();
  const connecting = client.connect().catch((error: unknown) => error);
  const connection = await broker.accept();
  await connection.expect('connect');
  await expect(client.connect()).rejects.toMatchObject({ code: 'ALREADY_CONNECTED' });
  connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0x89 });
  expect(await connecting).toMatchObject({ code: 'CONNECT_REFUSED', reasonCode: 0x89 });
});

test('a handler that does not return holds up no disconnect(): there is nothing to warn of (V-090, T-177)', async () => {
  const { client, connection } = await connected();
  let called = false;
  const { promise: never } = Promise.withResolvers<void>();
  const subscribing = client.subscribeCallback('a', () => {
    called = true;
    return never;
  });
  const { packetIdentifier } = await connection.expect('subscribe');
  connection.send({ type: 'suback', packetIdentifier, reasonCodes: [0] });
  await subscribing;
  const payload = new Uint8Array(1);
  connection.send({ type: 'publish', topicName: 'a', payload, qos: 0, retain: false, dup: false, packetIdentifier: 0 });
  await turn();
  expect(called).toBe(true);
  await client.disconnect();
  expect(client.state).toBe('closed');
});
