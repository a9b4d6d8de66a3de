// SPDX-License-Identifier: Apache-2.0
//
// reliability.md, "Publishing by state", sentence by sentence, over the whole client: what publish() answers when, what a
// signal withdraws, and what is in the packet.

import { constantBackoff, isMqttError, MemorySessionStore, type SessionStore } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { connected, next, scripted, stateOf, turn } from '../lifecycle/setup.ts';
import { error } from './setup.ts';

/** A store whose commits wait while `until` is set. */
function slowStore() {
  const inner = new MemorySessionStore();
  const hold: { until?: Promise<void> | undefined } = {};
  const store: SessionStore = {
    load: () => inner.load(),
    commit: (operations) =>
      hold.until === undefined ? inner.commit(operations) : hold.until.then(() => inner.commit(operations)),
    close: () => inner.close(),
  };
  return { inner, hold, store };
}

describe('by state', () => {
  test('idle NOT_CONNECTED; connecting QoS 0 NOT_CONNECTED, QoS 1 queued; closing and closed CLOSED; all "notSent"', async () => {
    const { broker, client } = scripted();
    for (const qos of [0, 1, 2] as const) {
      expect(await error(client.publish('a', '', { qos }))).toMatchObject({
        code: 'NOT_CONNECTED',
        delivery: 'notSent',
      });
    }
    const connecting = client.connect();
    expect(client.state).toBe('connecting');
    expect(await error(client.publish('a', ''))).toMatchObject({ code: 'NOT_CONNECTED', delivery: 'notSent' });
    const queued = client.publish('a', '', { qos: 1 });
    const connection = await broker.accept();
    await connection.handshake();
    await connecting;
    const { packetIdentifier, dup } = await connection.expect('publish');
    expect(dup).toBe(false);
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await queued;
    connection.stall();
    const closing = client.disconnect();
    expect(client.state).toBe('closing');
    for (const qos of [0, 1] as const) {
      expect(await error(client.publish('a', '', { qos }))).toMatchObject({ code: 'CLOSED', delivery: 'notSent' });
    }
    await closing;
    expect(client.state).toBe('closed');
    expect(await error(client.publish('a', '', { qos: 2 }))).toMatchObject({ code: 'CLOSED', delivery: 'notSent' });
    expect(client.tryPublish('a', '')).toBe(false);
  });

  test('QoS 0 that waits for room when the connection ends: NOT_CONNECTED, "notSent"', async () => {
    const { client, connection } = await connected({ writeHighWaterMark: 1000 });
    connection.stall();
    for (let i = 0; i < 100; i++) void client.publish('a', new Uint8Array(1000)).catch(() => undefined);
    await turn();
    const waiting = error(client.publish('a', new Uint8Array(1000)));
    connection.drop();
    expect(await waiting).toMatchObject({ code: 'NOT_CONNECTED', delivery: 'notSent' });
  });

  test('QoS 0 that waits for room when disconnect() is called settles too', async () => {
    const { client, connection } = await connected({ writeHighWaterMark: 1000 });
    connection.stall();
    for (let i = 0; i < 100; i++) void client.publish('a', new Uint8Array(1000)).catch(() => undefined);
    await turn();
    const waiting = error(client.publish('a', new Uint8Array(1000)));
    await client.disconnect();
    expect(await waiting).toMatchObject({ code: 'NOT_CONNECTED', delivery: 'notSent' });
  });

  test('every rejection of publish that is an MqttError has a delivery', async () => {
    const { client, connection } = await connected(
      { maximumQueuedPublishes: 1 },
      { properties: { maximumQoS: 1, retainAvailable: false, maximumPacketSize: 100, topicAliasMaximum: 1 } },
    );
    const cases: [string, Promise<unknown>][] = [
      ['INVALID_TOPIC', client.publish('a/#', '')],
      ['INVALID_TOPIC', client.publish('', '')],
      ['INVALID_OPTION', client.publish('a', '', { qos: 3 as 2 })],
      ['INVALID_OPTION', client.publish('a', '', { Qos: 1 } as object)],
      ['INVALID_OPTION', client.publish('a', 5 as unknown as string)],
      ['FIELD_TOO_LONG', client.publish('a'.repeat(65_536), '')],
      ['QOS_NOT_SUPPORTED', client.publish('a', '', { qos: 2 })],
      ['RETAIN_NOT_SUPPORTED', client.publish('a', '', { retain: true })],
      ['PACKET_TOO_LARGE', client.publish('a', new Uint8Array(100), { qos: 1 })],
      ['TOPIC_ALIAS_INVALID', client.publish('a', '', { topicAlias: 2 })],
    ];
    for (const [code, promise] of cases) {
      const reason = await error(promise);
      expect(reason, code).toMatchObject({ code, delivery: 'notSent' });
      expect(isMqttError(reason)).toBe(true);
    }
    const accepted = client.publish('a', '', { qos: 1 });
    expect(await error(client.publish('a', '', { qos: 1 }))).toMatchObject({
      code: 'PUBLISH_QUEUE_FULL',
      delivery: 'notSent',
    });
    const { packetIdentifier } = await connection.expect('publish');
    const properties = { reasonString: 'no', userProperties: [['k', 'v']] as const };
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0x97, properties });
    expect(await error(accepted)).toMatchObject({
      code: 'PUBLISH_REFUSED',
      reasonCode: 0x97,
      delivery: 'refused',
      ...properties,
    });
  });

  test('offline limits are checked when it is sent: the one that does not fit is reported, the rest goes on', async () => {
    const { broker, client, connection } = await connected();
    connection.drop();
    await next(client, 'disconnect');
    const tooLarge = error(client.publish('large', new Uint8Array(200), { qos: 1 }));
    const fine = client.publish('fine', 'x', { qos: 1 });
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true, properties: { maximumPacketSize: 100 } });
    const { topicName, packetIdentifier } = await again.expect('publish');
    expect(topicName).toBe('fine');
    expect(await tooLarge).toMatchObject({ code: 'PACKET_TOO_LARGE', delivery: 'notSent' });
    again.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await fine;
  });
});

describe('signal', () => {
  test('already aborted: rejects with its reason, nothing is sent, in any state', async () => {
    const { client, connection } = await connected();
    const signal = AbortSignal.abort('why');
    const calls = [
      client.publish('a', '', { signal }),
      client.publish('a', '', { qos: 2, signal }),
      client.subscribe('a', { signal }),
      client.subscribeCallback('a', () => undefined, { signal }),
      client.ping({ signal }),
      client.request('a', '', { signal }),
      client.disconnect({ signal }),
      client.awaitConnection({ signal }),
      client.connect({ signal }),
    ];
    for (const call of calls) expect(await error(call)).toBe('why');
    expect(connection.received.map(({ type }) => type)).toEqual(['connect']);
    expect(client.state).toBe('connected');
  });

  test('before the first write it withdraws the message, record included, also while its record is being stored', async () => {
    const { inner, hold, store } = slowStore();
    const { client, connection } = await connected({ store, clientId: 'c' });
    const gate = Promise.withResolvers<void>();
    hold.until = gate.promise;
    const abort = new AbortController();
    const publishing = error(client.publish('a', 'x', { qos: 1, signal: abort.signal }));
    await turn();
    abort.abort('enough');
    expect(await publishing).toBe('enough');
    hold.until = undefined;
    gate.resolve();
    await turn();
    await turn();
    expect(connection.received.map(({ type }) => type)).toEqual(['connect']);
    expect([...inner.load()].map(([key]) => key)).toEqual(['meta']);
    expect(await stateOf(client.publish('b', 'x', { qos: 1 }))).toBe('pending');
    expect((await connection.expect('publish')).topicName).toBe('b');
  });

  test('of a message that waits for quota: the next one goes in its place', async () => {
    const { client, connection } = await connected({}, { properties: { receiveMaximum: 1 } });
    const abort = new AbortController();
    const first = client.publish('a', '1', { qos: 1 });
    const second = error(client.publish('a', '2', { qos: 1, signal: abort.signal }));
    const third = client.publish('a', '3', { qos: 1 });
    const one = await connection.expect('publish');
    abort.abort('no');
    expect(await second).toBe('no');
    connection.send({ type: 'puback', packetIdentifier: one.packetIdentifier, reasonCode: 0 });
    const two = await connection.expect('publish');
    expect(new TextDecoder().decode(two.payload)).toBe('3');
    connection.send({ type: 'puback', packetIdentifier: two.packetIdentifier, reasonCode: 0 });
    await Promise.all([first, third]);
  });
});

describe('"waitForFlush"', () => {
  test('behind a commit: pending until the bytes were handed over', async () => {
    const { hold, store } = slowStore();
    const { client, connection } = await connected({ store, clientId: 'c', publishMode: 'waitForFlush' });
    const gate = Promise.withResolvers<void>();
    hold.until = gate.promise;
    const acknowledged = client.publish('a', '1', { qos: 1 });
    acknowledged.catch(() => undefined);
    await turn();
    const flushed = client.publish('a', '0');
    await turn();
    expect(await stateOf(flushed)).toBe('pending');
    hold.until = undefined;
    gate.resolve();
    expect(await flushed).toEqual({ reasonCode: 0 });
    await connection.expect('publish');
    await connection.expect('publish');
  });

  test('behind a commit and the connection drops: CONNECTION_LOST, "unknown"', async () => {
    const { hold, store } = slowStore();
    const { client, connection } = await connected({ store, clientId: 'c', publishMode: 'waitForFlush' });
    const gate = Promise.withResolvers<void>();
    hold.until = gate.promise;
    const acknowledged = client.publish('a', '1', { qos: 1 });
    acknowledged.catch(() => undefined);
    await turn();
    const flushed = error(client.publish('a', '0'));
    connection.drop();
    await next(client, 'disconnect');
    hold.until = undefined;
    gate.resolve();
    expect(await flushed).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' });
  });
});

describe('expiry', () => {
  test('a resend carries what remains, at least 1; only what was never written expires', async () => {
    const { broker, client, connection } = await connected({ reconnect: constantBackoff(1100) });
    const written = client.publish('a', 'w', { qos: 1, messageExpiryInterval: 1 });
    const long = client.publish('a', 'l', { qos: 1, messageExpiryInterval: 100 });
    await connection.expect('publish');
    await connection.expect('publish');
    connection.drop();
    await next(client, 'disconnect');
    const never = error(client.publish('a', 'n', { qos: 1, messageExpiryInterval: 1 }));
    expect(await never).toMatchObject({ code: 'MESSAGE_EXPIRED', delivery: 'notSent' });
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    const first = await again.expect('publish');
    const second = await again.expect('publish');
    expect(first).toMatchObject({ dup: true, properties: { messageExpiryInterval: 1 } });
    expect(second.properties?.messageExpiryInterval).toBeLessThan(100);
    for (const { packetIdentifier } of [first, second]) again.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await Promise.all([written, long]);
  });
});

test("payloads and properties are copied: nothing of the options or of a caller's bytes is changed or kept", async () => {
  const { client, connection } = await connected({}, { properties: { receiveMaximum: 1 } });
  const blocker = client.publish('a', '', { qos: 1 });
  const payload = Uint8Array.of(1, 2, 3);
  const options = Object.freeze({
    qos: 2 as const,
    correlationData: Uint8Array.of(9),
    userProperties: Object.freeze({ a: '1' }),
  });
  const publishing = client.publish('b', payload, options);
  publishing.catch(() => undefined);
  payload.fill(0);
  options.correlationData.fill(0);
  const one = await connection.expect('publish');
  connection.send({ type: 'puback', packetIdentifier: one.packetIdentifier, reasonCode: 0 });
  await blocker;
  const two = await connection.expect('publish');
  expect([...two.payload]).toEqual([1, 2, 3]);
  expect(two.properties).toEqual({ correlationData: Uint8Array.of(9), userProperties: [['a', '1']] });
});
