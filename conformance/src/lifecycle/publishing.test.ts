// SPDX-License-Identifier: Apache-2.0
//
// publish() on a connection: the exchanges of each QoS, what this broker does not take, and what a signal ends.

import { MemorySessionStore } from '@mqttv5/core';
import type { PublishOptions } from '@mqttv5/core';
import type { ConnackProperties } from '@mqttv5/wire';
import { describe, expect, test } from 'vitest';
import { connected, next, stateOf, turn } from './setup.ts';

const decoder = new TextDecoder();

describe('the exchanges', () => {
  test('QoS 0: the bytes, no identifier, resolved at once (T-136, S-082) [MQTT-2.2.1-2] [MQTT-4.3.1-1]', async () => {
    const { client, connection } = await connected();
    expect(await client.publish('a/b', 'text', { retain: true })).toEqual({ reasonCode: 0 });
    const payload = new TextEncoder().encode('text');
    expect(await connection.expect('publish')).toMatchObject({
      topicName: 'a/b',
      payload,
      qos: 0,
      retain: true,
      dup: false,
      packetIdentifier: 0,
    });
  });

  test('QoS 1: resolves on PUBACK, with what it says (T-137, S-083) [MQTT-4.3.2-1]', async () => {
    const { client, connection } = await connected();
    const publishing = client.publish('a', 'x', { qos: 1 });
    const { packetIdentifier, dup } = await connection.expect('publish');
    expect([await stateOf(publishing), dup]).toEqual(['pending', false]);
    const properties = { reasonString: 'nobody there', userProperties: [['k', 'v']] } as const;
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0x10, properties });
    expect(await publishing).toEqual({ reasonCode: 0x10, ...properties });
  });

  test('QoS 2: four packets, and resolves on the last of them (T-138, S-084) [MQTT-4.3.3-1] [MQTT-4.3.3-4]', async () => {
    const { client, connection } = await connected();
    const publishing = client.publish('a', 'x', { qos: 2 });
    const { packetIdentifier } = await connection.expect('publish');
    connection.send({ type: 'pubrec', packetIdentifier, reasonCode: 0x10 });
    expect(await connection.expect('pubrel')).toMatchObject({ packetIdentifier, reasonCode: 0 });
    expect(await stateOf(publishing)).toBe('pending');
    connection.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0 });
    expect(await publishing).toEqual({ reasonCode: 0x10 });
  });

  test.each([1, 2] as const)('a refusal at QoS %i rejects with everything it says', async (qos) => {
    const { client, connection } = await connected();
    const publishing = client.publish('a', 'x', { qos }).catch((error: unknown) => error);
    const { packetIdentifier } = await connection.expect('publish');
    const type = qos === 1 ? 'puback' : 'pubrec';
    connection.send({ type, packetIdentifier, reasonCode: 0x97, properties: { reasonString: 'enough' } });
    expect(await publishing).toMatchObject({
      code: 'PUBLISH_REFUSED',
      reasonCode: 0x97,
      reasonString: 'enough',
      delivery: 'refused',
    });
  });

  test('the payload is copied: what the caller does with its bytes afterwards changes nothing, resend included', async () => {
    const { broker, client, connection } = await connected();
    const bytes = new TextEncoder().encode('before');
    const publishing = client.publish('a', bytes, { qos: 1 });
    bytes.fill(0);
    expect(decoder.decode((await connection.expect('publish')).payload)).toBe('before');
    connection.drop();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    const resent = await second.expect('publish');
    expect(decoder.decode(resent.payload)).toBe('before');
    second.send({ type: 'puback', packetIdentifier: resent.packetIdentifier, reasonCode: 0 });
    await publishing;
  });
});

test.each([
  ['small', 10, {}],
  ['more than a connection takes at once', 1_000_000, {}],
  ['behind a commit', 10, { store: new MemorySessionStore(), clientId: 'c' }],
] as const)('a QoS 0 payload is the one of the call as well: %s', async (_name, length, options) => {
  const { client, connection } = await connected(options);
  for (const send of [
    (bytes: Uint8Array) => client.publish('a', bytes),
    (bytes: Uint8Array) => Promise.resolve(client.tryPublish('a', bytes)),
  ]) {
    const bytes = new Uint8Array(length).fill(1);
    // Where there is a store, the next one waits for the commit of this one.
    const stored = client.publish('stored', '', { qos: 1 });
    const sent = send(bytes);
    bytes.fill(2);
    const { packetIdentifier } = await connection.expect('publish');
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await Promise.all([stored, sent]);
    expect(new Set((await connection.expect('publish')).payload)).toEqual(new Set([1]));
  }
});

describe('what this broker does not take is refused before it is sent (S-144)', () => {
  const refusals: readonly [limit: ConnackProperties, options: PublishOptions, code: string, rule: string][] = [
    [{ maximumQoS: 1 }, { qos: 2 }, 'QOS_NOT_SUPPORTED', 'V-020 [MQTT-3.2.2-11]'],
    [{ maximumQoS: 0 }, { qos: 1 }, 'QOS_NOT_SUPPORTED', 'V-020 [MQTT-3.2.2-11]'],
    [{ retainAvailable: false }, { retain: true }, 'RETAIN_NOT_SUPPORTED', 'V-021 [MQTT-3.2.2-14]'],
    [{ maximumPacketSize: 20 }, { qos: 1 }, 'PACKET_TOO_LARGE', 'V-022 [MQTT-3.2.2-15]'],
    [{ topicAliasMaximum: 2 }, { topicAlias: 3 }, 'TOPIC_ALIAS_INVALID', 'V-024 [MQTT-3.3.2-9]'],
  ];
  test.each(refusals)('%j, %j: %s (%s)', async (properties, options, code) => {
    const { client, connection } = await connected({}, { properties });
    await expect(client.publish('a', 'x'.repeat(20), options)).rejects.toMatchObject({ code, delivery: 'notSent' });
    await turn();
    expect(connection.received.map(({ type }) => type)).toEqual(['connect']);
  });

  test('qosDowngrade sends with what the broker takes instead (V-020)', async () => {
    const one = await connected({ qosDowngrade: true }, { properties: { maximumQoS: 1 } });
    const publishing = one.client.publish('a', 'x', { qos: 2 });
    const { qos, packetIdentifier } = await one.connection.expect('publish');
    one.connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await publishing;
    const none = await connected({ qosDowngrade: true }, { properties: { maximumQoS: 0 } });
    await none.client.publish('a', 'x', { qos: 2 });
    expect([qos, (await none.connection.expect('publish')).qos]).toEqual([1, 0]);
  });

  test('a session resumed at a stricter broker: what it will never take is reported, the rest goes on (V-022)', async () => {
    const { broker, client, connection } = await connected();
    const large = client.publish('large', 'x'.repeat(500), { qos: 1 }).catch((error: unknown) => error);
    const small = client.publish('small', 'x', { qos: 1 });
    await connection.expect('publish');
    await connection.expect('publish');
    connection.drop();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true, properties: { maximumPacketSize: 100 } });
    expect(await large).toMatchObject({ code: 'PACKET_TOO_LARGE' });
    const { topicName, packetIdentifier } = await second.expect('publish');
    expect(topicName).toBe('small');
    second.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await small;
  });
});

describe('signal', () => {
  test('before the first write it withdraws the message: it is never sent', async () => {
    const { client, connection } = await connected({}, { properties: { receiveMaximum: 1 } });
    const first = client.publish('first', 'x', { qos: 1 });
    const controller = new AbortController();
    const withdrawn = client.publish('withdrawn', 'x', { qos: 1, signal: controller.signal });
    const last = client.publish('last', 'x', { qos: 1 });
    controller.abort('no longer');
    await expect(withdrawn).rejects.toBe('no longer');
    const topics: string[] = [];
    for (const _ of [first, last]) {
      const { topicName, packetIdentifier } = await connection.expect('publish');
      topics.push(topicName);
      connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    }
    await Promise.all([first, last]);
    expect(topics).toEqual(['first', 'last']);
  });

  test('after it only the wait ends: the exchange goes on and publishSettled reports its end (V-031)', async () => {
    const { broker, client, connection } = await connected();
    const controller = new AbortController();
    const publishing = client.publish('a', 'x', { qos: 2, signal: controller.signal });
    await connection.expect('publish');
    const settled = next(client, 'publishSettled');
    controller.abort('impatient');
    await expect(publishing).rejects.toBe('impatient');
    connection.drop();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    const { packetIdentifier } = await second.expect('publish');
    second.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
    await second.expect('pubrel');
    second.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0 });
    expect(await settled).toEqual({ topic: 'a', qos: 2, packetIdentifier, result: { reasonCode: 0 } });
  });

  test('one that has aborted before sends nothing', async () => {
    const { client, connection } = await connected();
    await expect(client.publish('a', 'x', { qos: 1, signal: AbortSignal.abort('no') })).rejects.toBe('no');
    await turn();
    expect(connection.received).toHaveLength(1);
  });
});
