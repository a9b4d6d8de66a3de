// SPDX-License-Identifier: Apache-2.0
//
// reliability.md, "Whose session it is", sentence by sentence: several brokers, and sessions that are lost.

import { MemorySessionStore } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { connected, next, record, scripted, turn } from '../../lifecycle/setup.ts';
import { grant, types } from '../setup.ts';
import { inbound } from './setup.ts';

describe('several brokers and whose session', () => {
  test('a broker that may hold an older session gets Clean Start 1; others resume', async () => {
    const { broker, client } = scripted({ brokers: ['mqtt://a', 'mqtt://b'], sessionExpiryInterval: 1000 });
    const connecting = client.connect();
    const a = await broker.accept();
    expect((await a.handshake()).cleanStart).toBe(true);
    await connecting;
    a.drop();
    // Sticks to a first: refused, so on to b, which has no session.
    const refused = await broker.accept();
    const connect = await refused.expect('connect');
    expect(connect.cleanStart).toBe(false);
    refused.send({ type: 'connack', sessionPresent: false, reasonCode: 0x88 });
    const b = await broker.accept();
    expect((await b.handshake({ sessionPresent: false })).cleanStart).toBe(false);
    await client.awaitConnection();
    b.drop();
    const bRefused = await broker.accept();
    expect((await bRefused.expect('connect')).cleanStart).toBe(false);
    bRefused.send({ type: 'connack', sessionPresent: false, reasonCode: 0x88 });
    const old = await broker.accept();
    // a may still hold session 1.
    expect((await old.handshake()).cleanStart).toBe(true);
    await client.awaitConnection();
  });

  test('nodes that share sessions resume: Session Present 1 on the other broker', async () => {
    const { broker, client } = scripted({ brokers: ['mqtt://a', 'mqtt://b'] });
    const connecting = client.connect();
    const a = await broker.accept();
    await a.handshake();
    await connecting;
    a.drop();
    const refused = await broker.accept();
    await refused.expect('connect');
    refused.send({ type: 'connack', sessionPresent: false, reasonCode: 0x88 });
    const b = await broker.accept();
    expect((await b.handshake({ sessionPresent: true })).cleanStart).toBe(false);
    await client.awaitConnection();
    b.drop();
    const bRefused = await broker.accept();
    await bRefused.expect('connect');
    bRefused.send({ type: 'connack', sessionPresent: false, reasonCode: 0x88 });
    const back = await broker.accept();
    expect((await back.handshake({ sessionPresent: true })).cleanStart).toBe(false);
    await client.awaitConnection();
  });

  test('independentBrokers: Clean Start 1 at the first contact with each', async () => {
    const { broker, client } = scripted({ brokers: ['mqtt://a', 'mqtt://b'], independentBrokers: true });
    const connecting = client.connect();
    const a = await broker.accept();
    await a.handshake();
    await connecting;
    a.drop();
    const refused = await broker.accept();
    await refused.expect('connect');
    refused.send({ type: 'connack', sessionPresent: false, reasonCode: 0x88 });
    const b = await broker.accept();
    expect((await b.handshake()).cleanStart).toBe(true);
    await client.awaitConnection();
  });

  test('an assigned identifier refused with 0x85 by another broker: the empty one is tried there', async () => {
    const store = new MemorySessionStore();
    const first = await connected(
      { store, brokers: 'mqtt://a' },
      { properties: { assignedClientIdentifier: 'made-by-a' } },
    );
    await first.client.disconnect();
    const { broker, client } = scripted({ store, brokers: 'mqtt://b' });
    const connecting = client.connect();
    const b = await broker.accept();
    expect((await b.expect('connect')).clientId).toBe('made-by-a');
    b.send({ type: 'connack', sessionPresent: false, reasonCode: 0x85 });
    const again = await broker.accept();
    const connect = await again.handshake({ properties: { assignedClientIdentifier: 'made-by-b' } });
    expect(connect).toMatchObject({ clientId: '', cleanStart: true });
    await connecting;
    expect(client.clientId).toBe('made-by-b');
    // Refused for good: that broker gives none either.
    again.drop();
    const refusing = await broker.accept();
    await refusing.expect('connect');
    refusing.send({ type: 'connack', sessionPresent: false, reasonCode: 0x85 });
    expect(await next(client, 'connectError')).toMatchObject({ error: { reasonCode: 0x85 } });
  });
});

describe('session lost', () => {
  test('acks on old messages become no-ops, and the messages can still be read', async () => {
    const { broker, client, connection } = await connected();
    const subscribing = client.subscribe('in', { qos: 1 });
    await grant(connection);
    const subscription = await subscribing;
    connection.send(inbound(1));
    connection.send(inbound(2));
    await turn();
    connection.drop();
    const again = await broker.accept();
    await again.handshake();
    await grant(again);
    expect(subscription.size).toBe(2);
    (await subscription.receive())?.ack();
    (await subscription.receive())?.ack();
    again.send(inbound(1));
    (await subscription.receive())?.ack();
    expect(await again.expect('puback')).toMatchObject({ packetIdentifier: 1 });
    await turn();
    expect(types(again)).toEqual(['connect', 'subscribe', 'puback']);
    expect(client.connected).toBe(true);
  });

  test('republish gives what remains of the lifetime; a message past PUBREC is published again', async () => {
    const { broker, client, connection } = await connected();
    const publishing = client.publish('a', 'x', { qos: 2, messageExpiryInterval: 100 });
    publishing.catch(() => undefined);
    const { packetIdentifier } = await connection.expect('publish');
    connection.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
    await connection.expect('pubrel');
    connection.drop();
    const again = await broker.accept();
    await again.handshake();
    const anew = await again.expect('publish');
    expect(anew).toMatchObject({ dup: false, qos: 2 });
    expect(anew.properties?.messageExpiryInterval).toBeLessThanOrEqual(100);
    expect(anew.properties?.messageExpiryInterval).toBeGreaterThanOrEqual(99);
  });

  test('signal after the first write ends only the wait, also when the session was lost since', async () => {
    const { broker, client, connection } = await connected();
    const settled = record(client, 'publishSettled');
    const abort = new AbortController();
    const first = client.publish('a', '1', { qos: 1 });
    first.catch(() => undefined);
    const second = client.publish('a', '2', { qos: 1, signal: abort.signal });
    const outcome = second.catch((error: unknown) => error);
    await connection.expect('publish');
    await connection.expect('publish');
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ properties: { receiveMaximum: 1 } });
    const one = await again.expect('publish');
    abort.abort(new Error('enough'));
    expect(await outcome).toMatchObject({ message: 'enough' });
    again.send({ type: 'puback', packetIdentifier: one.packetIdentifier, reasonCode: 0 });
    const two = await again.expect('publish');
    expect(new TextDecoder().decode(two.payload)).toBe('2');
    again.send({ type: 'puback', packetIdentifier: two.packetIdentifier, reasonCode: 0 });
    await turn();
    expect(settled).toHaveLength(1);
  });
});
