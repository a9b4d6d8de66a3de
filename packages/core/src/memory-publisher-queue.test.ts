// SPDX-License-Identifier: Apache-2.0
//
// That it keeps the contract of a PublisherQueue is checked in @mqttv5/testing, beside the contract: core's tests do not
// import what depends on core.

import { expect, test } from 'vitest';
import type { QueueEntry } from './api/queue.ts';
import { MemoryPublisherQueue } from './memory-publisher-queue.ts';

const unbounded = { maximumSize: Number.POSITIVE_INFINITY, overflow: 'dropNewest', keep: new Set<number>() } as const;

const entry = (id: string): Omit<QueueEntry, 'sequence' | 'dead'> => ({
  id,
  topic: 't',
  payload: Uint8Array.of(1),
  options: {},
  enqueuedAt: 0,
  expiresAt: undefined,
});

test('the id is 128 random bits in hex (I-13)', () => {
  const ids = Array.from({ length: 100 }, () => new MemoryPublisherQueue().id);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(new Set(ids).size).toBe(100);
});

test('entries behind an old one are found again after thousands of removals (T-250)', () => {
  const queue = new MemoryPublisherQueue();
  const { entry: head } = queue.enqueue(entry('head'), unbounded);
  for (let round = 0; round < 5000; round++) {
    const { entry: one } = queue.enqueue(entry(`id-${round}`), unbounded);
    if (round % 1000 !== 0) queue.remove(one.sequence);
  }
  const kept = ['head', 'id-0', 'id-1000', 'id-2000', 'id-3000', 'id-4000'];
  expect(queue.peek(0, 10).map((one) => one.id)).toEqual(kept);
  expect(queue.peek(head.sequence, 10).map((one) => one.id)).toEqual(kept.slice(1));
  expect(queue.size).toBe(6);
  queue.markDead(head.sequence, 'MESSAGE_EXPIRED');
  expect(queue.peek(0, 1)).toMatchObject([{ id: 'head', dead: 'MESSAGE_EXPIRED' }]);
});

test('user properties given as a record come back as one', () => {
  const queue = new MemoryPublisherQueue();
  const userProperties = { name: 'value' };
  queue.enqueue({ ...entry('a'), options: { userProperties } }, unbounded);
  userProperties.name = 'changed';
  expect(queue.peek(0, 1)[0]?.options.userProperties).toEqual({ name: 'value' });
});

test('closing twice is harmless, and a closed queue is empty', () => {
  const queue = new MemoryPublisherQueue();
  queue.enqueue(entry('a'), unbounded);
  queue.close();
  queue.close();
  expect(queue.size).toBe(0);
  expect(() => queue.peek(0, 1)).toThrow(expect.objectContaining({ code: 'QUEUE_CLOSED' }));
});

test('the bytes of a Buffer are copied, though its slice is a view', () => {
  const queue = new MemoryPublisherQueue();
  const bytes = Buffer.from([1, 2, 3]);
  queue.enqueue({ ...entry('a'), payload: bytes, options: { correlationData: bytes } }, unbounded);
  bytes.fill(9);
  const [stored] = queue.peek(0, 1);
  expect(stored?.payload).toEqual(Uint8Array.of(1, 2, 3));
  expect(stored?.options.correlationData).toEqual(Uint8Array.of(1, 2, 3));
});
