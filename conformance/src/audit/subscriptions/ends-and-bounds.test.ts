// SPDX-License-Identifier: Apache-2.0
//
// api.md, "Receiving", sentence by sentence: how subscriptions end, and what happens when their buffers are full.

import { Client, type ClientOptions, MemorySessionStore, type SessionStore } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { record, scripted, turn } from '../../lifecycle/setup.ts';
import { ignore, types } from '../setup.ts';
import { inbound, subscribed, texts } from './setup.ts';

describe('ends', () => {
  test('unsubscribe() acknowledges what nobody has taken, counts it as dropped, and ends the stream at once', async () => {
    const { client, connection, subscription } = await subscribed({ qos: 1 });
    const drops = record(client, 'drop');
    connection.send(inbound({ id: 1 }));
    connection.send(inbound({ id: 2 }));
    await turn();
    const first = await subscription.receive();
    const ending = subscription.unsubscribe();
    expect(subscription.closed).toBe(true);
    expect(await subscription.receive()).toBeUndefined();
    expect(subscription.dropped).toBe(1);
    expect(drops).toHaveLength(1);
    const un = await connection.expect('unsubscribe');
    first?.ack();
    expect((await connection.expect('puback')).packetIdentifier).toBe(1);
    expect((await connection.expect('puback')).packetIdentifier).toBe(2);
    connection.send({ type: 'unsuback', packetIdentifier: un.packetIdentifier, reasonCodes: [0] });
    await ending;
  });

  test('ended for any other reason than unsubscribe() or disconnect(): loop and receive() throw its error', async () => {
    const { connection, subscription } = await subscribed();
    const waiting = subscription.receive();
    connection.send({ type: 'disconnect', reasonCode: 0x8e });
    await expect(waiting).rejects.toMatchObject({ code: 'SESSION_TAKEN_OVER' });
    expect(subscription.error).toMatchObject({ code: 'SESSION_TAKEN_OVER' });
    const loop = async (): Promise<void> => {
      for await (const _ of subscription);
    };
    await expect(loop()).rejects.toMatchObject({ code: 'SESSION_TAKEN_OVER' });
    expect(() => subscription.tryReceive()).toThrow(expect.objectContaining({ code: 'SESSION_TAKEN_OVER' }));
  });

  test('disconnect() ends every stream normally; what is buffered or in hand stays unacknowledged and comes again', async () => {
    const { broker, client, connection, subscription } = await subscribed({ qos: 2 });
    connection.send(inbound({ id: 1, qos: 2 }));
    connection.send(inbound({ id: 2, qos: 2 }));
    const inHand = await subscription.receive();
    await client.disconnect();
    expect(await subscription.receive()).toBeUndefined();
    inHand?.ack();
    expect(types(connection)).toEqual(['connect', 'subscribe', 'disconnect']);
    const fresh = client.declare('in', { qos: 2, ack: 'manual' });
    const connecting = client.connect();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    await connecting;
    again.send(inbound({ id: 1, qos: 2, dup: true }));
    again.send(inbound({ id: 2, qos: 2, dup: true }));
    expect([(await fresh.receive())?.packetIdentifier, (await fresh.receive())?.packetIdentifier]).toEqual([1, 2]);
  });

  test('a message that arrives while disconnect() waits for the store is not acknowledged', async () => {
    const inner = new MemorySessionStore();
    const hold: { until?: Promise<void> } = {};
    const store: SessionStore = {
      load: () => inner.load(),
      commit: async (operations) => {
        await hold.until;
        inner.commit(operations);
      },
      close: () => inner.close(),
    };
    const { client, connection } = await subscribed({ qos: 1 }, { store, clientId: 'c', disconnectTimeoutMs: 5000 });
    const unmatched = record(client, 'unmatched');
    const gate = Promise.withResolvers<void>();
    hold.until = gate.promise;
    const publishing = client.publish('a', 'x', { qos: 1 }).catch(() => undefined);
    await turn();
    const closing = client.disconnect();
    await turn();
    connection.send(inbound({ id: 1 }));
    await turn();
    gate.resolve();
    await publishing;
    await turn();
    expect(types(connection)).not.toContain('puback');
    expect(unmatched).toEqual([]);
    connection.end();
    await closing;
  });
});

describe('bounds', () => {
  test('"dropNewest": QoS 0 beyond bufferSize is dropped, counted and reported; QoS 1 never', async () => {
    const seen: string[] = [];
    const { client, connection, subscription } = await subscribed({
      qos: 1,
      bufferSize: 2,
      onDrop: (message) => seen.push(message.text()),
    });
    const drops = record(client, 'drop');
    for (let i = 1; i <= 4; i++) connection.send(inbound({ text: `zero ${i}` }));
    for (let id = 1; id <= 4; id++) connection.send(inbound({ id, text: `one ${id}` }));
    await turn();
    expect(seen).toEqual(['zero 3', 'zero 4']);
    expect(drops).toHaveLength(2);
    expect(subscription.dropped).toBe(2);
    expect(subscription.size).toBe(6);
  });

  test('"dropOldest" acknowledges what it evicts, after it was reported', async () => {
    const order: string[] = [];
    const { connection, subscription } = await subscribed({
      qos: 1,
      bufferSize: 2,
      overflow: 'dropOldest',
      onDrop: (message) => order.push(`${message.text()} ${message.acknowledged}`),
    });
    for (let id = 1; id <= 3; id++) connection.send(inbound({ id, text: String(id) }));
    expect((await connection.expect('puback')).packetIdentifier).toBe(1);
    expect(order).toEqual(['1 false']);
    expect(texts([subscription.tryReceive(), subscription.tryReceive()])).toEqual(['2', '3']);
  });

  test('bufferBytes bounds the same messages; whichever is reached first applies', async () => {
    const { connection, subscription } = await subscribed({ bufferSize: 100, bufferBytes: 10 });
    for (let i = 0; i < 4; i++) connection.send(inbound({ text: 'xxxx' }));
    await turn();
    expect([subscription.size, subscription.dropped]).toEqual([2, 2]);
  });

  test('"onReceipt": every QoS is bounded', async () => {
    const { connection, subscription } = await subscribed({ qos: 1, ack: 'onReceipt', bufferSize: 1 });
    connection.send(inbound({ id: 1 }));
    connection.send(inbound({ id: 2 }));
    await connection.expect('puback');
    await connection.expect('puback');
    expect([subscription.size, subscription.dropped]).toEqual([1, 1]);
  });

  test('"pause" on a connection that cannot: INVALID_OPTION by subscribe and ready(), by connect() as the default', async () => {
    const { broker, client } = scripted();
    const unpausable: ClientOptions['dial'] = async (url, options) => {
      const connection = await broker.dial(url, options);
      return {
        start: (handlers) => connection.start(handlers),
        write: (bytes, written) => connection.write(bytes, written),
        end: () => connection.end(),
        destroy: () => connection.destroy(),
      };
    };
    const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
    const options = {
      brokers: 'mqtt://x',
      dial: unpausable,
      reconnect: false,
      disconnectTimeoutMs: 50,
      logger,
    } as const;
    const other = new Client(options);
    const events = record(other, 'subscribeError');
    const connecting = other.connect();
    const waiting = other.subscribe('early', { overflow: 'pause' }).catch((error: unknown) => error);
    const connection = await broker.accept();
    await connection.handshake();
    await connecting;
    expect(await waiting).toMatchObject({ code: 'INVALID_OPTION' });
    await expect(other.subscribe('a', { overflow: 'pause' })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(other.declare('a', { overflow: 'pause' }).ready()).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    expect(events).toEqual([]);
    await other.disconnect();
    const byDefault = new Client({ ...options, overflow: 'pause' });
    const refused = byDefault.connect();
    const outcome = refused.catch((error: unknown) => error);
    await (await broker.accept()).handshake();
    expect(await outcome).toMatchObject({ code: 'INVALID_OPTION' });
    await client.disconnect();
  });
});
