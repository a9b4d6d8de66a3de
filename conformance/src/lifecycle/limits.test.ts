// SPDX-License-Identifier: Apache-2.0
//
// Topic aliases and packet sizes, both ways, and what else CONNECT asks for.

import { startBroker } from '@mqttv5/testing';
import type { PublishPacket } from '@mqttv5/wire';
import { describe, expect, test } from 'vitest';
import { connected, next, scripted, turn } from './setup.ts';

describe('topic aliases out (S-150, V-032)', () => {
  test('opt-in: without the option not one, whatever the broker allows [MQTT-3.1.2-27]', async () => {
    const { client, connection } = await connected({}, { properties: { topicAliasMaximum: 10 } });
    for (const _ of [1, 2]) await client.publish('a/long/topic', 'x');
    for (const _ of [1, 2]) expect((await connection.expect('publish')).properties?.topicAlias).toBeUndefined();
  });

  test('outboundTopicAliases: the topic once, the alias afterwards; never at QoS 1 and 2; anew on the next connection', async () => {
    const { broker, client, connection } = await connected(
      { outboundTopicAliases: true },
      { properties: { topicAliasMaximum: 10 } },
    );
    for (const _ of [1, 2]) await client.publish('a/long/topic', 'x');
    const first = await connection.expect('publish');
    const second = await connection.expect('publish');
    const topicAlias = first.properties?.topicAlias;
    expect(topicAlias).toBeGreaterThanOrEqual(1);
    expect([first.topicName, second.topicName, second.properties?.topicAlias]).toEqual([
      'a/long/topic',
      '',
      topicAlias,
    ]);
    const acknowledged = client.publish('a/long/topic', 'x', { qos: 1 });
    const { topicName, properties, packetIdentifier } = await connection.expect('publish');
    expect([topicName, properties?.topicAlias]).toEqual(['a/long/topic', undefined]);
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await acknowledged;
    connection.drop();
    const resumed = await broker.accept();
    await resumed.handshake({ sessionPresent: true, properties: { topicAliasMaximum: 10 } });
    await client.awaitConnection();
    await client.publish('a/long/topic', 'x');
    expect((await resumed.expect('publish')).topicName).toBe('a/long/topic');
  });

  test('more topics than aliases: never above the maximum, and every message under its own topic', async () => {
    await using broker = await startBroker({ connackProperties: { topicAliasMaximum: 3 } });
    const { client } = scripted({ dial: broker.dial, outboundTopicAliases: true });
    await client.connect();
    const subscription = await client.subscribe('t/#');
    const topics = Array.from({ length: 60 }, (_, index) => `t/${index % 7}`);
    for (const topic of topics) await client.publish(topic, topic);
    const seen: string[] = [];
    for (const _ of topics) {
      const message = await subscription.receive();
      seen.push(message?.topic ?? '');
      expect(message?.text()).toBe(message?.topic);
    }
    expect(seen).toEqual(topics);
  });

  test('topicAlias by hand uses the same table: topic first, empty afterwards', async () => {
    const { client, connection } = await connected({}, { properties: { topicAliasMaximum: 5 } });
    await client.publish('a', '1', { topicAlias: 4 });
    await client.publish('a', '2', { topicAlias: 4 });
    await client.publish('b', '3', { topicAlias: 4 });
    const seen = [
      await connection.expect('publish'),
      await connection.expect('publish'),
      await connection.expect('publish'),
    ];
    expect(seen.every(({ properties }) => properties?.topicAlias === 4)).toBe(true);
    expect([seen[0]?.topicName, seen[2]?.topicName]).toEqual(['a', 'b']);
  });
});

describe('topic aliases in (S-034)', () => {
  test('the topic of an alias is filled in, also for messages nobody wants', async () => {
    const { client, connection } = await connected({ topicAliasMaximum: 2 });
    const subscription = client.declare('b');
    const { packetIdentifier } = await connection.expect('subscribe');
    connection.send({ type: 'suback', packetIdentifier, reasonCodes: [0] });
    connection.send(publish('b', 1));
    connection.send(publish('', 1));
    // §3.3.2.3.4: in effect though its own message matches nothing.
    connection.send(publish('nobody', 2));
    const unmatched = next(client, 'unmatched');
    connection.send(publish('', 2));
    expect([(await subscription.receive())?.topic, (await subscription.receive())?.topic]).toEqual(['b', 'b']);
    expect((await unmatched).topic).toBe('nobody');
  });

  test.each([
    ['above our maximum', 0x94, publish('a', 3)],
    ['unknown', 0x82, publish('', 2)],
  ])('one that is %s ends the connection with %i [MQTT-3.3.2-8]', async (_name, reasonCode, packet) => {
    const { connection } = await connected({ topicAliasMaximum: 2 });
    connection.send(packet);
    expect((await connection.expect('disconnect')).reasonCode).toBe(reasonCode);
  });

  test('none was allowed: 0x94 [MQTT-3.1.2-26]', async () => {
    const { connection } = await connected();
    connection.send(publish('a', 1));
    expect((await connection.expect('disconnect')).reasonCode).toBe(0x94);
  });
});

describe('maximumPacketSize (S-033, V-045)', () => {
  test('announced, and enforced on the fixed header, before the body is there [MQTT-3.1.2-24]', async () => {
    const { broker, client } = scripted({ maximumPacketSize: 100 });
    const connecting = client.connect();
    const connection = await broker.accept();
    expect((await connection.handshake()).properties?.maximumPacketSize).toBe(100);
    await connecting;
    const lost = next(client, 'disconnect');
    connection.sendBytes(Uint8Array.of(0x30, 99));
    expect((await connection.expect('disconnect')).reasonCode).toBe(0x95);
    expect(await lost).toMatchObject({ error: { code: 'PROTOCOL_ERROR', reasonCode: 0x95 } });
  });

  test('a packet of exactly that size is taken', async () => {
    const { client, connection } = await connected({ maximumPacketSize: 100 });
    const subscription = client.declare('a');
    const { packetIdentifier } = await connection.expect('subscribe');
    connection.send({ type: 'suback', packetIdentifier, reasonCodes: [0] });
    connection.send({ ...publish('a'), payload: new Uint8Array(94) });
    expect((await subscription.receive())?.payload.length).toBe(94);
  });

  test('memory for an unfinished packet follows what arrived, not what was announced (V-094)', async () => {
    const { client, connection } = await connected();
    const before = process.memoryUsage().arrayBuffers;
    // 200 MB announced, 64 KiB sent.
    connection.sendBytes(Uint8Array.of(0x30, 0x80, 0x80, 0x80, 0x60, 0, 1, 97, 0));
    for (let index = 0; index < 64; index += 1) connection.sendBytes(new Uint8Array(1024));
    await turn();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 << 20);
    expect(client.connected).toBe(true);
  });
});

describe('what CONNECT asks for', () => {
  test('sessionExpiryInterval: 300 by default, 604 800 with a store, 0 when asked for (S-031)', async () => {
    const { MemorySessionStore } = await import('@mqttv5/core');
    const store = new MemorySessionStore();
    const seen: unknown[] = [];
    for (const options of [{}, { store }, { sessionExpiryInterval: 0 }]) {
      const { broker, client } = scripted(options);
      const connecting = client.connect();
      seen.push((await (await broker.accept()).handshake()).properties?.sessionExpiryInterval ?? 0);
      await connecting;
    }
    expect(seen).toEqual([300, 604_800, 0]);
  });

  test('requestResponseInformation, requestProblemInformation: absent by default, what they ask for in force (S-035, S-036, V-078)', async () => {
    const plain = scripted();
    const connecting = plain.client.connect();
    const defaults = (await (await plain.broker.accept()).handshake()).properties;
    await connecting;
    expect([defaults?.requestResponseInformation, defaults?.requestProblemInformation]).toEqual([undefined, undefined]);
    await using broker = await startBroker({ connackProperties: { responseInformation: 'replies/me/' } });
    const asking = scripted({ dial: broker.dial, requestResponseInformation: true });
    expect((await asking.client.connect()).responseInformation).toBe('replies/me/');
  });

  test('Problem Information 0 and a broker that gives it all the same: 0x82 [MQTT-3.1.2-29]', async () => {
    const { client, connection } = await connected({ requestProblemInformation: false });
    void client.publish('a', 'x', { qos: 1 }).catch(() => undefined); // ends with the client
    const { packetIdentifier } = await connection.expect('publish');
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0, properties: { reasonString: 'fine' } });
    expect((await connection.expect('disconnect')).reasonCode).toBe(0x82);
  });
});

describe('lenient (V-083)', () => {
  const nonMinimal = Uint8Array.of(0xd0, 0x80, 0x00);

  test('off: a PINGRESP with a Remaining Length of two bytes is malformed', async () => {
    const { connection } = await connected();
    connection.sendBytes(nonMinimal);
    expect((await connection.expect('disconnect')).reasonCode).toBe(0x81);
  });

  test('on: it is an answer', async () => {
    const { client, connection } = await connected({ lenient: true });
    const pinging = client.ping();
    await connection.expect('pingreq');
    connection.sendBytes(nonMinimal);
    expect(await pinging).toBeGreaterThanOrEqual(0);
  });
});

function publish(topicName: string, topicAlias?: number): PublishPacket {
  return {
    type: 'publish',
    topicName,
    payload: new Uint8Array(1),
    qos: 0,
    retain: false,
    dup: false,
    packetIdentifier: 0,
    ...(topicAlias !== undefined && { properties: { topicAlias } }),
  };
}
