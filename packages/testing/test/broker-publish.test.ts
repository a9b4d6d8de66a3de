// SPDX-License-Identifier: Apache-2.0
//
// PUBLISH in and out, its acknowledgements and its properties (§3.3 to §3.7, §4.3).
import { describe, expect, test } from 'vitest';
import type { PublishPacket, PublishProperties, QoS } from '@mqttv5/wire';
import { ManualClock, startBroker } from '../src/index.ts';
import type { Broker } from '../src/index.ts';
import { untilGone } from './events.ts';
import { RawClient } from './raw-client.ts';

async function pair(broker: Broker, qos: QoS = 2): Promise<{ publisher: RawClient; subscriber: RawClient }> {
  const [subscriber] = await RawClient.connect(broker.url, { clientId: 'subscriber' });
  await subscriber.subscribe([{ topicFilter: '#', qos }]);
  const [publisher] = await RawClient.connect(broker.url, { clientId: 'publisher' });
  return { publisher, subscriber };
}

describe('from a client', () => {
  test('QoS 0 is not answered, QoS 1 with PUBACK, QoS 2 with PUBREC [MQTT-3.3.4-1] [MQTT-4.3.2-4] [MQTT-4.3.3-8] [MQTT-2.2.1-5]', async () => {
    await using broker = await startBroker();
    const { publisher } = await pair(broker);
    publisher.publish('a', '0');
    await publisher.expectQuiet();
    publisher.publish('a', '1', { qos: 1, packetIdentifier: 65_535 });
    expect(await publisher.expect('puback')).toMatchObject({ packetIdentifier: 65_535, reasonCode: 0 });
    publisher.publish('a', '2', { qos: 2, packetIdentifier: 1 });
    expect(await publisher.expect('pubrec')).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
    publisher.send({ type: 'pubrel', packetIdentifier: 1, reasonCode: 0 });
    expect(await publisher.expect('pubcomp')).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
    await publisher.expectQuiet();
  });

  test('nobody there is 0x10 No matching subscribers [MQTT-3.4.2-1] [MQTT-3.5.2-1]', async () => {
    await using broker = await startBroker();
    const [publisher] = await RawClient.connect(broker.url);
    publisher.publish('a', '1', { qos: 1, packetIdentifier: 1 });
    expect((await publisher.expect('puback')).reasonCode).toBe(0x10);
    publisher.publish('a', '2', { qos: 2, packetIdentifier: 2 });
    expect((await publisher.expect('pubrec')).reasonCode).toBe(0x10);
  });

  test('a QoS 1 identifier is new again after PUBACK, with DUP 1 too [MQTT-4.3.2-5]', async () => {
    await using broker = await startBroker();
    const { publisher, subscriber } = await pair(broker, 0);
    for (const dup of [false, true, true]) {
      publisher.publish('a', String(dup), { qos: 1, packetIdentifier: 5, dup });
      await publisher.expect('puback');
    }
    for (const text of ['false', 'true', 'true']) expect((await subscriber.expectPublish()).text).toBe(text);
  });

  test('a QoS 2 identifier is answered again and delivered once until PUBREL, then new [MQTT-4.3.3-10] [MQTT-4.3.3-11] [MQTT-4.3.3-12]', async () => {
    await using broker = await startBroker();
    const { publisher, subscriber } = await pair(broker, 0);
    for (const dup of [false, true, false]) {
      publisher.publish('a', 'first', { qos: 2, packetIdentifier: 5, dup });
      expect((await publisher.expect('pubrec')).packetIdentifier).toBe(5);
    }
    publisher.send({ type: 'pubrel', packetIdentifier: 5, reasonCode: 0 });
    expect(await publisher.expect('pubcomp')).toMatchObject({ packetIdentifier: 5, reasonCode: 0 });
    publisher.publish('a', 'second', { qos: 2, packetIdentifier: 5 });
    await publisher.expect('pubrec');
    expect([(await subscriber.expectPublish()).text, (await subscriber.expectPublish()).text]).toEqual([
      'first',
      'second',
    ]);
    await subscriber.expectQuiet();
  });

  test('after a failing PUBREC the identifier is new [MQTT-4.3.3-9]', async () => {
    let allowed = false;
    await using broker = await startBroker({ authorize: ({ action }) => action === 'subscribe' || allowed });
    const { publisher, subscriber } = await pair(broker, 0);
    publisher.publish('a', 'refused', { qos: 2, packetIdentifier: 5 });
    expect((await publisher.expect('pubrec')).reasonCode).toBe(0x87);
    allowed = true;
    publisher.publish('a', 'taken', { qos: 2, packetIdentifier: 5 });
    expect((await publisher.expect('pubrec')).reasonCode).toBe(0);
    expect((await subscriber.expectPublish()).text).toBe('taken');
  });

  test('PUBREL and PUBREC without an exchange are answered with 0x92 [MQTT-3.6.2-1] [MQTT-3.7.2-1]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    client.send({ type: 'pubrel', packetIdentifier: 77, reasonCode: 0 });
    expect(await client.expect('pubcomp')).toMatchObject({ packetIdentifier: 77, reasonCode: 0x92 });
    client.send({ type: 'pubrec', packetIdentifier: 78, reasonCode: 0 });
    expect(await client.expect('pubrel')).toMatchObject({ packetIdentifier: 78, reasonCode: 0x92 });
    client.send({ type: 'puback', packetIdentifier: 79, reasonCode: 0 });
    client.send({ type: 'pubcomp', packetIdentifier: 80, reasonCode: 0 });
    await client.expectQuiet();
  });

  test('an identifier still open at QoS 2 is in use for everything else: 0x91', async () => {
    await using broker = await startBroker();
    const { publisher } = await pair(broker);
    publisher.publish('a', '2', { qos: 2, packetIdentifier: 5 });
    await publisher.expect('pubrec');
    publisher.publish('a', '1', { qos: 1, packetIdentifier: 5 });
    expect((await publisher.expect('puback')).reasonCode).toBe(0x91);
    expect((await publisher.subscribe('b', {}, 5)).reasonCodes).toEqual([0x91]);
    publisher.send({ type: 'unsubscribe', packetIdentifier: 5, topicFilters: ['b'] });
    expect((await publisher.expect('unsuback')).reasonCodes).toEqual([0x91]);
  });

  test.each([
    ['PUBACK to QoS 2', 2, 'puback'],
    ['PUBREC to QoS 1', 1, 'pubrec'],
    ['PUBCOMP before PUBREC', 2, 'pubcomp'],
  ] as const)('%s is a Protocol Error [MQTT-4.13.1-1]', async (_name, qos, type) => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    await client.subscribe('a');
    broker.publish('a', 'x', { qos });
    const { packetIdentifier } = await client.expectPublish();
    client.send({ type, packetIdentifier, reasonCode: 0 });
    await client.expectDisconnect(0x82);
  });

  test('authorize refuses with PUBACK or PUBREC, and QoS 0 vanishes', async () => {
    const asked: unknown[] = [];
    await using broker = await startBroker({
      authorize: (access) => {
        asked.push(access);
        if (access.topic === 'throws') throw new Error('no');
        return access.topic !== 'no';
      },
    });
    const { publisher, subscriber } = await pair(broker, 0);
    publisher.publish('no', 'x');
    publisher.publish('no', 'x', { qos: 1, packetIdentifier: 1 });
    expect(await publisher.expect('puback')).toMatchObject({
      reasonCode: 0x87,
      properties: { reasonString: 'refused: publishing to no' },
    });
    publisher.publish('no', 'x', { qos: 2, packetIdentifier: 2 });
    expect((await publisher.expect('pubrec')).reasonCode).toBe(0x87);
    publisher.publish('throws', 'x', { qos: 1, packetIdentifier: 3 });
    expect((await publisher.expect('puback')).reasonCode).toBe(0x83);
    publisher.publish('yes', 'x');
    expect((await subscriber.expectPublish()).topicName).toBe('yes');
    expect(asked[1]).toEqual({ clientId: 'publisher', username: undefined, action: 'publish', topic: 'no' });
  });

  test('authorize may name the code; one PUBACK has none of becomes 0x83 [MQTT-3.4.2-1] [MQTT-3.5.2-1]', async () => {
    await using broker = await startBroker({ authorize: ({ topic }) => (topic === 'full' ? 0x97 : 0x8e) });
    const [publisher] = await RawClient.connect(broker.url);
    publisher.publish('full', 'x', { qos: 1, packetIdentifier: 1 });
    expect((await publisher.expect('puback')).reasonCode).toBe(0x97);
    publisher.publish('odd', 'x', { qos: 2, packetIdentifier: 1 });
    expect((await publisher.expect('pubrec')).reasonCode).toBe(0x83);
  });
});

describe('to a client', () => {
  test('each QoS 1 or 2 message has an identifier of its own, QoS 0 has none, DUP is 0 whatever came [MQTT-2.2.1-2] [MQTT-2.2.1-4] [MQTT-3.3.1-2] [MQTT-3.3.1-3] [MQTT-4.3.1-1] [MQTT-4.3.2-1] [MQTT-4.3.2-2] [MQTT-4.3.3-1] [MQTT-4.3.3-2]', async () => {
    await using broker = await startBroker();
    const { publisher, subscriber } = await pair(broker);
    const qos: QoS[] = [0, 1, 2, 1, 2];
    for (const [index, level] of qos.entries()) {
      publisher.publish('a', 'x', { qos: level, packetIdentifier: level === 0 ? 0 : index, dup: level > 0 });
    }
    const got: PublishPacket[] = [];
    for (const _ of qos) got.push(await subscriber.expectPublish());
    expect(got.map((packet) => packet.qos)).toEqual(qos);
    expect(got.every((packet) => !packet.dup)).toBe(true);
    const identifiers = got.filter((packet) => packet.qos > 0).map((packet) => packet.packetIdentifier);
    expect(new Set(identifiers).size).toBe(4);
    expect(identifiers).not.toContain(0);
  });

  test('an identifier is not used again while it is open, however often they go around [MQTT-2.2.1-4]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    await client.subscribe('a');
    broker.publish('a', 'held', { qos: 1 });
    const held = (await client.expectPublish()).packetIdentifier;
    const seen = new Set<number>();
    for (let round = 0; round < 65_600; round += 400) {
      for (let count = 0; count < 400; count++) broker.publish('a', 'x', { qos: 1 });
      const batch: number[] = [];
      for (let count = 0; count < 400; count++) batch.push((await client.expectPublish()).packetIdentifier);
      for (const packetIdentifier of batch) {
        seen.add(packetIdentifier);
        client.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
      }
    }
    expect(seen.has(held)).toBe(false);
    expect(seen.size).toBe(65_534);
  });

  test('PUBREC below 0x80 is answered with PUBREL, once per PUBREC [MQTT-4.3.3-4]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    await client.subscribe('a');
    broker.publish('a', 'x', { qos: 2 });
    const { packetIdentifier } = await client.expectPublish();
    client.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
    expect(await client.expect('pubrel')).toMatchObject({ packetIdentifier, reasonCode: 0 });
    client.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
    expect(await client.expect('pubrel')).toMatchObject({ packetIdentifier, reasonCode: 0 });
    client.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0 });
    await client.expectQuiet();
  });

  test('every property of a message arrives as it was sent [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] [MQTT-3.3.2-1] [MQTT-3.3.2-13] [MQTT-3.3.2-19] [MQTT-1.5.7-1]', async () => {
    await using broker = await startBroker();
    const { publisher, subscriber } = await pair(broker);
    const properties: PublishProperties = {
      payloadFormatIndicator: 1,
      messageExpiryInterval: 60,
      responseTopic: 'antwort/ä',
      correlationData: Uint8Array.of(0, 255),
      userProperties: [
        ['z', '1'],
        ['a', '2'],
        ['z', '1'],
      ],
      contentType: 'text/plain; ü',
    };
    publisher.publish('a/ö', 'x', { properties });
    const got = await subscriber.expectPublish();
    expect(got.properties).toEqual(properties);
    expect(got.topicName).toBe('a/ö');
  });

  test('a BOM in a string is a character like any other [MQTT-1.5.4-3] [MQTT-4.7.3-4]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    await client.subscribe('\ufeffa');
    client.publish('a', 'without');
    client.publish('\ufeffa', 'with');
    expect(await client.expectPublish()).toMatchObject({ topicName: '\ufeffa', text: 'with' });
  });

  test('messages of one publisher keep their order per topic and QoS [MQTT-4.6.0-5] [MQTT-4.6.0-6]', async () => {
    await using broker = await startBroker();
    const [subscriber] = await RawClient.connect(broker.url, {
      clientId: 'subscriber',
      properties: { receiveMaximum: 3 },
    });
    await subscriber.subscribe('#');
    const [publisher] = await RawClient.connect(broker.url, { clientId: 'publisher' });
    for (let index = 1; index <= 60; index++) {
      const qos = (index % 3) as QoS; // 0, 1 or 2
      publisher.publish(`t/${index % 2}`, String(index), { qos, packetIdentifier: qos === 0 ? 0 : index });
    }
    const byKind = new Map<string, number[]>();
    for (let left = 60; left > 0; ) {
      const packet = await subscriber.next();
      if (packet?.type === 'pubrel') {
        subscriber.send({ type: 'pubcomp', packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
      }
      if (packet?.type !== 'publish') continue;
      left--;
      const kind = `${packet.topicName} ${packet.qos}`;
      byKind.set(kind, [...(byKind.get(kind) ?? []), Number(Buffer.from(packet.payload).toString())]);
      const { packetIdentifier } = packet;
      if (packet.qos === 1) subscriber.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
      if (packet.qos === 2) subscriber.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
    }
    expect(byKind.size).toBe(6);
    for (const order of byKind.values()) expect(order).toEqual(order.toSorted((a, b) => a - b));
  });
});

describe('Message Expiry Interval', () => {
  test('what waited longer is not delivered, the rest less the time it waited [MQTT-3.3.2-5] [MQTT-3.3.2-6]', async () => {
    const clock = new ManualClock();
    await using broker = await startBroker({ clock });
    const [first] = await RawClient.persistent(broker.url, 'c', true);
    await first.subscribe('a');
    await first.drop();
    await untilGone(broker, 'c');
    for (const messageExpiryInterval of [5, 10, 20]) {
      broker.publish('a', String(messageExpiryInterval), { qos: 1, messageExpiryInterval });
    }
    clock.advance(10_000);
    const [second] = await RawClient.persistent(broker.url, 'c', false);
    expect(await second.expectPublish()).toMatchObject({ text: '20', properties: { messageExpiryInterval: 10 } });
    await second.expectQuiet();
  });

  test('a retained message expires too', async () => {
    const clock = new ManualClock();
    await using broker = await startBroker({ clock });
    broker.publish('a', 'old', { retain: true, messageExpiryInterval: 10 });
    const [client] = await RawClient.connect(broker.url);
    clock.advance(4_500);
    await client.subscribe('a');
    expect((await client.expectPublish()).properties?.messageExpiryInterval).toBe(6);
    clock.advance(5_500);
    await client.subscribe('a');
    await client.expectQuiet();
  });

  test('a message that is delivered at once is delivered, with an interval of 0 too', async () => {
    await using broker = await startBroker({ clock: new ManualClock() });
    const { publisher, subscriber } = await pair(broker);
    publisher.publish('a', 'now', { properties: { messageExpiryInterval: 0 } });
    expect((await subscriber.expectPublish()).text).toBe('now');
  });

  test('a QoS 2 message that was sent does not expire any more [MQTT-4.3.3-7] [MQTT-4.3.3-13]', async () => {
    const clock = new ManualClock();
    await using broker = await startBroker({ clock });
    const [first] = await RawClient.persistent(broker.url, 'c', true);
    await first.subscribe('a');
    broker.publish('a', 'x', { qos: 2, messageExpiryInterval: 5 });
    const { packetIdentifier } = await first.expectPublish();
    await first.drop();
    await untilGone(broker, 'c');
    clock.advance(60_000);
    const [second] = await RawClient.persistent(broker.url, 'c', false);
    expect(await second.expectPublish()).toMatchObject({ packetIdentifier, dup: true });
    second.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
    await second.expect('pubrel');
    second.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0 });
    await second.expectQuiet();
  });
});
