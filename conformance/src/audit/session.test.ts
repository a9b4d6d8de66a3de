// SPDX-License-Identifier: Apache-2.0
//
// reliability.md, "Session engine" and "Whose session it is", sentence by sentence, over the whole client.

import { MemorySessionStore } from '@mqttv5/core';
import { type ScriptedConnection } from '@mqttv5/testing';
import { describe, expect, test } from 'vitest';
import { connected, next, record, scripted, stateOf, turn } from '../lifecycle/setup.ts';

const PAYLOAD = Uint8Array.of(1);

function inbound(packetIdentifier: number, qos: 0 | 1 | 2 = 1, dup = false, topicName = 'in') {
  return { type: 'publish', topicName, payload: PAYLOAD, qos, retain: false, dup, packetIdentifier } as const;
}

/** Answers the next SUBSCRIBE with what it asks for. */
async function grant(connection: ScriptedConnection) {
  const packet = await connection.expect('subscribe');
  const reasonCodes = packet.filters.map(({ qos }) => qos);
  connection.send({ type: 'suback', packetIdentifier: packet.packetIdentifier, reasonCodes });
  return packet;
}

const types = (connection: ScriptedConnection): string[] => connection.received.map(({ type }) => type);

describe('packet identifiers and acknowledgements', () => {
  test('PUBACK, PUBCOMP, SUBACK, UNSUBACK for no open exchange or of the wrong kind are ignored and counted', async () => {
    const { client, connection } = await connected({ stats: true });
    const publishing = client.publish('a', 'x', { qos: 1 });
    const { packetIdentifier } = await connection.expect('publish');
    connection.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0 });
    connection.send({ type: 'suback', packetIdentifier, reasonCodes: [0] });
    connection.send({ type: 'unsuback', packetIdentifier, reasonCodes: [0] });
    connection.send({ type: 'puback', packetIdentifier: 999, reasonCode: 0 });
    connection.send({ type: 'pubrec', packetIdentifier: 999, reasonCode: 0x80 });
    await turn();
    expect(await stateOf(publishing)).toBe('pending');
    expect(client.stats().acksIgnored).toBe(5);
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    expect(await publishing).toEqual({ reasonCode: 0 });
    expect(client.connected).toBe(true);
    expect(types(connection)).toEqual(['connect', 'publish']);
  });

  test('PUBREC to an open QoS 1 publish is of no exchange: PUBREL 0x92, and the publish goes on', async () => {
    const { client, connection } = await connected();
    const publishing = client.publish('a', 'x', { qos: 1 });
    const { packetIdentifier } = await connection.expect('publish');
    connection.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
    expect(await connection.expect('pubrel')).toMatchObject({ packetIdentifier, reasonCode: 0x92 });
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await publishing;
  });

  test('PUBREC again after PUBREL: PUBREL again; any PUBCOMP resolves with the code of PUBREC', async () => {
    const { client, connection } = await connected();
    const publishing = client.publish('a', 'x', { qos: 2 });
    const { packetIdentifier } = await connection.expect('publish');
    connection.send({ type: 'pubrec', packetIdentifier, reasonCode: 0x10, properties: { reasonString: 'nobody' } });
    await connection.expect('pubrel');
    connection.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
    expect(await connection.expect('pubrel')).toMatchObject({ packetIdentifier, reasonCode: 0 });
    connection.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0x92 });
    expect(await publishing).toEqual({ reasonCode: 0x10, reasonString: 'nobody' });
  });

  test('PUBREC of 0x80 or above after PUBREL is for none that waits for it: ignored', async () => {
    const { client, connection } = await connected();
    const publishing = client.publish('a', 'x', { qos: 2 });
    const { packetIdentifier } = await connection.expect('publish');
    connection.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
    await connection.expect('pubrel');
    connection.send({ type: 'pubrec', packetIdentifier, reasonCode: 0x97 });
    await turn();
    connection.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0 });
    expect(await publishing).toEqual({ reasonCode: 0 });
  });

  test('identifiers beyond maximumQueuedPublishes are for SUBSCRIBE, which waits when none is free', async () => {
    const { client, connection } = await connected();
    const publishes = Array.from({ length: 65_000 }, () => client.publish('a', '', { qos: 1 }));
    for (const each of publishes) each.catch(() => undefined);
    await expect(client.publish('a', '', { qos: 1 })).rejects.toMatchObject({
      code: 'PUBLISH_QUEUE_FULL',
      delivery: 'notSent',
    });
    const subscriptions = Array.from({ length: 536 }, (_, i) => client.subscribe(`f/${i}`));
    for (const each of subscriptions) each.catch(() => undefined);
    let last = 0;
    for (let i = 0; i < 535; i++) {
      let packet = connection.received.at(-1);
      do packet = await nextPacket(connection);
      while (packet.type !== 'subscribe');
      last = packet.packetIdentifier;
    }
    await turn();
    expect(connection.received.filter(({ type }) => type === 'subscribe')).toHaveLength(535);
    connection.send({ type: 'suback', packetIdentifier: last, reasonCodes: [0] });
    const another = await nextPacket(connection);
    expect(another).toMatchObject({ type: 'subscribe', packetIdentifier: last });
    expect(client.connected).toBe(true);
  }, 20_000);
});

/** Whatever comes next. */
async function nextPacket(connection: ScriptedConnection) {
  const at = seen.get(connection) ?? 1;
  while (connection.received.length <= at) await turn();
  seen.set(connection, at + 1);
  const packet = connection.received[at];
  if (packet === undefined) throw new Error('no packet');
  return packet;
}
const seen = new WeakMap<ScriptedConnection, number>();

describe('send quota', () => {
  test('a slot belongs to a QoS 2 flow until PUBCOMP, and to one that is refused until PUBREC', async () => {
    const { client, connection } = await connected({}, { properties: { receiveMaximum: 1 } });
    const first = client.publish('a', '1', { qos: 2 });
    const second = client.publish('a', '2', { qos: 2 });
    const third = client.publish('a', '3', { qos: 1 });
    const one = await connection.expect('publish');
    connection.send({ type: 'pubrec', packetIdentifier: one.packetIdentifier, reasonCode: 0 });
    await connection.expect('pubrel');
    await turn();
    expect(types(connection)).toEqual(['connect', 'publish', 'pubrel']);
    connection.send({ type: 'pubcomp', packetIdentifier: one.packetIdentifier, reasonCode: 0 });
    await first;
    const two = await connection.expect('publish');
    connection.send({ type: 'pubrec', packetIdentifier: two.packetIdentifier, reasonCode: 0x97 });
    await expect(second).rejects.toMatchObject({ code: 'PUBLISH_REFUSED', reasonCode: 0x97, delivery: 'refused' });
    const three = await connection.expect('publish');
    connection.send({ type: 'puback', packetIdentifier: three.packetIdentifier, reasonCode: 0 });
    await third;
  });

  test('resumed with a lower Receive Maximum: PUBRELs do not wait, the PUBLISH does', async () => {
    const { broker, client, connection } = await connected();
    const publishes = [1, 2, 3].map((n) => client.publish('a', String(n), { qos: 2 }));
    const packets = [
      await connection.expect('publish'),
      await connection.expect('publish'),
      await connection.expect('publish'),
    ] as const;
    // PUBRECs in another order than the PUBLISHes.
    connection.send({ type: 'pubrec', packetIdentifier: packets[1].packetIdentifier, reasonCode: 0 });
    await connection.expect('pubrel');
    connection.send({ type: 'pubrec', packetIdentifier: packets[0].packetIdentifier, reasonCode: 0 });
    await connection.expect('pubrel');
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true, properties: { receiveMaximum: 1 } });
    expect((await again.expect('pubrel')).packetIdentifier).toBe(packets[1].packetIdentifier);
    expect((await again.expect('pubrel')).packetIdentifier).toBe(packets[0].packetIdentifier);
    await turn();
    expect(types(again)).toEqual(['connect', 'pubrel', 'pubrel']);
    again.send({ type: 'pubcomp', packetIdentifier: packets[1].packetIdentifier, reasonCode: 0 });
    await publishes[1];
    await turn();
    expect(types(again)).toHaveLength(3);
    again.send({ type: 'pubcomp', packetIdentifier: packets[0].packetIdentifier, reasonCode: 0 });
    const last = await again.expect('publish');
    expect(last).toMatchObject({ dup: true, packetIdentifier: packets[2].packetIdentifier });
    again.send({ type: 'pubrec', packetIdentifier: last.packetIdentifier, reasonCode: 0 });
    await again.expect('pubrel');
    again.send({ type: 'pubcomp', packetIdentifier: last.packetIdentifier, reasonCode: 0 });
    await Promise.all(publishes);
  });
});

describe('order after CONNACK', () => {
  test('Session Present 1: PUBREL, resends with DUP 1, open SUBSCRIBE without waiting for quota, then new publishes', async () => {
    const { broker, client, connection } = await connected({}, { properties: { receiveMaximum: 3 } });
    const all: Promise<unknown>[] = [];
    all.push(client.publish('a', '1', { qos: 2 }), client.publish('a', '2', { qos: 1 }));
    const one = await connection.expect('publish');
    await connection.expect('publish');
    connection.send({ type: 'pubrec', packetIdentifier: one.packetIdentifier, reasonCode: 0 });
    await connection.expect('pubrel');
    all.push(client.subscribe('s'));
    await connection.expect('subscribe');
    connection.drop();
    await next(client, 'disconnect');
    all.push(client.publish('a', '3', { qos: 1 }));
    for (const each of all) each.catch(() => undefined);
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true, properties: { receiveMaximum: 3 } });
    await again.expect('pubrel');
    expect(await again.expect('publish')).toMatchObject({ dup: true });
    await again.expect('subscribe');
    expect(await again.expect('publish')).toMatchObject({ dup: false });
  });

  test('Session Present 0: SUBSCRIBEs in one write, republished with DUP 0 in original order, then new publishes', async () => {
    const { broker, client, connection } = await connected();
    const subscribing = Promise.all([client.subscribe('s/1'), client.subscribe('s/2')]);
    await grant(connection);
    await grant(connection);
    await subscribing;
    const old = [client.publish('a', '1', { qos: 2 }), client.publish('a', '2', { qos: 1 })];
    const one = await connection.expect('publish');
    await connection.expect('publish');
    connection.send({ type: 'pubrec', packetIdentifier: one.packetIdentifier, reasonCode: 0 });
    await connection.expect('pubrel');
    connection.drop();
    await next(client, 'disconnect');
    const fresh = client.publish('a', '3', { qos: 1 });
    for (const each of [...old, fresh]) each.catch(() => undefined);
    const again = await broker.accept();
    await again.handshake();
    expect((await again.expect('subscribe')).filters[0]?.topicFilter).toBe('s/1');
    expect((await again.expect('subscribe')).filters[0]?.topicFilter).toBe('s/2');
    const sent = [await again.expect('publish'), await again.expect('publish'), await again.expect('publish')];
    expect(sent.map(({ payload, dup, qos }) => [new TextDecoder().decode(payload), dup, qos])).toEqual([
      ['1', false, 2],
      ['2', false, 1],
      ['3', false, 1],
    ]);
  });
});

describe('acknowledgements of inbound messages', () => {
  test('QoS 1 with DUP 0 under a held identifier of an earlier connection is new; the old handle is a no-op', async () => {
    const { broker, client, connection } = await connected();
    const subscribing = client.subscribe('in', { qos: 1, ack: 'manual' });
    await grant(connection);
    const subscription = await subscribing;
    connection.send(inbound(7));
    const old = await subscription.receive();
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    again.send(inbound(7));
    const fresh = await subscription.receive();
    expect(fresh?.dup).toBe(false);
    old?.ack();
    await turn();
    expect(types(again)).toEqual(['connect']);
    fresh?.ack();
    expect(await again.expect('puback')).toMatchObject({ packetIdentifier: 7 });
  });

  test('an ack for a message of an earlier connection goes out when it was resent here, in the new arrival order', async () => {
    const { broker, client, connection } = await connected();
    const subscribing = client.subscribe('in', { qos: 1, ack: 'manual' });
    await grant(connection);
    const subscription = await subscribing;
    connection.send(inbound(1));
    connection.send(inbound(2));
    const first = await subscription.receive();
    const second = await subscription.receive();
    connection.drop();
    await next(client, 'disconnect');
    first?.ack();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    // The other way round this time.
    again.send(inbound(2, 1, true));
    again.send(inbound(1, 1, true));
    await turn();
    expect(types(again)).toEqual(['connect']);
    second?.ack();
    expect(await again.expect('puback')).toMatchObject({ packetIdentifier: 2 });
    expect(await again.expect('puback')).toMatchObject({ packetIdentifier: 1 });
    expect(subscription.size).toBe(0);
  });

  test('with several handles the broker gets 0x00 if any accepted, else the code of the first refusal', async () => {
    const { client, connection } = await connected({}, { properties: { subscriptionIdentifierAvailable: false } });
    const opening = [
      client.subscribe('in', { qos: 1, ack: 'manual' }),
      client.subscribe('+', { qos: 1, ack: 'manual' }),
    ];
    await grant(connection);
    await grant(connection);
    const [a, b] = await Promise.all(opening);
    connection.send(inbound(1));
    connection.send(inbound(2));
    const one = [await a?.receive(), await b?.receive()];
    const two = [await a?.receive(), await b?.receive()];
    one[1]?.ack(0x83);
    two[0]?.ack(0x97);
    two[1]?.ack(0x99);
    one[0]?.ack(0x00);
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 2, reasonCode: 0x97 });
  });

  test('ack takes 00 80 83 87 90 91 97 99, anything else throws INVALID_OPTION and answers nothing', async () => {
    const { client, connection } = await connected();
    const subscribing = client.subscribe('in', { qos: 1, ack: 'manual' });
    await grant(connection);
    const subscription = await subscribing;
    for (const [i, code] of ([0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99] as const).entries()) {
      connection.send(inbound(i + 1));
      const message = await subscription.receive();
      for (const wrong of [0x10, 0x92, 1, -1, Number.NaN, '0', null]) {
        expect(() => message?.ack(wrong as 0)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
      }
      expect(message?.acknowledged).toBe(false);
      message?.ack(code);
      expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: i + 1, reasonCode: code });
    }
  });

  test('QoS 2 refused: PUBREC with the code ends it, and the identifier is free for a new message', async () => {
    const { client, connection } = await connected();
    const subscribing = client.subscribe('in', { qos: 2, ack: 'manual' });
    await grant(connection);
    const subscription = await subscribing;
    connection.send(inbound(1, 2));
    (await subscription.receive())?.ack(0x87);
    expect(await connection.expect('pubrec')).toMatchObject({ reasonCode: 0x87 });
    connection.send(inbound(1, 2));
    (await subscription.receive())?.ack();
    expect(await connection.expect('pubrec')).toMatchObject({ reasonCode: 0 });
    connection.send({ type: 'pubrel', packetIdentifier: 1, reasonCode: 0 });
    expect(await connection.expect('pubcomp')).toMatchObject({ reasonCode: 0 });
  });

  test('Receive Maximum counts what arrived on this connection: a resend on the next one counts there, once', async () => {
    const { broker, client, connection } = await connected({ receiveMaximum: 2 });
    const subscribing = client.subscribe('in', { qos: 1, ack: 'manual' });
    await grant(connection);
    await subscribing;
    connection.send(inbound(1));
    connection.send(inbound(2));
    await turn();
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    for (const id of [1, 2, 1, 2]) again.send(inbound(id, 1, true));
    await turn();
    expect(client.connected).toBe(true);
    again.send(inbound(3));
    expect(await again.expect('disconnect')).toMatchObject({ reasonCode: 0x93 });
  });
});

describe('blame', () => {
  test('a third blame names one packet: given up, its identifier taken, the rest delivered, the client connected', async () => {
    const { broker, client, connection } = await connected();
    const good = client.publish('good', 'x', { qos: 1 });
    const bad = client.publish('bad', 'x', { qos: 1 });
    const badOutcome = bad.catch((error: unknown) => error);
    const ids = [await connection.expect('publish'), await connection.expect('publish')].map((p) => p.packetIdentifier);
    connection.send({ type: 'disconnect', reasonCode: 0x90 });
    // Suspects one at a time.
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    expect(await second.expect('publish')).toMatchObject({ topicName: 'good', packetIdentifier: ids[0] });
    await turn();
    expect(types(second)).toEqual(['connect', 'publish']);
    second.send({ type: 'puback', packetIdentifier: ids[0] ?? 0, reasonCode: 0 });
    await good;
    expect(await second.expect('publish')).toMatchObject({ topicName: 'bad', packetIdentifier: ids[1] });
    second.send({ type: 'disconnect', reasonCode: 0x90 });
    const third = await broker.accept();
    await third.handshake({ sessionPresent: true });
    await third.expect('publish');
    third.send({ type: 'disconnect', reasonCode: 0x90 });
    expect(await badOutcome).toMatchObject({ code: 'REJECTED_BY_DISCONNECT', reasonCode: 0x90, filters: [] });
    const fourth = await broker.accept();
    await fourth.handshake({ sessionPresent: true });
    await client.awaitConnection();
    await turn();
    expect(types(fourth)).toEqual(['connect']);
  });

  test('an orderly close counts only while one packet was unanswered; a reset never', async () => {
    const { broker, client, connection } = await connected();
    const publishing = client.publish('bad', 'x', { qos: 1 });
    const outcome = publishing.catch((error: unknown) => error);
    await connection.expect('publish');
    connection.end();
    for (let i = 0; i < 4; i++) {
      const again = await broker.accept();
      await again.handshake({ sessionPresent: true });
      await again.expect('publish');
      again.drop();
    }
    const one = await broker.accept();
    await one.handshake({ sessionPresent: true });
    await one.expect('publish');
    one.end();
    const two = await broker.accept();
    await two.handshake({ sessionPresent: true });
    await two.expect('publish');
    two.end();
    expect(await outcome).toMatchObject({ code: 'REJECTED_BY_DISCONNECT' });
  });

  test('0x83 blames a SUBSCRIBE, not a PUBLISH', async () => {
    const { broker, client, connection } = await connected();
    const publishing = client.publish('fine', 'x', { qos: 1 });
    const subscribing = client.subscribe('bad').catch((error: unknown) => error);
    await connection.expect('publish');
    await connection.expect('subscribe');
    connection.send({ type: 'disconnect', reasonCode: 0x83 });
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    const { packetIdentifier } = await second.expect('publish');
    second.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await publishing;
    await second.expect('subscribe');
    second.send({ type: 'disconnect', reasonCode: 0x83 });
    const third = await broker.accept();
    await third.handshake({ sessionPresent: true });
    await third.expect('subscribe');
    third.send({ type: 'disconnect', reasonCode: 0x83 });
    expect(await subscribing).toMatchObject({
      code: 'REJECTED_BY_DISCONNECT',
      reasonCode: 0x83,
      filters: [{ filter: 'bad' }],
    });
    const fourth = await broker.accept();
    await fourth.handshake({ sessionPresent: true });
    expect((await client.awaitConnection()).sessionPresent).toBe(true);
  });
});

describe('in doubt: a CONNECT with Clean Start 0 went out and no CONNACK was processed', () => {
  async function doubtful(options: Parameters<typeof connected>[0] = {}) {
    const start = await connected(options);
    const { broker, client, connection } = start;
    const subscribing = client.subscribe([{ filter: 'in', qos: 2, retainHandling: 0 }], { ack: 'manual' });
    await grant(connection);
    const subscription = await subscribing;
    return {
      broker,
      client,
      connection,
      subscription,
      doubt: async () => {
        connection.drop();
        const silent = await broker.accept();
        await silent.expect('connect');
        silent.drop();
        const again = await broker.accept();
        await again.handshake({ sessionPresent: true });
        return again;
      },
    };
  }

  test('(a) every granted filter is subscribed again, with Retain Handling 1 where it was 0', async () => {
    const { doubt } = await doubtful();
    const again = await doubt();
    const { filters } = await again.expect('subscribe');
    expect(filters).toEqual([expect.objectContaining({ topicFilter: 'in', retainHandling: 1 })]);
  });

  test('(b) QoS 2 with DUP 0 under an identifier from before the doubt is a new message; with DUP 1 it is not', async () => {
    const { connection, subscription, doubt } = await doubtful();
    connection.send(inbound(1, 2));
    connection.send(inbound(2, 2));
    (await subscription.receive())?.ack();
    (await subscription.receive())?.ack();
    await connection.expect('pubrec');
    await connection.expect('pubrec');
    const again = await doubt();
    await grant(again);
    again.send(inbound(1, 2, true));
    again.send(inbound(2, 2, false));
    const fresh = await subscription.receive();
    expect(fresh?.packetIdentifier).toBe(2);
    expect(await again.expect('pubrec')).toMatchObject({ packetIdentifier: 1 });
    fresh?.ack();
    expect(await again.expect('pubrec')).toMatchObject({ packetIdentifier: 2 });
    expect(subscription.size).toBe(0);
  });

  test('(c) PUBCOMP 0x92 to a PUBREL resent there is a loss of that message: published again, or SESSION_LOST', async () => {
    for (const sessionLoss of ['republish', 'fail'] as const) {
      const { client, connection, doubt } = await doubtful({ sessionLoss });
      const publishing = client.publish('out', 'x', { qos: 2 });
      const outcome = publishing.catch((error: unknown) => error);
      const { packetIdentifier } = await connection.expect('publish');
      connection.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
      await connection.expect('pubrel');
      const again = await doubt();
      await again.expect('pubrel');
      await grant(again);
      again.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0x92 });
      if (sessionLoss === 'fail') {
        expect(await outcome).toMatchObject({ code: 'SESSION_LOST' });
        continue;
      }
      const anew = await again.expect('publish');
      expect(anew.dup).toBe(false);
      again.send({ type: 'pubrec', packetIdentifier: anew.packetIdentifier, reasonCode: 0 });
      await again.expect('pubrel');
      again.send({ type: 'pubcomp', packetIdentifier: anew.packetIdentifier, reasonCode: 0 });
      expect(await outcome).toEqual({ reasonCode: 0 });
    }
  });

  test('without doubt nothing granted is subscribed again on Session Present 1', async () => {
    const { broker, client, connection } = await doubtful();
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    await client.awaitConnection();
    await turn();
    expect(types(again)).toEqual(['connect']);
  });
});

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
