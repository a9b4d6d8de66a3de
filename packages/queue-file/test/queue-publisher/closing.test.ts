// SPDX-License-Identifier: Apache-2.0
//
// flush() and close(): what they wait for, and what they leave to the next publisher.

import { constantBackoff, MemoryPublisherQueue, QueuePublisher } from '@mqttv5/core';
import type { QueueEntry } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { temporaryDirectory } from '@mqttv5/support/temporary-directory';
import { Bench, codeOf, deadLetters, expectPublishes, puback } from './bench.ts';

describe('flush and close', () => {
  test('flush of an empty queue resolves at once, connected or not', async () => {
    const bench = new Bench();
    await bench.publisher.flush();
    await bench.connect();
    await bench.publisher.flush();
    expect(bench.publisher.size).toBe(0);
  });

  test('flush waits for publishes that were not waited for', async () => {
    const bench = new Bench();
    const connection = await bench.connect();
    const publishing = bench.publish('a');
    const flushing = bench.publisher.flush();
    const [a] = await expectPublishes(connection, 'a');
    if (a) connection.send(puback(a));
    await flushing;
    await publishing;
    expect(bench.publisher.size).toBe(0);
  });

  test('signal ends the wait of flush', async () => {
    const bench = new Bench();
    await bench.publish('a');
    const abort = new AbortController();
    const flushing = bench.publisher.flush({ signal: abort.signal });
    abort.abort(new TypeError('enough'));
    await expect(flushing).rejects.toThrow('enough');
  });

  test('close waits for what is in flight, and begins nothing more (Q-09)', async () => {
    const bench = new Bench({ options: { window: 1 } });
    const connection = await bench.connect();
    await bench.publish('a');
    await bench.publish('b');
    const [a] = await expectPublishes(connection, 'a');
    const closing = bench.publisher.close();
    expect(await codeOf(bench.publish('c'))).toBe('QUEUE_CLOSED');
    if (a) connection.send(puback(a));
    await closing;
    expect(await bench.inQueue()).toMatchObject([{ topic: 'b' }]);
    expect(connection.received.filter(({ type }) => type === 'publish')).toHaveLength(1);
  });

  test('close without a connection leaves everything at once, and ends the waits with QUEUE_CLOSED', async () => {
    const bench = new Bench();
    const { delivered } = await bench.publish('a');
    const waits = [codeOf(delivered()), codeOf(bench.publisher.flush())];
    await bench.publisher.close();
    expect(await Promise.all(waits)).toEqual(['QUEUE_CLOSED', 'QUEUE_CLOSED']);
    expect(await codeOf(bench.publisher.flush())).toBe('QUEUE_CLOSED');
    expect(await bench.inQueue()).toHaveLength(1);
    expect(bench.client.state).toBe('idle');
  });

  test('close waits for the dead letter in hand, connected or not: the next publisher does not get it again (Q-06)', async () => {
    const queue = new MemoryPublisherQueue();
    const given: string[] = [];
    let taken = (): void => {};
    let done = (): void => {};
    const inHand = new Promise<void>((resolve) => void (taken = resolve));
    const onDeadLetter = async ({ topic }: QueueEntry): Promise<void> => {
      given.push(topic);
      taken();
      await new Promise<void>((resolve) => void (done = resolve));
    };
    const bench = new Bench({ queue, options: { maximumSize: 1, overflow: 'dropOldest', onDeadLetter } });
    for (const topic of ['a', 'b', 'c']) await bench.publish(topic);
    await inHand;
    let closed = false;
    const closing = bench.publisher.close().then(() => (closed = true));
    await new Promise((resolve) => void setImmediate(resolve));
    expect(closed).toBe(false);
    done();
    await closing;
    expect(given).toEqual(['a']);
    expect((await bench.inQueue()).map(({ topic, dead }) => [topic, dead])).toEqual([
      ['b', 'QUEUE_EVICTED'],
      ['c', undefined],
    ]);
  });

  test('signal ends the wait for a dead letter that nobody takes', async () => {
    const bench = new Bench({
      options: { maximumSize: 1, overflow: 'dropOldest', onDeadLetter: () => new Promise(() => {}) },
    });
    for (const topic of ['a', 'b']) await bench.publish(topic);
    const enough = new AbortController();
    const closing = bench.publisher.close({ signal: enough.signal });
    enough.abort('enough');
    await expect(closing).rejects.toBe('enough');
    expect(await codeOf(bench.publish('c'))).toBe('QUEUE_CLOSED');
  });

  test('a connection that ends while close waits ends the wait', async () => {
    const bench = new Bench({ client: { reconnect: constantBackoff(60_000) } });
    const connection = await bench.connect();
    await bench.publish('a');
    await expectPublishes(connection, 'a');
    const closing = bench.publisher.close();
    connection.drop();
    await closing;
    expect(await bench.inQueue()).toHaveLength(1);
  });

  test('what gets into the queue behind the end, and what it evicts, is the next publisher’s; delivered() says so', async () => {
    const queue = new MemoryPublisherQueue();
    const { letters, onDeadLetter, count } = deadLetters();
    const options = { onDeadLetter, maximumSize: 1, overflow: 'dropOldest' } as const;
    const bench = new Bench({ queue, options });
    await bench.publish('old');
    const enqueue = queue.enqueue.bind(queue);
    let store = (): void => {};
    const gate = new Promise<void>((resolve) => void (store = resolve));
    // The type of a queue in memory promises to be synchronous; the publisher does not rely on that.
    queue.enqueue = ((...call: Parameters<typeof enqueue>) => gate.then(() => enqueue(...call))) as never;
    const publishing = bench.publish('new');
    await bench.publisher.close();
    store();
    const { delivered } = await publishing;
    await expect(delivered()).rejects.toMatchObject({ code: 'QUEUE_CLOSED', delivery: 'pending' });
    expect(await bench.inQueue()).toMatchObject([{ topic: 'old', dead: 'QUEUE_EVICTED' }, { topic: 'new' }]);
    expect(letters).toEqual([]);
    const next = new QueuePublisher(bench.client, queue, options);
    await bench.connect();
    await count(1);
    expect(letters).toMatchObject([[expect.any(String), 'QUEUE_EVICTED']]);
    await next.close({ signal: AbortSignal.abort() }).catch(() => undefined);
  });

  test('closing twice is one close; the queue stays open', async () => {
    const bench = new Bench();
    await Promise.all([bench.publisher.close(), bench.publisher.close(), bench.publisher[Symbol.asyncDispose]()]);
    expect(await bench.queue.peek(-1, 1)).toEqual([]);
  });

  test('dispose closes it, and the queue its own', async () => {
    const directory = temporaryDirectory();
    {
      await using queue = await FilePublisherQueue.open({ directory });
      const bench = new Bench({ queue });
      await bench.publisher[Symbol.asyncDispose]();
      expect(await codeOf(bench.publish('a'))).toBe('QUEUE_CLOSED');
      expect(await queue.peek(-1, 1)).toEqual([]);
    }
    // No lock is left.
    await (await FilePublisherQueue.open({ directory })).close();
  });

  test('disconnect() of the client leaves the queue alone, and connect() goes on with it', async () => {
    const bench = new Bench();
    const first = await bench.connect();
    const { delivered } = await bench.publish('a');
    await expectPublishes(first, 'a');
    await bench.client.disconnect();
    await bench.publish('b');
    const second = await bench.connect({ sessionPresent: true });
    const packets = await expectPublishes(second, 'a', 'b');
    expect(packets.map(({ dup }) => dup)).toEqual([true, false]);
    for (const packet of packets) second.send(puback(packet));
    await delivered();
    await bench.publisher.flush();
  });
});
