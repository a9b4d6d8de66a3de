// SPDX-License-Identifier: Apache-2.0
//
// reliability.md, "Subscriptions": messages of a session that this object did not subscribe in.

import { MemorySessionStore } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { connected, next, record, scripted, turn } from '../../lifecycle/setup.ts';
import { types } from '../setup.ts';
import { inbound, subscribed } from './setup.ts';

describe('a session this object did not subscribe in', () => {
  const stored = async () => {
    const store = new MemorySessionStore();
    const first = await connected({ store, clientId: 'c' });
    await first.client.disconnect();
    return store;
  };

  test('an unmatched QoS 1 message is held; a subscription made in that time is given it', async () => {
    const { broker, client } = scripted({ store: await stored(), clientId: 'c' });
    const unmatched = record(client, 'unmatched');
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake({ sessionPresent: true });
    await connecting;
    connection.send(inbound({ id: 1 }));
    connection.send(inbound());
    await turn();
    expect(unmatched).toHaveLength(1);
    expect(types(connection)).toEqual(['connect']);
    const subscription = client.declare('in', { qos: 1 });
    const message = await subscription.receive();
    expect(message?.qos).toBe(1);
    message?.ack();
    await connection.expect('subscribe');
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
  });

  test('when the time is over it is reported and acknowledged with 0x00', async () => {
    const { broker, client } = scripted({ store: await stored(), clientId: 'c', unmatchedHoldMs: 20 });
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake({ sessionPresent: true });
    await connecting;
    const unmatched = next(client, 'unmatched');
    connection.send(inbound({ id: 1, text: 'lost' }));
    expect((await unmatched).text()).toBe('lost');
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
  });

  test('also when the connection is lost and resumed before anybody has subscribed', async () => {
    const { broker, client } = scripted({ store: await stored(), clientId: 'c' });
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake({ sessionPresent: true });
    await connecting;
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    again.send(inbound({ id: 1 }));
    await turn();
    expect(types(again)).toEqual(['connect']);
    expect((await client.declare('in', { qos: 1 }).receive())?.packetIdentifier).toBe(1);
  });

  test('and after disconnect(), which has ended its Subscriptions', async () => {
    const { broker, client, connection } = await subscribed({ qos: 1 });
    connection.send(inbound({ id: 1 }));
    await turn();
    await client.disconnect();
    const connecting = client.connect();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    await connecting;
    again.send(inbound({ id: 1, dup: true }));
    await turn();
    expect(types(again)).toEqual(['connect']);
    expect((await client.declare('in', { qos: 1 }).receive())?.packetIdentifier).toBe(1);
  });

  test('in every other session it is acknowledged at once and reported', async () => {
    const { client, connection } = await connected();
    const unmatched = next(client, 'unmatched');
    connection.send(inbound({ id: 1 }));
    expect((await unmatched).packetIdentifier).toBe(1);
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
  });
});
