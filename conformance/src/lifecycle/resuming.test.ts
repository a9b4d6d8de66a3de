// SPDX-License-Identifier: Apache-2.0
//
// What a session does with a connection that is not the first: §4.4, and what both sides have to remember.

import type { Message } from '@mqttv5/core';
import type { ScriptedConnection } from '@mqttv5/testing';
import type { PublishPacket } from '@mqttv5/wire';
import { describe, expect, test } from 'vitest';
import { connected, next, turn } from './setup.ts';

const decoder = new TextDecoder();

describe('outbound, Session Present 1', () => {
  test('PUBLISH again with DUP 1 and its identifier, in send order, and the caller keeps waiting (S-141, V-013, V-014) [MQTT-4.4.0-1] [MQTT-4.6.0-1]', async () => {
    const { broker, client, connection } = await connected();
    const publishing = Array.from({ length: 32 }, (_, index) => client.publish('a', String(index), { qos: 1 }));
    const sent: PublishPacket[] = [];
    for (const _ of publishing) sent.push(await connection.expect('publish'));
    connection.drop();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    const resent: PublishPacket[] = [];
    for (const _ of publishing) resent.push(await second.expect('publish'));
    expect(resent).toEqual(sent.map((packet) => ({ ...packet, dup: true })));
    for (const { packetIdentifier } of resent) second.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await Promise.all(publishing);
  });

  test('after PUBREC only PUBREL, in the order of the PUBRECs (V-015) [MQTT-4.3.3-5]', async () => {
    const { broker, client, connection } = await connected();
    const publishing = [1, 2, 3].map((number) => client.publish('a', String(number), { qos: 2 }));
    const identifiers: number[] = [];
    for (const _ of publishing) identifiers.push((await connection.expect('publish')).packetIdentifier);
    const order = [identifiers[2], identifiers[0], identifiers[1]].map(Number);
    for (const packetIdentifier of order) {
      connection.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
      await connection.expect('pubrel');
    }
    connection.drop();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    for (const packetIdentifier of order) {
      expect(await second.expect('pubrel')).toMatchObject({ packetIdentifier });
      second.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0 });
    }
    await Promise.all(publishing);
    expect(second.received.some(({ type }) => type === 'publish')).toBe(false);
  });

  test('what was never written goes without DUP, behind what was (V-016) [MQTT-3.3.1-1]', async () => {
    const { broker, client, connection } = await connected({}, { properties: { receiveMaximum: 1 } });
    const publishing = [1, 2].map((number) => client.publish('a', String(number), { qos: 1 }));
    await connection.expect('publish');
    connection.drop();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    const seen = [await second.expect('publish'), await second.expect('publish')];
    expect(seen.map(({ dup, payload }) => [decoder.decode(payload), dup])).toEqual([
      ['1', true],
      ['2', false],
    ]);
    for (const { packetIdentifier } of seen) second.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await Promise.all(publishing);
  });
});

describe('outbound, Session Present 0', () => {
  test('"republish": new exchanges in the old order, DUP 0, also for one past PUBREC, what remains of its lifetime (V-013, V-017, V-018)', async () => {
    const { broker, client, connection } = await connected();
    const publishing = [
      client.publish('a', '1', { qos: 2, messageExpiryInterval: 100 }),
      client.publish('a', '2', { qos: 1 }),
    ];
    const { packetIdentifier } = await connection.expect('publish');
    await connection.expect('publish');
    connection.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
    await connection.expect('pubrel');
    connection.drop();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: false });
    const first = await second.expect('publish');
    const other = await second.expect('publish');
    expect([first, other].map(({ dup, payload }) => [decoder.decode(payload), dup])).toEqual([
      ['1', false],
      ['2', false],
    ]);
    const left = first.properties?.messageExpiryInterval ?? 0;
    expect(left).toBeGreaterThanOrEqual(1);
    expect(left).toBeLessThanOrEqual(100);
    second.send({ type: 'pubrec', packetIdentifier: first.packetIdentifier, reasonCode: 0 });
    await second.expect('pubrel');
    second.send({ type: 'pubcomp', packetIdentifier: first.packetIdentifier, reasonCode: 0 });
    second.send({ type: 'puback', packetIdentifier: other.packetIdentifier, reasonCode: 0 });
    await Promise.all(publishing);
  });

  test('"fail": everything unfinished rejects with SESSION_LOST, and nothing of it is sent (V-017)', async () => {
    const { broker, client, connection } = await connected({ sessionLoss: 'fail' });
    const publishing = [1, 2].map((qos) => client.publish('a', 'x', { qos: qos as 1 | 2 }));
    for (const each of publishing) each.catch(() => undefined);
    await connection.expect('publish');
    connection.drop();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: false });
    for (const each of publishing)
      await expect(each).rejects.toMatchObject({ code: 'SESSION_LOST', delivery: 'unknown' });
    await turn();
    expect(second.received.map(({ type }) => type)).toEqual(['connect']);
  });

  test('a message that has expired meanwhile ends with MESSAGE_EXPIRED when it was never written (V-018)', async () => {
    const { broker, client, connection } = await connected({}, { properties: { receiveMaximum: 1 } });
    const first = client.publish('a', '1', { qos: 1 });
    const expired = client.publish('a', '2', { qos: 1, messageExpiryInterval: 0 }).catch((error: unknown) => error);
    await connection.expect('publish');
    connection.drop();
    expect(await expired).toMatchObject({ code: 'MESSAGE_EXPIRED', delivery: 'notSent' });
    const second = await broker.accept();
    await second.handshake({ sessionPresent: false });
    const { packetIdentifier, payload } = await second.expect('publish');
    expect(decoder.decode(payload)).toBe('1');
    second.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await first;
  });
});

describe('inbound', () => {
  test('PUBACKs in the order of the PUBLISHes, PUBRECs too, PUBCOMP by itself (S-147, V-043) [MQTT-4.6.0-2] [MQTT-4.6.0-3]', async () => {
    const { connection, take } = await subscribed();
    for (const [packetIdentifier, qos] of [
      [1, 1],
      [2, 2],
      [3, 1],
      [4, 2],
    ] as const)
      connection.send(publish(packetIdentifier, qos));
    const [one, two, three, four] = [await take(), await take(), await take(), await take()];
    four.ack();
    three.ack();
    await turn();
    expect(connection.received.some(({ type }) => type === 'puback' || type === 'pubrec')).toBe(false);
    two.ack();
    expect(
      [await connection.expect('pubrec'), await connection.expect('pubrec')].map((each) => each.packetIdentifier),
    ).toEqual([2, 4]);
    one.ack();
    expect(
      [await connection.expect('puback'), await connection.expect('puback')].map((each) => each.packetIdentifier),
    ).toEqual([1, 3]);
    connection.send({ type: 'pubrel', packetIdentifier: 4, reasonCode: 0 });
    expect(await connection.expect('pubcomp')).toMatchObject({ packetIdentifier: 4, reasonCode: 0 });
  });

  test('a message still held is neither delivered nor acknowledged again (V-039)', async () => {
    const { broker, connection, take, subscription } = await subscribed();
    connection.send(publish(1, 1));
    const held = await take();
    connection.drop();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    second.send({ ...publish(1, 1), dup: true });
    await turn();
    expect([subscription.size, second.received.length]).toEqual([0, 1]);
    held.ack();
    expect(await second.expect('puback')).toMatchObject({ packetIdentifier: 1 });
  });

  test('acknowledged while there was no connection: the answer goes out when the broker has sent it again (V-042)', async () => {
    const { broker, client, connection, take, subscription } = await subscribed();
    connection.send(publish(1, 2));
    const held = await take();
    connection.drop();
    await next(client, 'disconnect');
    held.ack();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    await turn();
    expect(second.received).toHaveLength(1);
    second.send({ ...publish(1, 2), dup: true });
    expect(await second.expect('pubrec')).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
    expect(subscription.size).toBe(0);
  });

  test('QoS 2: a repeat after PUBREC gets PUBREC again and is delivered once; PUBREL, PUBREC of nothing get 0x92 (V-040) [MQTT-4.3.3-10]', async () => {
    const { connection, take, subscription } = await subscribed();
    connection.send(publish(1, 2));
    (await take()).ack();
    await connection.expect('pubrec');
    connection.send({ ...publish(1, 2), dup: true });
    await connection.expect('pubrec');
    expect(subscription.size).toBe(0);
    connection.send({ type: 'pubrel', packetIdentifier: 77, reasonCode: 0 });
    expect(await connection.expect('pubcomp')).toMatchObject({ packetIdentifier: 77, reasonCode: 0x92 });
    connection.send({ type: 'pubrec', packetIdentifier: 78, reasonCode: 0 });
    expect(await connection.expect('pubrel')).toMatchObject({ packetIdentifier: 78, reasonCode: 0x92 });
  });

  test('session lost: the same identifier is a new message, and the old handle answers nothing (V-041)', async () => {
    const { broker, connection, take } = await subscribed();
    connection.send(publish(1, 1, 'old'));
    const old = await take();
    connection.drop();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: false });
    const { packetIdentifier } = await second.expect('subscribe');
    second.send({ type: 'suback', packetIdentifier, reasonCodes: [2] });
    second.send(publish(1, 1, 'new'));
    const fresh = await take();
    old.ack();
    await turn();
    expect([fresh.text(), second.received.some(({ type }) => type === 'puback')]).toEqual(['new', false]);
    fresh.ack();
    expect(await second.expect('puback')).toMatchObject({ packetIdentifier: 1 });
  });

  test('our Receive Maximum is enforced: one more without an answer is 0x93, a repeat is not (S-032, V-044) [MQTT-3.3.4-8]', async () => {
    const { client, connection } = await subscribed({ receiveMaximum: 2 });
    for (const packetIdentifier of [1, 2]) connection.send(publish(packetIdentifier, 2));
    connection.send({ ...publish(2, 2), dup: true });
    await turn();
    expect(client.connected).toBe(true);
    const lost = next(client, 'disconnect');
    connection.send(publish(3, 1));
    expect(await connection.expect('disconnect')).toMatchObject({ reasonCode: 0x93 });
    expect(await lost).toMatchObject({ error: { code: 'PROTOCOL_ERROR', reasonCode: 0x93 }, willReconnect: true });
  });

  test("a message kept is the application's: later traffic does not change its bytes (S-149, V-034, V-035)", async () => {
    const { connection, take } = await subscribed();
    connection.sendMerged(publish(1, 1, 'first'), publish(2, 1, 'second'));
    const first = await take();
    first.ack();
    for (let index = 3; index < 100; index += 1) connection.send(publish(index, 1, `noise ${index}`));
    for (let index = 2; index < 100; index += 1) (await take()).ack();
    expect([first.text(), first.topic, decoder.decode(first.detach().payload)]).toEqual(['first', 'in', 'first']);
  });
});

test('Clean Start 1 asked for by name holds until one CONNECT succeeded; the session is resumed afterwards (V-075)', async () => {
  const { broker, client, connection } = await connected({ cleanStart: true, sessionLoss: 'fail' });
  const publishing = client.publish('a', 'x', { qos: 1 }).catch((error: unknown) => error);
  await connection.expect('publish');
  connection.drop();
  const second = await broker.accept();
  // It was for the first CONNECT, and that has succeeded.
  expect((await second.handshake({ sessionPresent: true })).cleanStart).toBe(false);
  const { packetIdentifier } = await second.expect('publish');
  second.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
  expect(await publishing).toEqual({ reasonCode: 0 });
});

/** Connected, with a stream of "in" whose messages are acknowledged by hand. */
async function subscribed(options: Parameters<typeof connected>[0] = {}) {
  const { broker, client, connection } = await connected(options);
  const subscription = client.declare('in', { qos: 2, ack: 'manual' });
  await grant(connection);
  await subscription.ready();
  const take = async (): Promise<Message> => {
    const message = await subscription.receive();
    if (message === undefined) throw new Error('the stream ended');
    return message;
  };
  return { broker, client, connection, subscription, take };
}

async function grant(connection: ScriptedConnection): Promise<void> {
  const { packetIdentifier } = await connection.expect('subscribe');
  connection.send({ type: 'suback', packetIdentifier, reasonCodes: [2] });
}

function publish(packetIdentifier: number, qos: 1 | 2, text = 'x'): PublishPacket {
  const payload = new TextEncoder().encode(text);
  return { type: 'publish', topicName: 'in', payload, qos, retain: false, dup: false, packetIdentifier };
}
