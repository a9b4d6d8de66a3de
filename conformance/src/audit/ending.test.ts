// SPDX-License-Identifier: Apache-2.0
//
// What reliability.md promises of the end of a client and of what was published before it, over the whole client.

import { Client, constantBackoff } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { connected, next, record, scripted, stateOf, turn } from '../lifecycle/setup.ts';
import { error } from './setup.ts';

describe('disconnect()', () => {
  test('ends the wait of accepted messages with CLOSED, "pending"; they go out after the next connect(), publishSettled tells', async () => {
    const { broker, client, connection } = await connected();
    const written = error(client.publish('written', '', { qos: 1 }));
    await connection.expect('publish');
    await client.disconnect();
    expect(await written).toMatchObject({ code: 'CLOSED', delivery: 'pending' });
    const settled = next(client, 'publishSettled');
    const connecting = client.connect();
    const again = await broker.accept();
    expect((await again.handshake({ sessionPresent: true })).cleanStart).toBe(false);
    await connecting;
    const { packetIdentifier, dup } = await again.expect('publish');
    expect(dup).toBe(true);
    again.send({ type: 'puback', packetIdentifier, reasonCode: 0x87 });
    const event = await settled;
    expect(event).toMatchObject({ topic: 'written', qos: 1, packetIdentifier });
    expect(event.error).toMatchObject({ code: 'PUBLISH_REFUSED' });
    expect('result' in event).toBe(false);
  });

  for (const phase of ['queued', 'written', 'past PUBREC'] as const) {
    test(`with sessionExpiryInterval 0 rejects what is ${phase} with SESSION_LOST, and the next session is clean`, async () => {
      const { broker, client, connection } = await connected(
        {},
        { properties: { receiveMaximum: phase === 'queued' ? 1 : 10 } },
      );
      const settled = record(client, 'publishSettled');
      const first = error(client.publish('a', '1', { qos: 2 }));
      const second = error(client.publish('a', '2', { qos: 2 }));
      const { packetIdentifier } = await connection.expect('publish');
      if (phase === 'past PUBREC') {
        connection.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
        await connection.expect('publish');
        await connection.expect('pubrel');
      }
      await client.disconnect({ sessionExpiryInterval: 0 });
      expect(await first).toMatchObject({ code: 'SESSION_LOST', delivery: 'unknown' });
      expect(await second).toMatchObject({
        code: 'SESSION_LOST',
        delivery: phase === 'queued' ? 'notSent' : 'unknown',
      });
      const last = connection.received.at(-1);
      expect(last).toMatchObject({ type: 'disconnect', properties: { sessionExpiryInterval: 0 } });
      const connecting = client.connect();
      const again = await broker.accept();
      expect((await again.handshake()).cleanStart).toBe(true);
      await connecting;
      await turn();
      expect(again.received.map(({ type }) => type)).toEqual(['connect']);
      expect(settled).toEqual([]);
    });
  }

  test('while reconnecting there is no DISCONNECT that could end the session: accepted messages stay', async () => {
    const { broker, client, connection } = await connected({ reconnect: constantBackoff(60_000) });
    connection.drop();
    await next(client, 'disconnect');
    const queued = error(client.publish('a', '', { qos: 1 }));
    await client.disconnect({ sessionExpiryInterval: 0 });
    expect(await queued).toMatchObject({ code: 'CLOSED', delivery: 'pending' });
    const connecting = client.connect();
    const again = await broker.accept();
    expect((await again.handshake({ sessionPresent: true })).cleanStart).toBe(false);
    await connecting;
    await again.expect('publish');
  });

  test('during connect() rejects it with CLOSED; subscribe() and publish() that wait end too', async () => {
    const { broker, client } = scripted();
    const connecting = error(client.connect());
    const connection = await broker.accept();
    await connection.expect('connect');
    const waits = [client.subscribe('a'), client.publish('a', '', { qos: 1 }), client.awaitConnection()].map(error);
    await client.disconnect();
    expect(await connecting).toMatchObject({ code: 'CLOSED' });
    for (const each of await Promise.all(waits)) expect(each).toMatchObject({ code: 'CLOSED' });
  });
});

describe('drainTimeoutMs', () => {
  test('delivers nothing more, lets handlers publish their last, and ends when they are done', async () => {
    const { client, connection } = await connected();
    const gate = Promise.withResolvers<void>();
    let handled = 0;
    const subscribing = client.subscribeCallback(
      'in',
      async () => {
        handled++;
        await gate.promise;
      },
      { qos: 1 },
    );
    const { packetIdentifier } = await connection.expect('subscribe');
    connection.send({ type: 'suback', packetIdentifier, reasonCodes: [1] });
    await subscribing;
    const payload = new Uint8Array();
    for (const id of [1, 2]) {
      connection.send({
        type: 'publish',
        topicName: 'in',
        payload,
        qos: 1,
        retain: false,
        dup: false,
        packetIdentifier: id,
      });
    }
    await turn();
    const publishing = client.publish('out', '', { qos: 1 });
    const out = await connection.expect('publish');
    const closing = client.disconnect({ drainTimeoutMs: 60_000 });
    await turn();
    expect(await stateOf(closing)).toBe('pending');
    gate.resolve();
    expect((await connection.expect('puback')).packetIdentifier).toBe(1);
    await turn();
    expect(handled).toBe(1);
    connection.send({ type: 'puback', packetIdentifier: out.packetIdentifier, reasonCode: 0 });
    await publishing;
    await connection.expect('disconnect');
    connection.end();
    await closing;
    expect(connection.received.filter(({ type }) => type === 'puback')).toHaveLength(1);
  });
});

test('connect() rejects and leaves nothing: accepted publishes end "pending", and go out with the next one', async () => {
  const { broker, client } = scripted();
  const connecting = error(client.connect());
  const connection = await broker.accept();
  await connection.expect('connect');
  const queued = error(client.publish('a', '', { qos: 1 }));
  connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0x87 });
  expect(await connecting).toMatchObject({ code: 'CONNECT_REFUSED', reasonCode: 0x87 });
  expect(client.state).toBe('idle');
  expect(await queued).toMatchObject({ delivery: 'pending' });
  const retry = client.connect();
  const again = await broker.accept();
  await again.handshake();
  await retry;
  await again.expect('publish');
  expect(client).toBeInstanceOf(Client);
});
