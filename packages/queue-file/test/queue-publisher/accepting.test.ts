// SPDX-License-Identifier: Apache-2.0
//
// What a queue publisher takes, at construction and from publish(), and what it refuses before anything is queued.

import { Client, MemoryPublisherQueue, QueuePublisher } from '@mqttv5/core';
import type { PublisherQueue, QueueOptions, QueuePublishOptions } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { temporaryDirectory } from '@mqttv5/support/temporary-directory';
import { Bench, codeOf, expectPublishes, Gate, puback } from './bench.ts';

describe('publish', () => {
  test('resolves when the entry is in the queue, connected or not (T-251)', async () => {
    const bench = new Bench();
    const { id } = await bench.publish('a');
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(await bench.inQueue()).toMatchObject([{ id, topic: 'a', dead: undefined, options: { qos: 1 } }]);
    expect(bench.publisher.size).toBe(1);
  });

  test('what was queued offline is sent in order after connect, and the queue ends empty (T-252, Q-01)', async () => {
    const bench = new Bench();
    const handles = [await bench.publish('a'), await bench.publish('b', { qos: 2 }), await bench.publish('c')];
    const connection = await bench.connect();
    const [a, b, c] = await expectPublishes(connection, 'a', 'b', 'c');
    if (a === undefined || b === undefined || c === undefined) return;
    expect([a.qos, b.qos, c.qos]).toEqual([1, 2, 1]);
    connection.send(puback(a));
    connection.send({ type: 'pubrec', packetIdentifier: b.packetIdentifier, reasonCode: 0 });
    await connection.expect('pubrel');
    connection.send({ type: 'pubcomp', packetIdentifier: b.packetIdentifier, reasonCode: 0 });
    connection.send(puback(c, 0x10));
    const results = await Promise.all(handles.map(({ delivered }) => delivered()));
    expect(results.map(({ reasonCode }) => reasonCode)).toEqual([0, 0, 0x10]);
    await bench.publisher.flush();
    expect(await bench.inQueue()).toEqual([]);
  });

  test('takes every option to the broker, and owns the payload (T-238)', async () => {
    const bench = new Bench();
    const payload = Uint8Array.of(1, 2, 3);
    const correlationData = Uint8Array.of(4, 5);
    await bench.publisher.publish('a', payload, {
      retain: true,
      contentType: 'text/plain',
      payloadFormatIndicator: 1,
      responseTopic: 'r',
      correlationData,
      userProperties: { name: 'value' },
    });
    payload.fill(9);
    correlationData.fill(9);
    const connection = await bench.connect();
    expect(await connection.expect('publish')).toMatchObject({
      retain: true,
      payload: Uint8Array.of(1, 2, 3),
      properties: {
        contentType: 'text/plain',
        payloadFormatIndicator: 1,
        responseTopic: 'r',
        correlationData: Uint8Array.of(4, 5),
        userProperties: [['name', 'value']],
      },
    });
  });

  test('an id that is in the queue gives the existing message', async () => {
    const bench = new Bench();
    await bench.publish('a', { id: 'mine' });
    const again = await bench.publish('b', { id: 'mine' });
    expect(again.id).toBe('mine');
    expect(bench.publisher.size).toBe(1);
    const connection = await bench.connect();
    const [packet] = await expectPublishes(connection, 'a');
    if (packet) connection.send(puback(packet, 0x10));
    expect(await again.delivered()).toEqual({ reasonCode: 0x10 });
  });

  test('an id whose message is dead gives the dead one: delivered() says why, and nothing is added', async () => {
    const taken = Gate.of<void>();
    const queue = new MemoryPublisherQueue();
    const onDeadLetter = async (): Promise<void> => await taken.promise;
    const bench = new Bench({ queue, options: { onDeadLetter } });
    await bench.publish('a', { id: 'mine' });
    const connection = await bench.connect();
    const [packet] = await expectPublishes(connection, 'a');
    if (packet) connection.send(puback(packet, 0x87));
    await expect((await bench.publish('b', { id: 'mine' })).delivered()).rejects.toMatchObject({
      code: 'PUBLISH_REFUSED',
      reasonCode: 0x87,
    });
    taken.resolve();
    await bench.publisher.flush();
    // Of one that died in an earlier process the code is left.
    const unbounded = { maximumSize: 10, overflow: 'dropNewest', keep: new Set<number>() } as const;
    const entry = { id: 'c', topic: 'c', payload: new Uint8Array(0), options: {}, enqueuedAt: 0, expiresAt: undefined };
    await bench.client.disconnect();
    queue.markDead(queue.enqueue(entry, unbounded).entry.sequence, 'PACKET_TOO_LARGE');
    const again = await bench.publish('c', { id: 'c' });
    expect(await codeOf(again.delivered())).toBe('PACKET_TOO_LARGE');
    expect(bench.publisher.size).toBe(0);
    expect(connection.received.filter(({ type }) => type === 'publish')).toHaveLength(1);
  });

  test('idempotencyKey adds the id as a user property, once (T-238)', async () => {
    const bench = new Bench({ options: { idempotencyKey: true } });
    const { id } = await bench.publish('a', { userProperties: [['x', '1']] });
    await bench.publish('b', { id: 'mine' });
    await bench.publish('c', { id: 'other', userProperties: { 'mqttv5-msg-id': 'own' } });
    const connection = await bench.connect();
    const packets = await expectPublishes(connection, 'a', 'b', 'c');
    expect(packets.map(({ properties }) => properties?.userProperties)).toEqual([
      [
        ['x', '1'],
        ['mqttv5-msg-id', id],
      ],
      [['mqttv5-msg-id', 'mine']],
      [['mqttv5-msg-id', 'own']],
    ]);
  });

  test.each([
    ['QOS0_NOT_QUEUEABLE', 'a', { qos: 0 }],
    ['INVALID_OPTION', 'a', { qos: 3 }],
    ['INVALID_TOPIC', 'a/#', {}],
    ['INVALID_TOPIC', '', {}],
    ['TOPIC_ALIAS_INVALID', 'a', { topicAlias: 1 }],
    ['INVALID_OPTION', 'a', { id: '' }],
    ['INVALID_OPTION', 'a', { id: 7 }],
    ['INVALID_OPTION', 'a', { ttl: 7 }],
    ['FIELD_TOO_LONG', 'a', { contentType: 'x'.repeat(70_000) }],
  ])('%s is found before anything is queued (T-237): %s %o', async (code, topic, options) => {
    const bench = new Bench();
    // What a program in JavaScript can pass.
    expect(await codeOf(bench.publish(topic, options as QueuePublishOptions))).toBe(code);
    expect(await bench.inQueue()).toEqual([]);
  });

  test('an aborted signal rejects with its reason and queues nothing', async () => {
    const bench = new Bench();
    const reason = new TypeError('enough');
    await expect(bench.publish('a', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(bench.publisher.size).toBe(0);
  });

  test('signal ends the wait of delivered(), not the message', async () => {
    const bench = new Bench();
    const { delivered } = await bench.publish('a');
    const abort = new AbortController();
    const waiting = delivered({ signal: abort.signal });
    abort.abort(new TypeError('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(bench.publisher.size).toBe(1);
  });
});

describe('construction', () => {
  test('changes nothing in the queue (T-243, Q-10)', async () => {
    const directory = temporaryDirectory();
    const queue = await FilePublisherQueue.open({ directory });
    const bench = new Bench({ queue });
    await bench.publish('a');
    const before = await bench.inQueue();
    await bench.publisher.close();
    const next = new QueuePublisher(bench.client, queue, { maximumSize: 1, overflow: 'dropOldest' });
    expect(await queue.peek(-1, 10)).toEqual(before);
    await next.close();
    await queue.close();
  });

  test('a second publisher of a queue on one client is INVALID_OPTION', () => {
    const bench = new Bench();
    expect(() => new QueuePublisher(bench.client, bench.queue)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  });

  test.each([
    { window: 0 },
    { window: 1.5 },
    { maximumSize: 0 },
    { overflow: 'dropAll' },
    { ttlMs: -1 },
    { onDeadLetter: true },
    { isPermanent: 1 },
    { retryBackoff: 1000 },
    { idempotencyKey: 'yes' },
    { windowSize: 3 },
  ])('%o is INVALID_OPTION', (options) => {
    const client = new Client({ brokers: 'mqtt://localhost' });
    // What a program in JavaScript can pass.
    const make = () => new QueuePublisher(client, new MemoryPublisherQueue(), options as QueueOptions);
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });

  test('what is no client, or no queue, is INVALID_OPTION', () => {
    const client = new Client({ brokers: 'mqtt://localhost' });
    expect(() => new QueuePublisher({} as Client, new MemoryPublisherQueue())).toThrow(/client must be a Client/);
    expect(() => new QueuePublisher(client, {} as PublisherQueue)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
    // Without it an exchange in the session could not be told from that of another queue.
    const nameless = Object.defineProperty(new MemoryPublisherQueue(), 'id', { value: '' });
    expect(() => new QueuePublisher(client, nameless)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});
