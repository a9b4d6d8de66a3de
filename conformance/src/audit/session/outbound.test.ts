// SPDX-License-Identifier: Apache-2.0
//
// reliability.md, "Session engine", sentence by sentence: identifiers, send quota, and what goes out first after CONNACK.

import type { ScriptedConnection } from '@mqttv5/testing';
import { describe, expect, test } from 'vitest';
import { connected, next, stateOf, turn } from '../../lifecycle/setup.ts';
import { grant, types } from '../setup.ts';

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
