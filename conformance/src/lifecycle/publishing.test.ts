// SPDX-License-Identifier: Apache-2.0

import { constantBackoff, MemorySessionStore } from '@mqttv5/core';
import type { Client, PublishOptions } from '@mqttv5/core';
import { ScriptedBroker, type ScriptedConnection, startBroker } from '@mqttv5/testing';
import type { ConnackProperties } from '@mqttv5/wire';
import { describe, expect, test } from 'vitest';
import { connected, next, scripted, stateOf, turn } from './setup.ts';

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

describe('publishMode', () => {
  test('"fireAndForget" resolves QoS 0 when it is handed over, though the broker does not read (S-052)', async () => {
    const { client, connection } = await connected();
    connection.stall();
    await client.publish('a', 'x');
    expect(connection.received.some(({ type }) => type === 'publish')).toBe(false);
  });

  test('"waitForFlush" resolves it when the transport has taken the bytes (S-053)', async () => {
    const { client, connection } = await connected({ publishMode: 'waitForFlush' });
    connection.stall();
    const publishing = client.publish('a', 'x');
    await turn();
    expect(await stateOf(publishing)).toBe('pending');
    connection.resume();
    expect(await publishing).toEqual({ reasonCode: 0 });
  });

  test('"waitForFlush" and a drop in between: CONNECTION_LOST, outcome unknown', async () => {
    const { client, connection } = await connected({ publishMode: 'waitForFlush' });
    connection.stall();
    const publishing = client.publish('a', 'x');
    await turn();
    connection.drop();
    await expect(publishing).rejects.toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' });
  });

  test('"waitForFlush": one that had to wait for room waits for its flush too', async () => {
    await using broker = await startBroker();
    const flushes: (() => void)[] = [];
    const { client } = scripted({
      publishMode: 'waitForFlush',
      writeHighWaterMark: 1024,
      dial: async (url, options) => {
        const connection = await broker.dial(url, options);
        const write = connection.write.bind(connection);
        connection.write = (bytes, written) => write(bytes, () => flushes.push(() => written?.()));
        return connection;
      },
    });
    const connecting = client.connect();
    while (flushes.length === 0) await turn();
    flushes.shift()?.();
    await connecting;
    const first = client.publish('fills', new Uint8Array(2_000));
    const second = client.publish('behind', 'x');
    while (flushes.length === 0) await turn();
    flushes.shift()?.();
    await first;
    while (flushes.length === 0) await turn();
    expect(await stateOf(second)).toBe('pending');
    flushes.shift()?.();
    expect(await second).toEqual({ reasonCode: 0 });
    // From here on, DISCONNECT included.
    flushes.push = (flush) => {
      flush();
      return 0;
    };
  });

  test('"waitForFlush" with a store: the bytes leave behind a commit, and so does the promise', async () => {
    const store = new MemorySessionStore();
    const { client, connection } = await connected({ publishMode: 'waitForFlush', store, clientId: 'c' });
    const open = Promise.withResolvers<void>();
    store.commit = () => open.promise as never;
    void client.publish('recorded', 'x', { qos: 1 }).catch(() => undefined); // ends with the client
    const behind = client.publish('behind', 'x');
    await turn();
    expect([await stateOf(behind), connection.received.length]).toEqual(['pending', 1]);
    open.resolve();
    expect(await behind).toEqual({ reasonCode: 0 });
    await connection.expect('publish');
    expect((await connection.expect('publish')).topicName).toBe('behind');
  });
});

describe('writeHighWaterMark (S-048)', () => {
  test('"wait": QoS 0 above the mark waits for room, in call order with what comes behind it (S-050, V-029)', async () => {
    const { client, connection } = await connected({ writeHighWaterMark: 1024 });
    await fill(client, connection);
    const behind = [client.publish('0', 'x'), client.publish('1', 'x', { qos: 1 }), client.publish('2', 'x')] as const;
    await turn();
    expect(await Promise.all(behind.map((each) => stateOf(each)))).toEqual(['pending', 'pending', 'pending']);
    connection.resume();
    await connection.expect('publish');
    const topics: string[] = [];
    for (const _ of behind) {
      const { topicName, qos, packetIdentifier } = await connection.expect('publish');
      topics.push(topicName);
      if (qos === 1) connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    }
    expect(topics).toEqual(['0', '1', '2']);
    await Promise.all(behind);
  });

  test('its signal ends the wait, and the message is not sent', async () => {
    const { client, connection } = await connected({ writeHighWaterMark: 1024 });
    await fill(client, connection);
    const controller = new AbortController();
    const publishing = client.publish('withdrawn', 'x', { signal: controller.signal });
    controller.abort('never mind');
    await expect(publishing).rejects.toBe('never mind');
    connection.resume();
    await connection.expect('publish');
    await turn();
    expect(connection.received.map(({ type }) => type)).toEqual(['connect', 'publish']);
  });

  test('"dropNewest": QoS 0 above the mark fails at once and never reached the wire; QoS 1 is not concerned (S-051, S-128)', async () => {
    const { client, connection } = await connected({ writeHighWaterMark: 1024, writeOverflow: 'dropNewest' });
    await fill(client, connection);
    await expect(client.publish('dropped', 'x')).rejects.toMatchObject({
      code: 'WRITE_QUEUE_FULL',
      delivery: 'notSent',
    });
    const kept = client.publish('kept', 'x', { qos: 1 });
    connection.resume();
    await connection.expect('publish');
    const { topicName, packetIdentifier } = await connection.expect('publish');
    expect(topicName).toBe('kept');
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await kept;
  });

  test('acknowledgements, SUBSCRIBE, PINGREQ and DISCONNECT do not wait for room (V-033)', async () => {
    const { client, connection } = await connected({ writeHighWaterMark: 1024 });
    const subscription = client.declare('in', { qos: 1, ack: 'onReceipt' });
    const { packetIdentifier } = await connection.expect('subscribe');
    connection.send({ type: 'suback', packetIdentifier, reasonCodes: [1] });
    await subscription.ready();
    await fill(client, connection);
    void client.publish('waits', 'x').catch(() => undefined); // until the client is closed
    const message = { topicName: 'in', payload: new Uint8Array(1), qos: 1, retain: false, dup: false } as const;
    connection.send({ type: 'publish', ...message, packetIdentifier: 9 });
    await subscription.receive();
    const pinging = client.ping().catch(() => undefined);
    void client.subscribe('more').catch(() => undefined);
    await turn();
    connection.resume();
    await connection.expect('publish');
    const types: string[] = [];
    for (const type of ['puback', 'pingreq', 'subscribe'] as const) types.push((await connection.expect(type)).type);
    expect(types).toEqual(['puback', 'pingreq', 'subscribe']);
    await client.disconnect();
    await pinging;
  });

  test('packets of one turn leave in one write, whole and in order (S-049)', async () => {
    await using broker = await startBroker();
    let writes = 0;
    const { client } = scripted({
      dial: async (url, options) => {
        const connection = await broker.dial(url, options);
        const write = connection.write.bind(connection);
        connection.write = (bytes, written) => {
          writes += 1;
          return write(bytes, written);
        };
        return connection;
      },
    });
    await client.connect();
    const subscription = await client.subscribe('burst');
    const before = writes;
    for (let index = 0; index < 100; index += 1) client.tryPublish('burst', String(index));
    for (let index = 0; index < 100; index += 1) expect((await subscription.receive())?.text()).toBe(String(index));
    expect(writes - before).toBeLessThan(5);
  });
});

describe('tryPublish', () => {
  test('true when it was handed over; false above the mark and when not connected; throws for invalid arguments only', async () => {
    const { client, connection } = await connected({ writeHighWaterMark: 1024 });
    expect(client.tryPublish('a', 'x')).toBe(true);
    expect((await connection.expect('publish')).topicName).toBe('a');
    connection.stall();
    expect(client.tryPublish('fills', new Uint8Array(2_000))).toBe(true);
    expect(client.tryPublish('too much', 'x')).toBe(false);
    connection.resume();
    await connection.expect('publish');
    await turn();
    expect(client.tryPublish('b', 'x')).toBe(true);
    expect(() => client.tryPublish('a/#', 'x')).toThrow(expect.objectContaining({ code: 'INVALID_TOPIC' }));
    // @ts-expect-error: it publishes at QoS 0
    expect(() => client.tryPublish('a', 'x', { qos: 1 })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    await client.disconnect();
    expect(client.tryPublish('a', 'x')).toBe(false);
  });

  test.each(['wait', 'dropNewest'] as const)(
    'false above the mark behind a commit as well, and then it is never sent (writeOverflow "%s")',
    async (writeOverflow) => {
      const { client, connection } = await connected({
        store: new MemorySessionStore(),
        clientId: 'c',
        writeHighWaterMark: 1024,
        writeOverflow,
      });
      // Held back until its record is stored, so the connection has seen none of it.
      const publishing = client.publish('held', new Uint8Array(2_000), { qos: 1 });
      expect(client.tryPublish('too much', 'x')).toBe(false);
      const { packetIdentifier } = await connection.expect('publish');
      connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
      await publishing;
      expect(client.tryPublish('last', 'x')).toBe(true);
      await turn();
      const sent = connection.received.flatMap((packet) => (packet.type === 'publish' ? [packet.topicName] : []));
      expect(sent).toEqual(['held', 'last']);
    },
  );

  test('throws what the broker does not take, and has not sent it', async () => {
    const { client, connection } = await connected({}, { properties: { maximumPacketSize: 64 } });
    expect(() => client.tryPublish('a', new Uint8Array(100))).toThrow(
      expect.objectContaining({ code: 'PACKET_TOO_LARGE' }),
    );
    expect(client.tryPublish('b', 'x')).toBe(true);
    expect((await connection.expect('publish')).topicName).toBe('b');
  });
});

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

/** Fills the write buffer of a broker that does not read. */
async function fill(client: Client, connection: ScriptedConnection): Promise<void> {
  connection.stall();
  await client.publish('fills', new Uint8Array(2_000));
}
