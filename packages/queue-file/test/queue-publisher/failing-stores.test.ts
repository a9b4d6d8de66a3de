// SPDX-License-Identifier: Apache-2.0
//
// Queues and session stores whose disk fails: nothing is lost, nothing published twice.

import { MemoryPublisherQueue, MemorySessionStore, MqttError } from '@mqttv5/core';
import type { ErrorCode, SessionOperation } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { Bench, codeOf, expectPublishes, puback, StubbornQueue } from './bench.ts';

describe('a queue that fails', () => {
  test('to remove is asked again, and nothing is published twice (T-227, Q-08)', async () => {
    const queue = new StubbornQueue();
    const bench = new Bench({ queue });
    const { delivered } = await bench.publish('a');
    queue.refusing = true;
    const connection = await bench.connect();
    const [a] = await expectPublishes(connection, 'a');
    if (a) connection.send(puback(a));
    await delivered();
    await queue.refused;
    queue.refusing = false;
    await bench.publisher.flush();
    expect(connection.received.filter(({ type }) => type === 'publish')).toHaveLength(1);
  });

  test('to be read is read again, without a new message to remind of it', async () => {
    const queue = new MemoryPublisherQueue();
    const bench = new Bench({ queue });
    await bench.publish('a');
    const peek = queue.peek.bind(queue);
    queue.peek = () => {
      queue.peek = peek;
      throw new TypeError('broken');
    };
    const connection = await bench.connect();
    const [a] = await expectPublishes(connection, 'a');
    if (a) connection.send(puback(a));
    await bench.publisher.flush();
  });

  test('to be read ends flush with its error, or with a StoreError when it is not ours', async () => {
    const queue = new MemoryPublisherQueue();
    const bench = new Bench({ queue });
    queue.peek = () => {
      throw new TypeError('broken');
    };
    await expect(bench.publisher.flush()).rejects.toMatchObject({
      code: 'STORE_FAILED',
      cause: expect.any(TypeError),
    });
    queue.close();
    queue.peek = MemoryPublisherQueue.prototype.peek;
    expect(await codeOf(bench.publisher.flush())).toBe('QUEUE_CLOSED');
  });

  test('to enqueue rejects with its error, or with a StoreError when it is not ours', async () => {
    const queue = new MemoryPublisherQueue();
    const bench = new Bench({ queue });
    queue.enqueue = () => {
      throw new TypeError('broken');
    };
    await expect(bench.publish('a')).rejects.toMatchObject({ code: 'STORE_FAILED', cause: expect.any(TypeError) });
    queue.enqueue = () => {
      throw new MqttError('QUEUE_FULL', 'full');
    };
    expect(await codeOf(bench.publish('a'))).toBe('QUEUE_FULL');
  });
});

describe('a session store that fails', () => {
  test('stops the client; the exchange goes on after connect(), and is not a second one (T-226, T-227, Q-03)', async () => {
    const store = new FailingStore();
    const bench = new Bench({ client: { store, reconnect: false } });
    const first = await bench.connect();
    const { delivered } = await bench.publish('a');
    const [a] = await expectPublishes(first, 'a');
    const errors: ErrorCode[] = [];
    bench.client.on('storeError', ({ code }) => void errors.push(code));
    const ended = new Promise<void>((resolve) => void bench.client.on('close', () => resolve()));
    store.failing = true;
    if (a) first.send(puback(a));
    await ended;
    expect(errors).toEqual(['STORE_FAILED']);
    expect(await bench.inQueue()).toHaveLength(1);
    store.failing = false;
    const second = await bench.connect({ sessionPresent: true });
    const [again] = await expectPublishes(second, 'a');
    expect([again?.dup, again?.packetIdentifier]).toEqual([true, a?.packetIdentifier]);
    if (again) second.send(puback(again));
    await delivered();
    await bench.publisher.flush();
    expect([...store.load()].filter(([key]) => /^[co]\//.test(key))).toEqual([]);
  });

  test('to be read evicts nothing: publish rejects, and the next one asks the store again (Q-04)', async () => {
    const store = new MemorySessionStore();
    const load = store.load.bind(store);
    store.load = () => {
      throw new TypeError('disk broken');
    };
    const bench = new Bench({ client: { store }, options: { maximumSize: 1, overflow: 'dropOldest' } });
    await expect(bench.publish('a')).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(bench.publisher.size).toBe(0);
    store.load = load;
    await bench.publish('b', { id: 'b' });
    expect((await bench.inQueue()).map(({ id }) => id)).toEqual(['b']);
  });

  test('to take a new message: it was never sent, and is tried again', async () => {
    const store = new FailingStore();
    const bench = new Bench({ client: { store } });
    const connection = await bench.connect();
    store.refusing = true;
    const { delivered } = await bench.publish('a');
    await store.refused;
    store.refusing = false;
    const [a] = await expectPublishes(connection, 'a');
    expect(a?.dup).toBe(false);
    if (a) connection.send(puback(a));
    await delivered();
    await bench.publisher.flush();
  });
});

/** A store whose disk fails, or is full for what is new, when the test says so. */
class FailingStore extends MemorySessionStore {
  failing = false;
  refusing = false;
  #tell: () => void = () => {};
  readonly refused: Promise<void> = new Promise((resolve) => {
    this.#tell = resolve;
  });

  override commit(operations: readonly SessionOperation[]): void {
    if (this.failing) throw new TypeError('disk broken');
    if (this.refusing && operations.some(({ type }) => type === 'put')) {
      this.#tell();
      throw new TypeError('disk full');
    }
    super.commit(operations);
  }
}
