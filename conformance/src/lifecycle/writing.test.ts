// SPDX-License-Identifier: Apache-2.0
//
// When the bytes of a publish leave and what it waits for: publishMode, writeHighWaterMark, tryPublish.

import { MemorySessionStore } from '@mqttv5/core';
import type { Client } from '@mqttv5/core';
import { type ScriptedConnection, startBroker } from '@mqttv5/testing';
import { describe, expect, test } from 'vitest';
import { connected, scripted, stateOf, turn } from './setup.ts';

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

/** Fills the write buffer of a broker that does not read. */
async function fill(client: Client, connection: ScriptedConnection): Promise<void> {
  connection.stall();
  await client.publish('fills', new Uint8Array(2_000));
}
