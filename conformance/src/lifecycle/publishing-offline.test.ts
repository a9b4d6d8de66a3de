// SPDX-License-Identifier: Apache-2.0
//
// publish() while there is no connection or it is being ended: what waits, what is refused, what expires.

import { constantBackoff } from '@mqttv5/core';
import { ScriptedBroker } from '@mqttv5/testing';
import { describe, expect, test } from 'vitest';
import { connected, next, scripted, turn } from './setup.ts';

test('a connection that is being ended takes nothing more: QoS 0 is NOT_CONNECTED, QoS 1 waits unsent and goes without DUP', async () => {
  const scriptedBroker = ScriptedBroker.inMemory();
  const { client } = scripted({
    disconnectTimeoutMs: 20,
    // A broker that does not care for our FIN.
    dial: async (url, options) => Object.assign(await scriptedBroker.dial(url, options), { end: () => undefined }),
  });
  const connecting = client.connect();
  const connection = await scriptedBroker.accept();
  await connection.handshake();
  await connecting;
  connection.sendBytes(Uint8Array.of(0x00, 0x00));
  await connection.expect('disconnect');
  await expect(client.publish('zero', 'x')).rejects.toMatchObject({ code: 'NOT_CONNECTED', delivery: 'notSent' });
  expect(client.tryPublish('zero', 'x')).toBe(false);
  const publishing = client.publish('one', 'x', { qos: 1 });
  const second = await scriptedBroker.accept();
  await second.handshake({ sessionPresent: true });
  const { topicName, dup, packetIdentifier } = await second.expect('publish');
  expect([topicName, dup]).toEqual(['one', false]);
  second.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
  await publishing;
  await client.disconnect();
  await scriptedBroker.close();
});

describe('while there is no connection', () => {
  test('before connect(): NOT_CONNECTED, and nothing was sent (T-141, V-028)', async () => {
    const { client } = scripted();
    for (const qos of [0, 1, 2] as const)
      await expect(client.publish('a', 'x', { qos })).rejects.toMatchObject({
        code: 'NOT_CONNECTED',
        delivery: 'notSent',
      });
  });

  test('offlinePublish "queue": QoS 1 and 2 wait for the connection, in call order; QoS 0 says NOT_CONNECTED', async () => {
    const { broker, client } = scripted();
    const connecting = client.connect();
    const waiting = [client.publish('1', 'x', { qos: 1 }), client.publish('2', 'x', { qos: 2 })];
    await expect(client.publish('0', 'x')).rejects.toMatchObject({ code: 'NOT_CONNECTED' });
    const connection = await broker.accept();
    await connection.handshake();
    await connecting;
    const topics = [await connection.expect('publish'), await connection.expect('publish')].map(
      (each) => each.topicName,
    );
    expect(topics).toEqual(['1', '2']);
    await client.disconnect();
    expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  test('offlinePublish "reject": everything says NOT_CONNECTED, and what was accepted before still goes out', async () => {
    const { broker, client, connection } = await connected({ offlinePublish: 'reject' });
    const accepted = client.publish('a', 'x', { qos: 1 });
    await connection.expect('publish');
    connection.drop();
    await next(client, 'reconnecting');
    await expect(client.publish('b', 'x', { qos: 1 })).rejects.toMatchObject({
      code: 'NOT_CONNECTED',
      delivery: 'notSent',
    });
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    const { packetIdentifier, dup } = await second.expect('publish');
    expect(dup).toBe(true);
    second.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await accepted;
  });

  test('maximumQueuedPublishes bounds everything accepted and unfinished, connected or not (V-026)', async () => {
    const { client, connection } = await connected({ maximumQueuedPublishes: 2, reconnect: constantBackoff(60_000) });
    const accepted = [1, 2].map((number) => client.publish('a', String(number), { qos: 1 }));
    await expect(client.publish('a', '3', { qos: 1 })).rejects.toMatchObject({
      code: 'PUBLISH_QUEUE_FULL',
      delivery: 'notSent',
    });
    const { packetIdentifier } = await connection.expect('publish');
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await accepted[0];
    connection.drop();
    await next(client, 'reconnecting');
    accepted.push(client.publish('a', '4', { qos: 2 }));
    await expect(client.publish('a', '5', { qos: 2 })).rejects.toMatchObject({ code: 'PUBLISH_QUEUE_FULL' });
    await client.disconnect();
    expect(await Promise.allSettled(accepted)).toHaveLength(3);
  });

  test('QoS 0 that waits for room expires when its time is over, not when there is room', async () => {
    const { client, connection } = await connected({ writeHighWaterMark: 1024 });
    connection.stall();
    await client.publish('fills', new Uint8Array(2_000));
    const outcome = await client.publish('late', 'x', { messageExpiryInterval: 0 }).catch((error: unknown) => error);
    expect(outcome).toMatchObject({ code: 'MESSAGE_EXPIRED', delivery: 'notSent' });
    connection.resume();
    await connection.expect('publish');
    await client.publish('next', 'x');
    expect((await connection.expect('publish')).topicName).toBe('next');
  });

  test('a message that expires before it could be sent: MESSAGE_EXPIRED, and it is never sent', async () => {
    const { broker, client, connection } = await connected();
    connection.drop();
    const second = await broker.accept();
    await second.expect('connect');
    // The handshake takes longer than the message is worth.
    const outcome = await client
      .publish('a', 'x', { qos: 1, messageExpiryInterval: 0 })
      .catch((error: unknown) => error);
    expect(outcome).toMatchObject({ code: 'MESSAGE_EXPIRED', delivery: 'notSent' });
    second.send({ type: 'connack', sessionPresent: true, reasonCode: 0 });
    await client.awaitConnection();
    await turn();
    expect(second.received.map(({ type }) => type)).toEqual(['connect']);
  });
});
