// SPDX-License-Identifier: Apache-2.0
//
// The waits of the life cycle itself: connect(), awaitConnection(), disconnect(), of a client and of a group.

import { getEventListeners } from 'node:events';
import { ClientGroup, constantBackoff } from '@mqttv5/core';
import { ScriptedBroker, type ScriptedConnection } from '@mqttv5/testing';
import { expect, onTestFinished, test } from 'vitest';
import { describeEnding, REASON } from './ending.ts';
import { BreakableStore, connectedWorld, silent, turn } from './world.ts';

/** A group of one whose CONNECT waits for its answer. */
async function connecting(signal?: AbortSignal, retryInitialConnect = false) {
  const broker = ScriptedBroker.inMemory();
  const store = new BreakableStore();
  const options = {
    dial: broker.dial,
    store,
    clientId: 'settling',
    disconnectTimeoutMs: 20,
    reconnect: constantBackoff(1),
    retryInitialConnect,
    logger: silent,
  };
  const group = new ClientGroup([{ name: 'only', brokers: 'mqtt://scripted', options }]);
  onTestFinished(async () => {
    await group.disconnect();
    await broker.close();
  });
  const promise = group.connect({ signal });
  promise.catch(() => undefined);
  const connection = await broker.accept();
  await connection.expect('connect');
  const client = group.members[0]?.client;
  if (client === undefined) throw new Error('a group has its members');
  return { broker, store, group, client, connection, promise };
}

type Connecting = Awaited<ReturnType<typeof connecting>>;

const endsOfConnect: readonly [end: string, expected: string, make: (world: Connecting) => unknown][] = [
  ['drop', 'CONNECTION_LOST', ({ connection }) => connection.drop()],
  ['an orderly close', 'CONNECTION_LOST', ({ connection }) => connection.end()],
  ['a refusal', 'CONNECT_REFUSED', ({ connection }) => answer(connection, 0x87)],
  [
    'a DISCONNECT instead',
    'PROTOCOL_ERROR',
    ({ connection }) => connection.send({ type: 'disconnect', reasonCode: 0x8e }),
  ],
  ['disconnect()', 'CLOSED', ({ group }) => group.disconnect()],
  [
    'a broken store',
    'STORE_FAILED',
    ({ store, connection }) => {
      store.broken = true;
      answer(connection, 0x00);
    },
  ],
];

test.each(endsOfConnect)('connect(), %s: %s', async (_end, expected, make) => {
  const world = await connecting();
  await make(world);
  expect(await describeEnding(world.promise)).toBe(expected);
});

test.each([
  ['disconnect()', ['CLOSED', 'CLOSED', 'CLOSED']],
  ['a broken store', ['STORE_FAILED', 'CLOSED', 'STORE_FAILED']],
] as const)('connect() that retries, awaitConnection() and subscribe() beside it, %s: %s', async (end, expected) => {
  const world = await connecting(undefined, true);
  const waits = [world.promise, world.client.awaitConnection(), world.client.subscribe('a')];
  for (const wait of waits) wait.catch(() => undefined);
  await endsOfConnect.find(([name]) => name === end)?.[2](world);
  expect(await Promise.all(waits.map((wait) => describeEnding(wait)))).toEqual(expected);
});

test('connect() and silence: its signal ends it, with its reason, and so ends awaitConnection() beside it', async () => {
  const controller = new AbortController();
  const { promise, client } = await connecting(controller.signal);
  const waiting = client.awaitConnection();
  waiting.catch(() => undefined);
  controller.abort(REASON);
  expect([await describeEnding(promise), await describeEnding(waiting)]).toEqual(['reason', 'reason']);
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
});

test('a store that cannot be read: STORE_FAILED, and nothing is dialled', async () => {
  const broker = ScriptedBroker.inMemory();
  onTestFinished(() => broker.close());
  const store = new BreakableStore();
  store.load = () => {
    throw new Error('no such file');
  };
  const options = { dial: broker.dial, store, logger: silent };
  const group = new ClientGroup([{ brokers: 'mqtt://scripted', options }]);
  let attempts = 0;
  group.members[0]?.client.on('connectError', () => {
    attempts += 1;
  });
  expect(await describeEnding(group.connect())).toBe('STORE_FAILED');
  await turn();
  expect(attempts).toBe(0);
});

test.each([
  ['a drop', 'connected'],
  ['signal', 'reason'],
  ['disconnect()', 'CLOSED'],
  ['no attempt left', 'CLOSED'],
])('awaitConnection() while reconnecting, %s: %s', async (end, expected) => {
  const world = await connectedWorld();
  const controller = new AbortController();
  const reconnecting = new Promise((resolve) => void world.client.on('reconnecting', resolve));
  if (end === 'no attempt left') world.exhaust();
  else world.connection.drop();
  await reconnecting;
  const waiting = world.client.awaitConnection({ signal: controller.signal });
  waiting.catch(() => undefined);
  if (end === 'a drop') await world.accept();
  if (end === 'signal') controller.abort(REASON);
  if (end === 'disconnect()') await world.client.disconnect();
  expect(await describeEnding(waiting)).toBe(expected);
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
});

test('awaitConnection() while connected gives the connection there is, unless its signal has aborted before', async () => {
  const { client } = await connectedWorld();
  expect(await client.awaitConnection()).toBe(client.serverInfo);
  expect(await describeEnding(client.awaitConnection({ signal: AbortSignal.abort(REASON) }))).toBe('reason');
});

test.each([
  ['a drop', 'done'],
  ['silence: after disconnectTimeoutMs', 'done'],
  ['signal', 'reason'],
  ['a second disconnect()', 'done'],
  ['a takeover', 'done'],
  ['a broken store', 'done'],
])('disconnect() of a broker that does not read, %s: %s', async (end, expected) => {
  const world = await connectedWorld();
  const controller = new AbortController();
  world.connection.stall();
  const [closing, group, dispose] = [
    world.client.disconnect({ signal: controller.signal }),
    world.group.disconnect(),
    world.client[Symbol.asyncDispose](),
  ];
  closing.catch(() => undefined);
  await turn();
  if (end === 'a drop') world.connection.drop();
  if (end === 'signal') controller.abort(REASON);
  if (end === 'a second disconnect()') await world.client.disconnect();
  if (end === 'a takeover') world.takeOver();
  if (end === 'a broken store') world.breakStore();
  expect(await describeEnding(closing)).toBe(expected);
  expect([await describeEnding(group), await describeEnding(dispose)]).toEqual(['done', 'done']);
  expect(world.client.state).toBe('closed');
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
});

function answer(connection: ScriptedConnection, reasonCode: number): void {
  connection.send({ type: 'connack', sessionPresent: false, reasonCode });
}
