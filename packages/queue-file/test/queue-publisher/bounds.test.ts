// SPDX-License-Identifier: Apache-2.0
//
// How long a message may stay in the queue, how many may, and what goes when there are more.

import { MemoryPublisherQueue } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { temporaryDirectory } from '@mqttv5/support/temporary-directory';
import { Bench, codeOf, deadLetters, expectPublishes, puback } from './bench.ts';

describe('lifetime', () => {
  test('ttlMs and messageExpiryInterval: the shorter one, what is left of it rounded up to seconds (T-245, T-254)', async () => {
    const bench = new Bench({ options: { ttlMs: 90_500 } });
    await bench.publish('ttl');
    await bench.publish('shorter', { messageExpiryInterval: 30, retain: true, contentType: 'text/plain' });
    await bench.publish('longer', { messageExpiryInterval: 3000 });
    const connection = await bench.connect();
    const packets = await expectPublishes(connection, 'ttl', 'shorter', 'longer');
    expect(packets.map(({ properties }) => properties?.messageExpiryInterval)).toEqual([91, 30, 91]);
    // What else the message says goes along.
    expect(packets[1]).toMatchObject({ retain: true, properties: { contentType: 'text/plain' } });
  });

  test('what has expired in the queue is a dead letter when its turn comes, not before (T-253)', async () => {
    const queue = new MemoryPublisherQueue();
    const unbounded = { maximumSize: 10, overflow: 'dropNewest', keep: new Set<number>() } as const;
    const entry = {
      id: 'a',
      topic: 'a',
      payload: new Uint8Array(0),
      options: {},
      enqueuedAt: 0,
      expiresAt: Date.now() - 1,
    };
    queue.enqueue(entry, unbounded);
    const { letters, onDeadLetter } = deadLetters();
    const bench = new Bench({ queue, options: { onDeadLetter } });
    await bench.publish('b');
    expect(await bench.inQueue()).toMatchObject([{ dead: undefined }, { dead: undefined }]);
    const connection = await bench.connect();
    const [b] = await expectPublishes(connection, 'b');
    if (b) connection.send(puback(b));
    await bench.publisher.flush();
    expect(letters).toEqual([['a', 'MESSAGE_EXPIRED']]);
  });

  test('a clock that was set back by a day lengthens no lifetime; one that was set forward ends it', async () => {
    const queue = new MemoryPublisherQueue();
    const unbounded = { maximumSize: 10, overflow: 'dropNewest', keep: new Set<number>() } as const;
    const day = 86_400_000;
    for (const [id, jump] of [
      ['back', day],
      ['forward', -day],
    ] as const) {
      const enqueuedAt = Date.now() + jump;
      const entry = {
        id,
        topic: id,
        payload: new Uint8Array(0),
        options: {},
        enqueuedAt,
        expiresAt: enqueuedAt + 60_000,
      };
      queue.enqueue(entry, unbounded);
    }
    const { letters, onDeadLetter } = deadLetters();
    const bench = new Bench({ queue, options: { onDeadLetter } });
    const connection = await bench.connect();
    const [back] = await expectPublishes(connection, 'back');
    expect(back?.properties?.messageExpiryInterval).toBe(60);
    if (back) connection.send(puback(back));
    await bench.publisher.flush();
    expect(letters).toEqual([['forward', 'MESSAGE_EXPIRED']]);
  });

  test('a lifetime beyond what MQTT can say is cut to the longest (§3.3.2.3.3)', async () => {
    const bench = new Bench({ options: { ttlMs: 1e15 } });
    await bench.publish('a');
    const connection = await bench.connect();
    expect((await connection.expect('publish')).properties?.messageExpiryInterval).toBe(4_294_967_295);
  });
});

describe('maximumSize', () => {
  test('"dropNewest" refuses with QUEUE_FULL (T-255)', async () => {
    const bench = new Bench({ options: { maximumSize: 2 } });
    await bench.publish('a');
    await bench.publish('b');
    expect(await codeOf(bench.publish('c'))).toBe('QUEUE_FULL');
    expect(bench.publisher.size).toBe(2);
  });

  test('"dropOldest" makes the oldest a dead letter, at once and also offline (T-256)', async () => {
    const { letters, onDeadLetter, count } = deadLetters();
    const bench = new Bench({ options: { maximumSize: 2, overflow: 'dropOldest', onDeadLetter } });
    const { delivered } = await bench.publish('a', { id: 'a' });
    await bench.publish('b');
    await bench.publish('c');
    expect(await codeOf(delivered())).toBe('QUEUE_EVICTED');
    await count(1);
    expect(letters).toEqual([['a', 'QUEUE_EVICTED']]);
  });

  test('"dropOldest" spares what is in flight, and nothing else (T-244, Q-04)', async () => {
    const { letters, onDeadLetter, count } = deadLetters();
    const bench = new Bench({ options: { window: 2, maximumSize: 4, overflow: 'dropOldest', onDeadLetter } });
    const connection = await bench.connect();
    for (const topic of ['a', 'b', 'c', 'd']) await bench.publish(topic, { id: topic });
    const packets = await expectPublishes(connection, 'a', 'b');
    await bench.publish('e', { id: 'e' });
    await count(1);
    expect(letters).toEqual([['c', 'QUEUE_EVICTED']]);
    for (const packet of packets) connection.send(puback(packet));
    for (const packet of await expectPublishes(connection, 'd', 'e')) connection.send(puback(packet));
    await bench.publisher.flush();
    expect(letters).toHaveLength(1);
  });

  test('"dropOldest" with everything in flight refuses with QUEUE_FULL', async () => {
    const bench = new Bench({ options: { maximumSize: 1, overflow: 'dropOldest' } });
    const connection = await bench.connect();
    await bench.publish('a');
    await expectPublishes(connection, 'a');
    expect(await codeOf(bench.publish('b'))).toBe('QUEUE_FULL');
  });

  test('never delivers and evicts one message, however calls, disk and broker interleave (Q-04)', async () => {
    const evicted: string[] = [];
    const queue = await FilePublisherQueue.open({ directory: temporaryDirectory(), sync: 'none' });
    const bench = new Bench({
      queue,
      options: {
        window: 4,
        maximumSize: 10,
        overflow: 'dropOldest',
        onDeadLetter: (entry) => void evicted.push(entry.id),
      },
    });
    const connection = await bench.connect();
    const ids = Array.from({ length: 400 }, (_, index) => `id-${index}`);
    const sent: string[] = [];
    const answer = async (): Promise<void> => {
      for (;;) {
        const packet = await connection.expect('publish');
        sent.push(packet.topicName);
        if (packet.topicName === 'end') return;
        connection.send(puback(packet));
      }
    };
    const answering = answer();
    for (let from = 0; from < ids.length; from += 20)
      await Promise.allSettled(ids.slice(from, from + 20).map((id) => bench.publish(id, { id })));
    await bench.publisher.flush();
    await bench.client.publish('end', '');
    await answering;
    sent.pop();
    expect(sent.filter((id) => evicted.includes(id))).toEqual([]);
    expect(new Set(sent).size).toBe(sent.length);
    expect(sent).toEqual(ids.filter((id) => sent.includes(id)));
    expect(sent.length + evicted.length).toBe(ids.length);
    await bench.publisher.close();
    await queue.close();
  });
});
