// SPDX-License-Identifier: Apache-2.0
//
// Entries, and what the cases say about them.

import type { MaybePromise, PublisherQueue, QueueEntry, QueueLimit } from '@mqttv5/core';
import { ensure, ensureSame } from '../contract.ts';
import type { ContractCase } from '../contract.ts';

export type NewEntry = Omit<QueueEntry, 'sequence' | 'dead'>;
export type Enqueued = Awaited<ReturnType<PublisherQueue['enqueue']>>;

export const NOTHING_KEPT: ReadonlySet<number> = new Set();
export const UNBOUNDED: QueueLimit = {
  maximumSize: Number.POSITIVE_INFINITY,
  overflow: 'dropNewest',
  keep: NOTHING_KEPT,
};
/** Before every sequence, wherever an implementation starts to count. */
export const START = -1;

export type Open = () => MaybePromise<PublisherQueue>;

export function cases(
  open: Open,
  checks: Record<string, (queue: PublisherQueue) => Promise<void>>,
): readonly ContractCase[] {
  return Object.entries(checks).map(([name, check]) => ({
    name: `PublisherQueue: ${name}`,
    run: () => using(open, check),
  }));
}

export async function using(open: Open, check: (queue: PublisherQueue) => Promise<void>): Promise<void> {
  const queue = await open();
  try {
    await check(queue);
  } finally {
    await queue.close();
  }
}

export function entry(id: string, fields: Partial<NewEntry> = {}): NewEntry {
  return {
    topic: `topic/${id}`.slice(0, 100),
    payload: Uint8Array.of(1, 2, 3),
    options: { qos: 1 },
    enqueuedAt: 1_790_000_000_000,
    expiresAt: undefined,
    ...fields,
    id,
  };
}

export async function enqueueAll<const T extends readonly string[]>(
  queue: PublisherQueue,
  ids: T,
): Promise<{ -readonly [K in keyof T]: QueueEntry }> {
  const entries: QueueEntry[] = [];
  for (const id of ids) entries.push((await queue.enqueue(entry(id), UNBOUNDED)).entry);
  // One entry for each id, in their order.
  return entries as { -readonly [K in keyof T]: QueueEntry };
}

export function ensureIds(entries: readonly QueueEntry[], ids: readonly string[], subject: string): void {
  ensureSame(
    entries.map((one) => one.id),
    ids,
    `${subject}: ids`,
  );
}

export function only(entries: readonly QueueEntry[], subject: string): QueueEntry {
  const [first] = entries;
  ensure(first !== undefined && entries.length === 1, `${subject}: expected one entry, got ${entries.length}`);
  return first;
}

export function sequenceOf(entries: readonly QueueEntry[]): number {
  return only(entries, 'peek').sequence;
}

export function lastSequence(entries: readonly QueueEntry[]): number {
  return Math.max(...entries.map((one) => one.sequence));
}

/** Overwrites every byte an entry refers to. */
export function scribble(one: NewEntry): void {
  one.payload.fill(0xee);
  one.options.correlationData?.fill(0xee);
}
