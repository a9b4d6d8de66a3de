// SPDX-License-Identifier: Apache-2.0
//
// reliability.md: write order, topic aliases, head of line, "pause" and re-authentication, over the whole client.

import { type Authenticator } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { connected, next, record, stateOf, turn } from '../lifecycle/setup.ts';
import { error, grant, types } from './setup.ts';

function inbound(id: number, topicName = 'in', qos: 0 | 1 | 2 = id === 0 ? 0 : 1) {
  return {
    type: 'publish',
    topicName,
    payload: new Uint8Array(1),
    qos,
    retain: false,
    dup: false,
    packetIdentifier: id,
  } as const;
}

describe('write order', () => {
  test('QoS 1/2 that wait for quota do not hold back QoS 0', async () => {
    const { client, connection } = await connected({}, { properties: { receiveMaximum: 1 } });
    const open = [client.publish('one', '', { qos: 1 }), client.publish('two', '', { qos: 1 })];
    for (const each of open) each.catch(() => undefined);
    await client.publish('zero', '');
    expect((await connection.expect('publish')).topicName).toBe('one');
    expect((await connection.expect('publish')).topicName).toBe('zero');
  });

  test('QoS 0 above the mark waits, later publishes and resends wait behind it; SUBSCRIBE, PINGREQ, acks do not', async () => {
    const { client, connection } = await connected({ writeHighWaterMark: 100_000 });
    const subscribing = client.subscribe('in', { qos: 1, ack: 'manual' });
    await grant(connection);
    const subscription = await subscribing;
    connection.send(inbound(5));
    const message = await subscription.receive();
    connection.stall();
    // What the pipe takes, and then what fills the mark.
    let waiting: Promise<unknown> | undefined;
    for (let i = 0; i < 200 && waiting === undefined; i++) {
      const publishing = client.publish(`fill/${i}`, new Uint8Array(50_000));
      await turn();
      if ((await stateOf(publishing)) === 'pending') waiting = publishing;
    }
    expect(client.tryPublish('no', '')).toBe(false);
    const behind = client.publish('behind', '', { qos: 1 });
    behind.catch(() => undefined);
    const alsoWaiting = client.publish('also', '');
    message?.ack();
    client.subscribe('other').catch(() => undefined);
    client.ping().catch(() => undefined);
    await turn();
    expect(await stateOf(alsoWaiting)).toBe('pending');
    connection.resume();
    await Promise.all([waiting, alsoWaiting]);
    while (!types(connection).includes('pingreq') || connection.received.at(-1)?.type !== 'publish') await turn();
    const order = connection.received.flatMap((packet) =>
      packet.type === 'publish' ? (packet.topicName.startsWith('fill') ? [] : [packet.topicName]) : [packet.type],
    );
    expect(order.indexOf('behind')).toBeLessThan(order.indexOf('also'));
    for (const type of ['puback', 'pingreq']) expect(order.indexOf(type)).toBeLessThan(order.indexOf('behind'));
    expect(order.lastIndexOf('subscribe')).toBeLessThan(order.indexOf('behind'));
  });

  test('writeOverflow "dropNewest": WRITE_QUEUE_FULL, "notSent"; QoS 1 waits', async () => {
    const { client, connection } = await connected({ writeHighWaterMark: 1000, writeOverflow: 'dropNewest' });
    connection.stall();
    let reason: unknown;
    for (let i = 0; i < 200 && reason === undefined; i++)
      reason = await error(client.publish('a', new Uint8Array(5000)));
    expect(reason).toMatchObject({ code: 'WRITE_QUEUE_FULL', delivery: 'notSent' });
    const waiting = client.publish('b', '', { qos: 1 });
    waiting.catch(() => undefined);
    await turn();
    expect(await stateOf(waiting)).toBe('pending');
  });
});

describe('topic aliases', () => {
  test('by hand: the topic whenever the mapping is not in force; the same table as outboundTopicAliases', async () => {
    const { broker, client, connection } = await connected(
      { outboundTopicAliases: true },
      { properties: { topicAliasMaximum: 2 } },
    );
    await client.publish('a', '');
    await client.publish('b', '', { topicAlias: 1 });
    await client.publish('b', '', { topicAlias: 1 });
    await client.publish('a', '');
    await client.publish('b', '');
    const sent: (string | number | undefined)[][] = [];
    for (let i = 0; i < 5; i++) {
      const { topicName, properties } = await connection.expect('publish');
      sent.push([topicName, properties?.topicAlias]);
    }
    expect(sent).toEqual([
      ['a', 1],
      ['b', 1],
      ['', 1],
      ['a', 2],
      ['', 1],
    ]);
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true, properties: { topicAliasMaximum: 1 } });
    await client.awaitConnection();
    await client.publish('b', '', { topicAlias: 1 });
    expect((await again.expect('publish')).topicName).toBe('b');
    expect(await error(client.publish('b', '', { topicAlias: 2 }))).toMatchObject({ code: 'TOPIC_ALIAS_INVALID' });
  });

  test('by hand: everything else of the message goes along', async () => {
    const { client, connection } = await connected({}, { properties: { topicAliasMaximum: 2 } });
    const rest = { contentType: 'text/plain', userProperties: { k: 'v' } };
    await client.publish('a', 'x', { topicAlias: 1, retain: true, ...rest });
    expect(await connection.expect('publish')).toMatchObject({
      topicName: 'a',
      payload: new TextEncoder().encode('x'),
      retain: true,
      properties: { topicAlias: 1, contentType: 'text/plain', userProperties: [['k', 'v']] },
    });
  });

  test('in: takes effect for every valid PUBLISH that carries it, also a repeat and one nobody wants', async () => {
    const { client, connection } = await connected({ topicAliasMaximum: 2 });
    const subscribing = client.subscribe('in/#', { qos: 1, ack: 'manual' });
    await grant(connection);
    const subscription = await subscribing;
    connection.send({ ...inbound(1, 'in/a'), properties: { topicAlias: 1 } });
    connection.send({ ...inbound(1, 'in/b'), dup: true, properties: { topicAlias: 1 } });
    connection.send({ ...inbound(0, 'other'), properties: { topicAlias: 2 } });
    connection.send({ ...inbound(0, ''), properties: { topicAlias: 1 } });
    connection.send({ ...inbound(0, 'in/c'), properties: { topicAlias: 2 } });
    connection.send({ ...inbound(0, ''), properties: { topicAlias: 2 } });
    const topics = [];
    for (let i = 0; i < 4; i++) topics.push((await subscription.receive())?.topic);
    expect(topics).toEqual(['in/a', 'in/b', 'in/c', 'in/c']);
  });
});

describe('head of line', () => {
  test('ackStalled is raised once for the oldest unanswered message that holds answers back', async () => {
    const { client, connection } = await connected({ ackStallMs: 40 });
    const events = record(client, 'ackStalled');
    const subscribing = client.subscribe('in', { qos: 1, ack: 'manual' });
    await grant(connection);
    const subscription = await subscribing;
    for (const id of [1, 2, 3]) connection.send(inbound(id));
    const messages = [await subscription.receive(), await subscription.receive(), await subscription.receive()];
    const stalled = next(client, 'ackStalled');
    messages[1]?.ack();
    messages[2]?.ack();
    const event = await stalled;
    expect(event).toMatchObject({ heldBack: 2, subscription });
    expect(event.message).toBe(messages[0]);
    expect(event.heldMs).toBeGreaterThanOrEqual(40);
    messages[0]?.ack();
    for (const id of [1, 2, 3]) expect((await connection.expect('puback')).packetIdentifier).toBe(id);
    expect(events).toHaveLength(1);
  });

  test('and logged, also when somebody listens', async () => {
    const lines: string[] = [];
    const note = (line: string): unknown => line.includes('ackStalled') && lines.push(line);
    const logger = { debug: note, info: note, warn: note, error: note };
    const { client, connection } = await connected({ ackStallMs: 20, receiveMaximum: 1, logger });
    const stalled = next(client, 'ackStalled');
    const subscribing = client.subscribe('in', { qos: 1, ack: 'manual' });
    await grant(connection);
    await subscribing;
    connection.send(inbound(1));
    await stalled;
    expect(lines).toHaveLength(1);
  });
});

describe('"pause"', () => {
  test('reading stops for all subscriptions until the buffer is half empty', async () => {
    const { client, connection } = await connected();
    const opening = [client.subscribe('slow', { overflow: 'pause', bufferSize: 4 }), client.subscribe('other')];
    await grant(connection);
    await grant(connection);
    const [slow, other] = await Promise.all(opening);
    for (let i = 0; i < 4; i++) connection.send(inbound(0, 'slow'));
    await turn();
    connection.send(inbound(0, 'other'));
    await turn();
    expect([slow?.size, other?.size]).toEqual([4, 0]);
    slow?.tryReceive();
    await turn();
    expect(other?.size).toBe(0);
    slow?.tryReceive();
    await turn();
    expect(other?.size).toBe(1);
  });

  test('reading goes on while the application waits for the broker; the bound may be exceeded by itself, then QoS 0 is dropped', async () => {
    const { client, connection } = await connected();
    const drops = record(client, 'drop');
    const subscribing = client.subscribe('slow', { overflow: 'pause', bufferSize: 4 });
    await grant(connection);
    const slow = await subscribing;
    for (let i = 0; i < 4; i++) connection.send(inbound(0, 'slow'));
    await turn();
    const publishing = client.publish('a', '', { qos: 1 });
    const { packetIdentifier } = await connection.expect('publish');
    for (let i = 0; i < 6; i++) connection.send(inbound(0, 'slow'));
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await publishing;
    expect([slow.size, slow.dropped, drops.length]).toEqual([8, 2, 2]);
    connection.send(inbound(0, 'slow'));
    await turn();
    expect(slow.dropped).toBe(2);
  });

  test('unsubscribe() of the full one lets the others read', async () => {
    const { client, connection } = await connected();
    const opening = [client.subscribe('slow', { overflow: 'pause', bufferSize: 1 }), client.subscribe('other')];
    await grant(connection);
    await grant(connection);
    const [slow, other] = await Promise.all(opening);
    connection.send(inbound(0, 'slow'));
    await turn();
    connection.send(inbound(0, 'other'));
    await turn();
    expect(other?.size).toBe(0);
    const ending = slow?.unsubscribe();
    const { packetIdentifier } = await connection.expect('unsubscribe');
    connection.send({ type: 'unsuback', packetIdentifier, reasonCodes: [0] });
    await ending;
    await turn();
    expect(other?.size).toBe(1);
  });
});

describe('re-authentication', () => {
  const authenticator = (log: string[] = []): Authenticator => ({
    method: 'M',
    begin: () => {
      log.push('begin');
      return Uint8Array.of(1);
    },
    continue: (data) => {
      log.push(`continue ${String(data?.[0])} ${data?.buffer instanceof ArrayBuffer}`);
      return Uint8Array.of(2);
    },
    verifyServerFinal: (data) => {
      log.push(`final ${String(data?.[0])}`);
    },
  });
  const properties = { authenticationMethod: 'M' };

  test('verifyServerFinal sees the concluding data, of CONNACK and of AUTH', async () => {
    const log: string[] = [];
    const { client, connection } = await connected(
      { authenticator: authenticator(log) },
      { properties: { ...properties, authenticationData: Uint8Array.of(7) } },
    );
    const events = record(client, 'reauthenticated');
    const running = client.reauthenticate();
    expect(await error(client.reauthenticate())).toMatchObject({ code: 'REAUTH_IN_PROGRESS' });
    expect(await connection.expect('auth')).toMatchObject({ reasonCode: 0x19 });
    connection.send({
      type: 'auth',
      reasonCode: 0x18,
      properties: { ...properties, authenticationData: Uint8Array.of(8) },
    });
    expect(await connection.expect('auth')).toMatchObject({ reasonCode: 0x18 });
    connection.send({
      type: 'auth',
      reasonCode: 0x00,
      properties: { ...properties, authenticationData: Uint8Array.of(9) },
    });
    await running;
    await turn();
    expect(events).toHaveLength(1);
    expect(log).toEqual(['begin', 'final 7', 'begin', 'continue 8 true', 'final 9']);
  });

  test('a broker AUTH outside one, under another method, or 0x19: protocol error 0x82', async () => {
    for (const [reasonCode, method, during] of [
      [0x18, 'M', false],
      [0x00, 'M', false],
      [0x18, 'N', true],
      [0x19, 'M', true],
    ] as const) {
      const { client, connection } = await connected(
        { authenticator: authenticator(), reconnect: false },
        { properties },
      );
      const running = during ? error(client.reauthenticate()) : undefined;
      if (during) await connection.expect('auth');
      connection.send({ type: 'auth', reasonCode, properties: { authenticationMethod: method } });
      expect(await connection.expect('disconnect')).toMatchObject({ reasonCode: 0x82 });
      connection.end();
      if (running !== undefined) expect(await running).toMatchObject({ code: 'CONNECTION_LOST' });
    }
  });

  test('a drop in the middle ends it; the next connection can start another', async () => {
    const { broker, client, connection } = await connected({ authenticator: authenticator() }, { properties });
    const running = error(client.reauthenticate());
    await connection.expect('auth');
    connection.drop();
    expect(await running).toMatchObject({ code: 'CONNECTION_LOST' });
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true, properties });
    await client.awaitConnection();
    const anew = client.reauthenticate();
    await again.expect('auth');
    again.send({ type: 'auth', reasonCode: 0x00, properties });
    await anew;
  });
});
