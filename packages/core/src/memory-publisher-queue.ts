// SPDX-License-Identifier: Apache-2.0

import type { PublisherQueue, QueueEntry, QueueLimit, QueuePublishOptions } from './api/queue.ts';
import type { ErrorCode } from './errors.ts';
import { mqttError } from './errors.ts';

/**
 * A `PublisherQueue` in memory: what it holds outlives a lost connection, not the process. Every call is synchronous.
 *
 * It is bounded by the `maximumSize` of the `QueuePublisher` alone, and keeps payloads by copy.
 *
 * @example
 * ```ts
 * const publisher = new QueuePublisher(client, new MemoryPublisherQueue(), { maximumSize: 10_000 });
 * ```
 */
export class MemoryPublisherQueue implements PublisherQueue {
  readonly id: string = randomQueueId();
  #nextSequence = 1;
  #closed = false;
  /** Everything, oldest first. */
  readonly #entries = new OrderedEntries();
  readonly #byId = new Map<string, QueueEntry>();
  /** Entries that are not dead. A Map iterates in insertion order, which is that of the sequences: the first is the oldest. */
  readonly #alive = new Map<number, QueueEntry>();

  /**
   * Adds an entry, unless one with its `id` is there. Under "dropOldest" the oldest entries that are neither dead nor in
   * `keep` are marked dead with `QUEUE_EVICTED` until there is room.
   *
   * @throws MqttError `QUEUE_FULL` when the limit leaves no room; nothing is changed then
   * @throws MqttError `QUEUE_CLOSED` after `close()`
   */
  enqueue(
    entry: Omit<QueueEntry, 'sequence' | 'dead'>,
    limit: QueueLimit,
  ): { readonly entry: QueueEntry; readonly existed: boolean; readonly evicted: readonly QueueEntry[] } {
    this.#requireOpen();
    const existing = this.#byId.get(entry.id);
    if (existing !== undefined) return { entry: copyOf(existing), existed: true, evicted: [] };
    const evicted = this.#victims(limit).map((victim) => this.#kill(victim, 'QUEUE_EVICTED'));
    const inserted = copyOf({ ...entry, sequence: this.#nextSequence++, dead: undefined });
    this.#entries.add(inserted);
    this.#byId.set(inserted.id, inserted);
    this.#alive.set(inserted.sequence, inserted);
    return { entry: copyOf(inserted), existed: false, evicted: evicted.map(copyOf) };
  }

  /**
   * At most `count` entries with a greater sequence, oldest first, dead ones included.
   *
   * @throws MqttError `QUEUE_CLOSED` after `close()`
   */
  peek(sequence: number, count: number): readonly QueueEntry[] {
    this.#requireOpen();
    return this.#entries.after(sequence, count).map(copyOf);
  }

  /**
   * Marks an entry dead. One that is not there, or is dead already, is left as it is.
   *
   * @throws MqttError `QUEUE_CLOSED` after `close()`
   */
  markDead(sequence: number, reason: ErrorCode): void {
    this.#requireOpen();
    const entry = this.#alive.get(sequence);
    if (entry !== undefined) this.#kill(entry, reason);
  }

  /**
   * Removes an entry; its `id` may be used again, its sequence never. Removing what is not there is success.
   *
   * @throws MqttError `QUEUE_CLOSED` after `close()`
   */
  remove(sequence: number): void {
    this.#requireOpen();
    const entry = this.#entries.remove(sequence);
    if (entry === undefined) return;
    this.#byId.delete(entry.id);
    this.#alive.delete(sequence);
  }

  /** Entries that are not dead. Constant time. */
  get size(): number {
    return this.#alive.size;
  }

  /** Forgets everything. Calling it again changes nothing. */
  close(): void {
    this.#closed = true;
    this.#entries.clear();
    this.#byId.clear();
    this.#alive.clear();
  }

  /** Whom the limit makes room at the cost of, oldest first. Decided before anything is changed: all of it or QUEUE_FULL. */
  #victims({ maximumSize, overflow, keep }: QueueLimit): QueueEntry[] {
    const excess = this.#alive.size + 1 - maximumSize;
    const victims: QueueEntry[] = [];
    if (excess <= 0) return victims;
    if (overflow === 'dropOldest' && maximumSize > 0)
      for (const entry of this.#alive.values()) {
        if (keep.has(entry.sequence)) continue;
        if (victims.push(entry) >= excess) return victims;
      }
    throw mqttError('QUEUE_FULL', `The queue holds ${this.#alive.size} of at most ${maximumSize} entries`, {
      delivery: 'notSent',
    });
  }

  #kill(entry: QueueEntry, reason: ErrorCode): QueueEntry {
    const dead: QueueEntry = { ...entry, dead: reason };
    this.#entries.replace(dead);
    this.#byId.set(dead.id, dead);
    this.#alive.delete(dead.sequence);
    return dead;
  }

  #requireOpen(): void {
    if (this.#closed) throw mqttError('QUEUE_CLOSED', 'The publisher queue is closed', { delivery: 'notSent' });
  }
}

/**
 * Entries in the order of their sequences, with holes where one was removed. Holes are squeezed out once they outnumber
 * what is left, so that one old entry does not hold the space of all that came after it, and every operation stays
 * constant (amortised) or logarithmic.
 */
class OrderedEntries {
  #sequences: number[] = [];
  #entries: (QueueEntry | undefined)[] = [];
  #holes = 0;

  /** `entry.sequence` is above every sequence before it. */
  add(entry: QueueEntry): void {
    this.#sequences.push(entry.sequence);
    this.#entries.push(entry);
  }

  replace(entry: QueueEntry): void {
    const index = this.#firstAfter(entry.sequence - 1);
    if (this.#sequences[index] === entry.sequence) this.#entries[index] = entry;
  }

  remove(sequence: number): QueueEntry | undefined {
    const index = this.#firstAfter(sequence - 1);
    if (this.#sequences[index] !== sequence) return undefined;
    const entry = this.#entries[index];
    if (entry === undefined) return undefined;
    this.#entries[index] = undefined;
    this.#holes += 1;
    if (this.#holes > 32 && this.#holes * 2 > this.#entries.length) this.#squeeze();
    return entry;
  }

  after(sequence: number, count: number): QueueEntry[] {
    const found: QueueEntry[] = [];
    for (let index = this.#firstAfter(sequence); index < this.#entries.length && found.length < count; index++) {
      const entry = this.#entries[index];
      if (entry !== undefined) found.push(entry);
    }
    return found;
  }

  clear(): void {
    this.#sequences = [];
    this.#entries = [];
    this.#holes = 0;
  }

  /** Index of the first entry or hole with a greater sequence (binary search). */
  #firstAfter(sequence: number): number {
    let low = 0;
    let high = this.#sequences.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sequences[middle] ?? 0) > sequence) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #squeeze(): void {
    this.#entries = this.#entries.filter((entry) => entry !== undefined);
    this.#sequences = this.#entries.map((entry) => entry?.sequence ?? 0);
    this.#holes = 0;
  }
}

/** 128 random bits in hex: what tells this queue's entries in a session store from another's. */
function randomQueueId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Shares no bytes and no list with `entry`. Not by `slice()`: that of a Buffer is a view. */
function copyOf(entry: QueueEntry): QueueEntry {
  return { ...entry, payload: new Uint8Array(entry.payload), options: copyOptions(entry.options) };
}

function copyOptions(options: QueueEntry['options']): Omit<QueuePublishOptions, 'signal' | 'id'> {
  const copy = { ...options };
  if (options.correlationData !== undefined) copy.correlationData = new Uint8Array(options.correlationData);
  if (options.userProperties !== undefined) copy.userProperties = copyUserProperties(options.userProperties);
  return copy;
}

function copyUserProperties(
  init: NonNullable<QueuePublishOptions['userProperties']>,
): NonNullable<QueuePublishOptions['userProperties']> {
  if (!isPairs(init)) return { ...init };
  return init.map(([name, value]) => [name, value] as const);
}

function isPairs(
  init: NonNullable<QueuePublishOptions['userProperties']>,
): init is Extract<typeof init, readonly unknown[]> {
  return Array.isArray(init);
}
