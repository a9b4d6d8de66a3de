// SPDX-License-Identifier: Apache-2.0
//
// reliability.md, "Connection and supervisor", and api.md, "Events", sentence by sentence, over the whole client: what
// ends a connection, what is said of it, and what is allowed in which state.

import { constantBackoff, exponentialBackoff } from '@mqttv5/core';
import type { ScriptedConnection } from '@mqttv5/testing';
import { describe, expect, test } from 'vitest';
import { connected, next, record, scripted, stateOf, turn } from '../lifecycle/setup.ts';
import { error, types } from './setup.ts';

describe('session taken over', () => {
  test('stops the client: events in order, `close` with SESSION_TAKEN_OVER; connect() starts again', async () => {
    const { broker, client, connection } = await connected();
    const events = record(client, 'serverDisconnect', 'disconnect', 'stateChange', 'reconnecting', 'close');
    connection.send({ type: 'disconnect', reasonCode: 0x8e });
    await next(client, 'close');
    expect(events.map(({ name }) => name)).toEqual(['serverDisconnect', 'disconnect', 'stateChange', 'close']);
    expect(events[1]?.payload).toMatchObject({
      willReconnect: false,
      error: { code: 'SESSION_TAKEN_OVER', reasonCode: 0x8e },
    });
    expect(events[3]?.payload).toMatchObject({ error: { code: 'SESSION_TAKEN_OVER' } });
    const connecting = client.connect();
    const again = await broker.accept();
    expect((await again.handshake({ sessionPresent: true })).cleanStart).toBe(false);
    await connecting;
  });

  test('allowed by shouldReconnect, the next attempt waits the longest delay of the backoff', async () => {
    const { client, connection } = await connected({
      shouldReconnect: () => true,
      reconnect: exponentialBackoff({ initialMs: 10, maximumMs: 7000, jitterMs: 0 }),
    });
    const waiting = next(client, 'reconnecting');
    connection.send({ type: 'disconnect', reasonCode: 0x8e });
    expect(await waiting).toMatchObject({ attempt: 1, delayMs: 7000 });
  });
});

describe('a violation of the standard', () => {
  test('ends the connection with DISCONNECT and its code; nothing behind it in the chunk runs; the client reconnects', async () => {
    const { broker, client, connection } = await connected({ stats: true });
    const subscribing = client.subscribe('in');
    const { packetIdentifier } = await connection.expect('subscribe');
    const unmatched = record(client, 'unmatched');
    const lost = next(client, 'disconnect');
    const payload = new Uint8Array();
    connection.sendMerged(
      { type: 'suback', packetIdentifier, reasonCodes: [0, 0] },
      { type: 'publish', topicName: 'in', payload, qos: 0, retain: false, dup: false, packetIdentifier: 0 },
    );
    expect(await connection.expect('disconnect')).toMatchObject({ reasonCode: 0x82 });
    connection.end();
    expect(await lost).toMatchObject({ willReconnect: true, error: { code: 'PROTOCOL_ERROR', reasonCode: 0x82 } });
    expect(unmatched).toEqual([]);
    expect(client.stats().protocolErrors).toBe(1);
    expect(await stateOf(subscribing)).toBe('pending');
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    await again.expect('subscribe');
    subscribing.catch(() => undefined);
  });

  test('the codes: alias 0x94, a packet too large 0x95, CONNACK again 0x82, a client packet 0x82', async () => {
    const payload = new Uint8Array(200);
    const publish = {
      type: 'publish',
      topicName: 'in',
      payload,
      qos: 0,
      retain: false,
      dup: false,
      packetIdentifier: 0,
    } as const;
    const cases: [number, (connection: ScriptedConnection) => void][] = [
      [0x94, (c) => c.send({ ...publish, payload: new Uint8Array(), properties: { topicAlias: 1 } })],
      [0x95, (c) => c.send(publish)],
      [0x82, (c) => c.send({ type: 'connack', sessionPresent: false, reasonCode: 0 })],
      [0x82, (c) => c.send({ type: 'pingreq' })],
      [0x82, (c) => c.send({ type: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'x' } })],
      [0x81, (c) => c.sendBytes(Uint8Array.of(0x36, 3, 0, 1, 97))],
    ];
    for (const [code, misbehave] of cases) {
      const { connection } = await connected({ maximumPacketSize: 100, reconnect: false });
      misbehave(connection);
      expect((await connection.expect('disconnect')).reasonCode, code.toString(16)).toBe(code);
      connection.end();
    }
  });
});

describe('events', () => {
  test('listeners may call disconnect() and connect(); the order is kept', async () => {
    const { broker, client, connection } = await connected({ reconnect: constantBackoff(60_000) });
    const seen: string[] = [];
    client.on('stateChange', (state) => seen.push(state));
    let again: Promise<unknown> | undefined;
    client.on('disconnect', () => {
      seen.push('disconnect');
      again = client.disconnect().then(() => client.connect());
    });
    client.on('reconnecting', () => seen.push('reconnecting'));
    client.on('close', () => seen.push('close'));
    connection.drop();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    await again;
    await turn();
    expect(seen).toEqual([
      'disconnect',
      'reconnecting',
      'reconnecting',
      'closing',
      'closed',
      'close',
      'connecting',
      'connected',
    ]);
  });

  test("`reconnecting` is raised at the start of the wait; the user's own disconnect() is no `disconnect`", async () => {
    const { client, connection } = await connected({ reconnect: constantBackoff(60_000) });
    const lost = record(client, 'disconnect');
    const waiting = next(client, 'reconnecting');
    connection.drop();
    expect(await waiting).toMatchObject({ attempt: 1, delayMs: 60_000 });
    expect((await waiting).broker).toBeInstanceOf(URL);
    await client.disconnect();
    expect(lost).toHaveLength(1);
    const other = await connected();
    const none = record(other.client, 'disconnect', 'connectError');
    const closed = next(other.client, 'close');
    await other.client.disconnect();
    expect(await closed).toEqual({});
    expect(none).toEqual([]);
  });

  test('the backoff starts over only after a connection has outlived the delay before it', async () => {
    const { broker, client, connection } = await connected({ reconnect: (attempt) => attempt * 20 });
    const delays: number[] = [];
    client.on('reconnecting', ({ delayMs }) => delays.push(delayMs));
    connection.drop();
    for (let i = 0; i < 2; i++) {
      const again = await broker.accept();
      await again.handshake({ sessionPresent: true });
      again.drop();
    }
    const last = await broker.accept();
    await last.handshake({ sessionPresent: true });
    await client.awaitConnection();
    expect(delays).toHaveLength(3);
    expect(delays.slice(1)).toEqual([40, 60]);
  });
});

test('ping and reauthenticate by state; a helper that is rejected leaves nothing behind', async () => {
  const { client } = scripted();
  expect(await error(client.ping())).toMatchObject({ code: 'NOT_CONNECTED' });
  expect(await error(client.subscribe('a'))).toMatchObject({ code: 'NOT_CONNECTED' });
  expect(await error(client.request('a', ''))).toMatchObject({ code: 'NOT_CONNECTED' });
  expect(await error(client.awaitConnection())).toMatchObject({ code: 'NOT_CONNECTED' });
  const { client: other, connection } = await connected({ reconnect: constantBackoff(60_000) });
  const pinging = other.ping();
  await connection.expect('pingreq');
  connection.send({ type: 'pingresp' });
  expect(await pinging).toBeGreaterThanOrEqual(0);
  connection.drop();
  await next(other, 'reconnecting');
  expect(await error(other.ping())).toMatchObject({ code: 'NOT_CONNECTED' });
  expect(await error(other.request('a', ''))).toMatchObject({ code: 'NOT_CONNECTED' });
  expect(types(connection)).toEqual(['connect', 'pingreq']);
});
