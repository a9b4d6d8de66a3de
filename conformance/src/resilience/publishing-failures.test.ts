// SPDX-License-Identifier: Apache-2.0
//
// What users of other clients suffer from when they publish, class by class (reference/peers.md §2): here it cannot happen.

import { Client, constantBackoff } from '@mqttv5/core';
import { ScriptedBroker, type ScriptedConnection } from '@mqttv5/testing';
import type { Packet, PublishPacket, PubrelPacket } from '@mqttv5/wire';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connected, next, record, stateOf, turn } from '../lifecycle/setup.ts';

describe('peers 1: a publish promise that never settles', () => {
  test.each(['fireAndForget', 'waitForFlush'] as const)(
    '400 QoS 0 and 100 QoS 1 and 2 publishes into a broker that does not read, then a drop (%s)',
    async (publishMode) => {
      const broker = await ScriptedBroker.listen();
      onTestFinished(() => broker.close());
      await using client = new Client({ brokers: broker.url, publishMode, reconnect: constantBackoff(1) });
      const connecting = client.connect();
      const connection = await broker.accept();
      await connection.handshake();
      await connecting;
      connection.stall();
      const payload = new Uint8Array(64 << 10);
      const bestEffort = Array.from({ length: 400 }, () => client.publish('zero', payload));
      const accepted = Array.from({ length: 100 }, (_, index) =>
        client.publish('more', payload, { qos: index % 2 === 0 ? 1 : 2 }),
      );
      await turn();
      connection.drop();
      const outcomes = await Promise.allSettled(bestEffort);
      const codes = outcomes.map((outcome) => (outcome.status === 'rejected' ? codeOf(outcome.reason) : 'sent'));
      expect(new Set(codes).difference(new Set(['sent', 'NOT_CONNECTED', 'CONNECTION_LOST']))).toEqual(new Set());
      expect(codes).toContain('NOT_CONNECTED');
      const second = await broker.accept();
      await second.handshake({ sessionPresent: true });
      acknowledgeAll(second);
      expect(await Promise.all(accepted)).toHaveLength(100);
    },
  );

  test('a client that is closed in the middle of everything leaves no promise behind', async () => {
    const { client, connection } = await connected();
    const promises = [
      client.publish('a', 'x', { qos: 1 }),
      client.publish('a', 'x', { qos: 2 }),
      client.subscribe('b'),
      client.ping(),
      client.request('c', 'x'),
    ];
    await connection.expect('publish');
    await client.disconnect();
    const outcomes = await Promise.allSettled(promises);
    expect(outcomes.map((outcome) => (outcome.status === 'rejected' ? codeOf(outcome.reason) : 'done'))).toEqual(
      Array.from({ length: promises.length }, () => 'CLOSED'),
    );
  });
});

describe('peers 5: connected, but `connect` never fires', () => {
  test('messages of the session that nobody acknowledges hold back neither the event nor anything new', async () => {
    const { broker, client, connection } = await connected();
    const old = [1, 2, 3].map((number) => client.publish('old', String(number), { qos: 1 }));
    for (const _ of old) await connection.expect('publish');
    const back = next(client, 'connect');
    connection.drop();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    expect(await back).toMatchObject({ sessionPresent: true });
    for (const _ of old) expect((await second.expect('publish')).dup).toBe(true);
    const fresh = client.publish('new', 'x', { qos: 1 });
    const subscribing = client.subscribe('news');
    second.send(puback(await second.expect('publish')));
    const { packetIdentifier } = await second.expect('subscribe');
    second.send({ type: 'suback', packetIdentifier, reasonCodes: [0] });
    await Promise.all([fresh, subscribing]);
    expect(await Promise.all(old.map((each) => stateOf(each)))).toEqual(['pending', 'pending', 'pending']);
  });
});

describe('peers 6: QoS 1 and 2 messages lost during redelivery', () => {
  test('publishes made while the session is resent go out behind it, in order, and every one settles', async () => {
    const { broker, client, connection } = await connected();
    const old = ['1', '2', '3'].map((text) => client.publish('a', text, { qos: 1 }));
    for (const _ of old) await connection.expect('publish');
    connection.drop();
    const offline = client.publish('a', '4', { qos: 2 });
    const second = await broker.accept();
    const fresh: Promise<unknown>[] = [];
    client.on('connect', () => fresh.push(client.publish('a', '5', { qos: 1 })));
    // One at a time: the resend takes a while.
    await second.handshake({ sessionPresent: true, properties: { receiveMaximum: 1 } });
    const texts: string[] = [];
    for (let done = 0; done < 6; done += 1) {
      const sent = await nth(second, isPublish, done);
      texts.push(new TextDecoder().decode(sent.payload));
      if (done === 1) fresh.push(client.publish('a', '6', { qos: 1 }));
      await finish(second, sent);
    }
    expect(texts).toEqual(['1', '2', '3', '4', '5', '6']);
    await Promise.all([...old, offline, ...fresh]);
  });
});

describe('peers 10: in-flight flood', () => {
  test('Receive Maximum 2: two on the wire, the rest in call order as acknowledgements come (V-019) [MQTT-3.3.4-9]', async () => {
    const { client, connection } = await connected({}, { properties: { receiveMaximum: 2 } });
    const publishing = Array.from({ length: 10 }, (_, index) =>
      client.publish('a', String(index), { qos: index % 3 === 2 ? 2 : 1 }),
    );
    const texts: string[] = [];
    for (let done = 0; done < 10; done += 1) {
      const sent = await nth(connection, isPublish, done);
      await turn();
      const open = connection.received.filter(isPublish).length - done;
      expect(open).toBeLessThanOrEqual(2);
      texts.push(new TextDecoder().decode(sent.payload));
      await finish(connection, sent);
    }
    expect(texts).toEqual(Array.from({ length: 10 }, (_, index) => String(index)));
    await Promise.all(publishing);
  });
});

describe('peers 22: resubscribe confusion', () => {
  test('Session Present 1: not one SUBSCRIBE (V-058)', async () => {
    const { broker, client, connection } = await connected();
    await grant(connection, client.subscribe('a/#', { qos: 1 }));
    connection.drop();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    const ping = client.awaitConnection().then(() => client.ping());
    await second.expect('pingreq');
    second.send({ type: 'pingresp' });
    await ping;
    expect(second.received.map(({ type }) => type)).toEqual(['connect', 'pingreq']);
  });

  test('Session Present 0: each as it was asked for, options and identifiers kept, oldest first, before any publish', async () => {
    const { broker, client, connection } = await connected();
    const asked = [
      await grant(connection, client.subscribe(['a/#', { filter: 'b', noLocal: true }], { qos: 2, retainHandling: 1 })),
      await grant(
        connection,
        client.subscribeCallback('c', () => undefined, { qos: 1, userProperties: { k: 'v' } }),
      ),
    ];
    const publishing = client.publish('a/b', 'x', { qos: 1 });
    await connection.expect('publish');
    connection.drop();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: false });
    const again = [await second.expect('subscribe'), await second.expect('subscribe')];
    const essence = ({ filters, properties }: (typeof again)[number]): unknown => ({ filters, properties });
    expect(again.map(essence)).toEqual(asked.map(essence));
    second.send(puback(await second.expect('publish')));
    await publishing;
  });
});

describe('peers 25: a hostile or buggy broker', () => {
  test('any bytes after CONNACK: the connection ends with a code, the client lives and connects again', async () => {
    const random = mulberry32(0x5eed);
    const { broker, client, connection } = await connected();
    const losses = record(client, 'disconnect');
    let current = connection;
    for (let round = 0; round < 200; round += 1) {
      const bytes = Uint8Array.from({ length: 1 + Math.floor(random() * 40) }, () => Math.floor(random() * 256));
      current.sendBytes(bytes);
      await turn();
      current.drop();
      current = await broker.accept();
      await current.handshake({ sessionPresent: true });
    }
    await turn();
    expect(client.state).toBe('connected');
    const codes = new Set(losses.map(({ payload }) => codeOf((payload as { error: unknown }).error)));
    expect(codes).toContain('PROTOCOL_ERROR');
    expect(codes.difference(new Set(['PROTOCOL_ERROR', 'CONNECTION_LOST', 'SERVER_DISCONNECTED']))).toEqual(new Set());
  });

  test('a packet of 256 MB announced: refused on its header where a bound was set, no memory taken where not', async () => {
    const bounded = await connected({ maximumPacketSize: 1_000 });
    bounded.connection.sendBytes(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f));
    expect(await bounded.connection.expect('disconnect')).toMatchObject({ reasonCode: 0x95 });
    const trusting = await connected();
    const before = process.memoryUsage().arrayBuffers;
    trusting.connection.sendBytes(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, 97));
    await turn();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20);
    expect(trusting.client.connected).toBe(true);
  });

  test('names like __proto__ in User Properties are data, and what the broker sends changes no option', async () => {
    const userProperties = [
      ['__proto__', 'polluted'],
      ['constructor', 'x'],
      ['toString', 'y'],
    ] as const;
    const options = Object.freeze({ clientId: 'kept', userProperties: Object.freeze({ mine: '1' }) });
    const { broker, client, connection } = await connected(options, {
      properties: { userProperties, receiveMaximum: 5, serverKeepAlive: 9 },
    });
    expect(client.serverInfo?.userProperties).toEqual(userProperties);
    const subscription = client.declare('a');
    const { packetIdentifier } = await connection.expect('subscribe');
    connection.send({ type: 'suback', packetIdentifier, reasonCodes: [0] });
    const payload = new TextEncoder().encode('{"__proto__":{"polluted":true}}');
    connection.send({
      type: 'publish',
      topicName: 'a',
      payload,
      qos: 0,
      retain: false,
      dup: false,
      packetIdentifier: 0,
      properties: { userProperties },
    });
    const message = await subscription.receive();
    expect(message?.userProperty('__proto__')).toBe('polluted');
    expect(message?.userProperty('hasOwnProperty')).toBeUndefined();
    message?.json();
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    connection.drop();
    const again = await (await broker.accept()).handshake({ sessionPresent: true });
    expect([again.keepAlive, again.properties?.userProperties]).toEqual([30, [['mine', '1']]]);
  });

  test('acknowledgements of nothing, all of them, are ignored and counted (V-025)', async () => {
    const { client, connection } = await connected({ stats: true });
    for (const type of ['puback', 'pubcomp'] as const) connection.send({ type, packetIdentifier: 7, reasonCode: 0 });
    connection.send({ type: 'suback', packetIdentifier: 7, reasonCodes: [0] });
    connection.send({ type: 'unsuback', packetIdentifier: 7, reasonCodes: [0] });
    await turn();
    expect(client.stats()).toMatchObject({ acksIgnored: 4, protocolErrors: 0 });
    expect(client.connected).toBe(true);
  });
});

// What the broker of these tests does ------------------------------------------------------------------------------------

function puback({ packetIdentifier }: PublishPacket): Packet {
  return { type: 'puback', packetIdentifier, reasonCode: 0 };
}

/** Ends the exchange of a PUBLISH, whichever it is. */
async function finish(connection: ScriptedConnection, sent: PublishPacket): Promise<void> {
  const { qos, packetIdentifier } = sent;
  if (qos === 1) connection.send(puback(sent));
  if (qos !== 2) return;
  connection.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
  const isOurs = (packet: Packet): packet is PubrelPacket =>
    packet.type === 'pubrel' && packet.packetIdentifier === packetIdentifier;
  await nth(connection, isOurs, 0);
  connection.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0 });
}

/** The packet of this kind with this index, whatever came between. */
async function nth<P extends Packet>(
  connection: ScriptedConnection,
  is: (packet: Packet) => packet is P,
  index: number,
): Promise<P> {
  for (let waited = 0; waited < 5_000; waited += 1) {
    const packet = connection.received.filter(is)[index];
    if (packet !== undefined) return packet;
    await turn();
  }
  throw new Error(`no packet ${index} of this kind: ${connection.received.map(({ type }) => type).join(', ')}`);
}

/** Answers every publish there is and comes, until the connection ends. */
function acknowledgeAll(connection: ScriptedConnection): void {
  let seen = 0;
  const answer = (): void => {
    for (; seen < connection.received.length; seen += 1) {
      const packet = connection.received[seen];
      if (packet?.type === 'publish' && packet.qos === 1) connection.send(puback(packet));
      if (packet?.type === 'publish' && packet.qos === 2)
        connection.send({ type: 'pubrec', packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
      if (packet?.type === 'pubrel')
        connection.send({ type: 'pubcomp', packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
    }
    if (!connection.ended) setImmediate(answer);
  };
  answer();
}

/** Grants the SUBSCRIBE of a call, and gives it back. */
async function grant(connection: ScriptedConnection, subscribing: Promise<unknown>) {
  const subscribe = await connection.expect('subscribe');
  const reasonCodes = subscribe.filters.map(({ qos }) => qos);
  connection.send({ type: 'suback', packetIdentifier: subscribe.packetIdentifier, reasonCodes });
  await subscribing;
  return subscribe;
}

function isPublish(packet: Packet): packet is PublishPacket {
  return packet.type === 'publish';
}

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown }).code;
}

/** Small and repeatable. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
