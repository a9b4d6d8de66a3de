// SPDX-License-Identifier: Apache-2.0
//
// What a publisher finds in queue and session of the one before it: outcomes nobody settled, exchanges under way.

import { constantBackoff, MemoryPublisherQueue, MemorySessionStore, QueuePublisher } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { Bench, codeOf, deadLetters, expectPublishes, puback, StubbornQueue } from './bench.ts';

describe('restart', () => {
  test.each([1, 2] as const)('an exchange of an earlier process goes on: QoS %d (T-246, T-247, Q-07)', async (qos) => {
    const store = new MemorySessionStore();
    const queue = new MemoryPublisherQueue();
    const before = new Bench({ queue, client: { store } });
    await before.publish('a', { qos });
    const first = await before.connect();
    const [packet] = await expectPublishes(first, 'a');
    if (qos === 2 && packet) {
      first.send({ type: 'pubrec', packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
      await first.expect('pubrel');
    }
    // The process "dies": its client ends without a word, its publisher leaves everything where it is.
    first.drop();
    await before.client.disconnect();
    await before.publisher.close();

    const after = new Bench({ queue, client: { store } });
    const second = await after.connect({ sessionPresent: true });
    const { packetIdentifier } = packet ?? { packetIdentifier: 0 };
    if (qos === 1) {
      expect(await second.expect('publish')).toMatchObject({ topicName: 'a', dup: true, packetIdentifier });
      second.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    } else {
      expect(await second.expect('pubrel')).toMatchObject({ packetIdentifier });
      second.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0 });
    }
    await after.publisher.flush();
    expect(await after.inQueue()).toEqual([]);
    expect([...store.load()].filter(([key]) => /^[co]\//.test(key))).toEqual([]);
  });

  test('an outcome that nobody had settled is settled, not sent again: killed between PUBACK and removal (I-08)', async () => {
    const store = new MemorySessionStore();
    const queue = new StubbornQueue();
    const before = new Bench({ queue, client: { store }, options: { retryBackoff: constantBackoff(60_000) } });
    const { delivered } = await before.publish('a', { id: 'a' });
    queue.refusing = true;
    const first = await before.connect();
    const [packet] = await expectPublishes(first, 'a');
    if (packet) first.send(puback(packet));
    await delivered();
    expect([...store.load()].filter(([key]) => key.startsWith('c/'))).toHaveLength(1);
    await before.client.disconnect();
    await before.publisher.close();
    expect(queue.peek(-1, 10)).toMatchObject([{ id: 'a' }]);

    queue.refusing = false;
    const after = new Bench({ queue, client: { store } });
    const again = await after.publish('a', { id: 'a' });
    const second = await after.connect({ sessionPresent: true });
    expect(await again.delivered()).toEqual({ reasonCode: 0 });
    await after.publisher.flush();
    expect(queue.peek(-1, 10)).toEqual([]);
    expect([...store.load()].filter(([key]) => key.startsWith('c/'))).toEqual([]);
    expect(second.received.filter(({ type }) => type === 'publish')).toEqual([]);
  });

  test('a refusal that nobody had settled is not sent again [MQTT-4.4.0-2] (I-10)', async () => {
    const store = new MemorySessionStore();
    const queue = new StubbornQueue();
    const before = new Bench({
      queue,
      client: { store },
      options: { retryBackoff: constantBackoff(60_000), onDeadLetter: () => {} },
    });
    const { delivered } = await before.publish('a', { id: 'a' });
    queue.refusing = true;
    const first = await before.connect();
    const [packet] = await expectPublishes(first, 'a');
    if (packet) first.send(puback(packet, 0x87));
    expect(await codeOf(delivered())).toBe('PUBLISH_REFUSED');
    await before.client.disconnect();
    await before.publisher.close();

    queue.refusing = false;
    const { letters, onDeadLetter } = deadLetters();
    const after = new Bench({ queue, client: { store }, options: { onDeadLetter } });
    const second = await after.connect({ sessionPresent: true });
    await after.publisher.flush();
    expect(letters).toEqual([['a', 'PUBLISH_REFUSED']]);
    expect(second.received.filter(({ type }) => type === 'publish')).toEqual([]);
  });

  test('an entry whose exchange is only in the store is not evicted, not even before connect (Q-04)', async () => {
    const store = new MemorySessionStore();
    const queue = new MemoryPublisherQueue();
    const before = new Bench({ queue, client: { store } });
    await before.publish('a', { id: 'a' });
    const first = await before.connect();
    await expectPublishes(first, 'a');
    first.drop();
    await before.client.disconnect();
    await before.publisher.close();

    const { letters, onDeadLetter, count } = deadLetters();
    const after = new Bench({
      queue,
      client: { store },
      options: { maximumSize: 2, overflow: 'dropOldest', onDeadLetter },
    });
    for (const id of ['b', 'c']) await after.publish(id, { id });
    await count(1);
    expect(letters).toEqual([['b', 'QUEUE_EVICTED']]);
  });

  test('the next publisher on the same client goes on where the last one was closed', async () => {
    const queue = new MemoryPublisherQueue();
    const bench = new Bench({ queue });
    const connection = await bench.connect();
    await bench.publish('a');
    const [a] = await expectPublishes(connection, 'a');
    await expect(bench.publisher.close({ signal: AbortSignal.abort(new TypeError('now')) })).rejects.toThrow('now');
    if (a) connection.send(puback(a));
    const next = new QueuePublisher(bench.client, queue);
    await next.flush();
    expect(queue.size).toBe(0);
    expect(connection.received.filter(({ type }) => type === 'publish')).toHaveLength(1);
    await next.close();
  });
});
