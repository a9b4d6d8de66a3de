// SPDX-License-Identifier: Apache-2.0

import type { ErrorCode, PublisherQueue, QueueEntry, QueueLimit } from '@mqttv5/core';
import { expect, test } from 'vitest';
import { failedCases, isNoticedBy } from './contract-verdicts.ts';
import { publisherQueueContract } from './publisher-queue-contract.ts';

interface Disk {
  readonly id: string;
  next: number;
  entries: QueueEntry[];
}
type NewEntry = Omit<QueueEntry, 'sequence' | 'dead'>;
type Enqueued = { readonly entry: QueueEntry; readonly existed: boolean; readonly evicted: readonly QueueEntry[] };

/** A correct queue over a "disk" that outlives it, asynchronous but for the atomic step. Each flaw is one override. */
class ListQueue implements PublisherQueue {
  protected open = true;
  readonly disk: Disk;

  constructor(disk: Disk) {
    this.disk = disk;
  }

  get id(): string {
    return this.disk.id;
  }

  get size(): number {
    return this.disk.entries.length === 0 ? 0 : this.alive().length;
  }

  async enqueue(entry: NewEntry, limit: QueueLimit): Promise<Enqueued> {
    await this.turn();
    const existing = this.disk.entries.find((one) => one.id === entry.id);
    if (existing !== undefined) return { entry: structuredClone(existing), existed: true, evicted: [] };
    const victims = this.victims(limit);
    const evicted = victims.map((victim) => this.kill(victim.sequence, 'QUEUE_EVICTED'));
    const inserted: QueueEntry = { ...structuredClone(entry), sequence: this.disk.next++, dead: undefined };
    this.disk.entries.push(inserted);
    return { entry: structuredClone(inserted), existed: false, evicted: structuredClone(evicted) };
  }

  async peek(sequence: number, count: number): Promise<readonly QueueEntry[]> {
    await this.turn();
    return structuredClone(this.disk.entries.filter((one) => one.sequence > sequence).slice(0, count));
  }

  async markDead(sequence: number, reason: ErrorCode): Promise<void> {
    await this.turn();
    this.kill(sequence, reason);
  }

  async remove(sequence: number): Promise<void> {
    await this.turn();
    this.disk.entries = this.disk.entries.filter((one) => one.sequence !== sequence);
  }

  async close(): Promise<void> {
    await Promise.resolve();
    this.open = false;
  }

  protected alive(): QueueEntry[] {
    return this.disk.entries.filter((one) => one.dead === undefined);
  }

  protected victims({ maximumSize, overflow, keep }: QueueLimit): QueueEntry[] {
    const excess = Math.max(0, this.alive().length + 1 - maximumSize);
    const candidates = overflow === 'dropOldest' ? this.alive().filter((one) => !keep.has(one.sequence)) : [];
    if (candidates.length < excess || maximumSize < 1) throw refusal('QUEUE_FULL');
    return candidates.slice(0, excess);
  }

  protected kill(sequence: number, reason: ErrorCode): QueueEntry {
    const index = this.disk.entries.findIndex((one) => one.sequence === sequence);
    const dead = { ...this.disk.entries[index], dead: reason } as QueueEntry;
    this.disk.entries[index] = dead;
    return dead;
  }

  protected async turn(): Promise<void> {
    await Promise.resolve();
    if (!this.open) throw refusal('QUEUE_CLOSED');
  }
}

/** `size` in constant time; the list above counts, as the tests of small queues may. */
class CountingQueue extends ListQueue {
  #size: number;

  constructor(disk: Disk) {
    super(disk);
    this.#size = this.alive().length;
  }

  override get size(): number {
    return this.#size;
  }

  override async enqueue(entry: NewEntry, limit: QueueLimit): Promise<Enqueued> {
    return await super.enqueue(entry, limit).finally(() => this.#count());
  }

  override async markDead(sequence: number, reason: ErrorCode): Promise<void> {
    await super.markDead(sequence, reason);
    this.#count();
  }

  override async remove(sequence: number): Promise<void> {
    await super.remove(sequence);
    this.#count();
  }

  #count(): void {
    this.#size = this.alive().length;
  }
}

let disks = 0;
const newDisk = (): Disk => ({ id: `queue-${++disks}`, next: 0, entries: [] });
const refusal = (code: string): Error => Object.assign(new TypeError(code), { code });

const suite = (make: (disk: Disk) => PublisherQueue) => {
  let disk = newDisk();
  return publisherQueueContract(() => make((disk = newDisk())), { reopen: () => make(disk) });
};

test('a correct asynchronous queue that counts from 0 passes every case', async () => {
  expect(await failedCases(suite((disk) => new CountingQueue(disk)))).toEqual([]);
});

test('without reopen there are no cases about reopening', () => {
  const withReopen = suite((disk) => new CountingQueue(disk));
  const without = publisherQueueContract(() => new CountingQueue(newDisk()));
  expect(withReopen.length - without.length).toBe(6);
  expect(withReopen.slice(0, without.length).map(({ name }) => name)).toEqual(without.map(({ name }) => name));
});

test('every case has a name of its own', () => {
  const names = suite((disk) => new CountingQueue(disk)).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

/** What is wrong, and words of a case that must notice. */
const flaws: readonly [flaw: string, noticedBy: string, make: (disk: Disk) => PublisherQueue][] = [
  ['counts its entries for size', 'constant time', (disk) => new ListQueue(disk)],
  [
    'peeks from its sequence on',
    'strictly after',
    (disk) =>
      new (class extends CountingQueue {
        override async peek(sequence: number, count: number): Promise<readonly QueueEntry[]> {
          return await super.peek(sequence - 1, count);
        }
      })(disk),
  ],
  [
    'hides dead entries from peek',
    'a dead entry keeps its place',
    (disk) =>
      new (class extends CountingQueue {
        override async peek(sequence: number, count: number): Promise<readonly QueueEntry[]> {
          return (await super.peek(sequence, count)).filter((one) => one.dead === undefined);
        }
      })(disk),
  ],
  [
    'counts dead entries in size',
    'does not count',
    (disk) =>
      new (class extends CountingQueue {
        override get size(): number {
          return this.disk.entries.length;
        }
      })(disk),
  ],
  [
    'removes what it evicts',
    'marks the oldest dead',
    (disk) =>
      new (class extends CountingQueue {
        override async enqueue(entry: NewEntry, limit: QueueLimit): Promise<Enqueued> {
          const enqueued = await super.enqueue(entry, limit);
          for (const { sequence } of enqueued.evicted) await this.remove(sequence);
          return enqueued;
        }
      })(disk),
  ],
  [
    'evicts what must be kept',
    'passes over what must be kept',
    (disk) =>
      new (class extends CountingQueue {
        protected override victims(limit: QueueLimit): QueueEntry[] {
          return super.victims({ ...limit, keep: new Set() });
        }
      })(disk),
  ],
  [
    'evicts one entry only',
    'lowered bound',
    (disk) =>
      new (class extends CountingQueue {
        protected override victims(limit: QueueLimit): QueueEntry[] {
          return super.victims(limit).slice(0, 1);
        }
      })(disk),
  ],
  [
    'checks the bound, waits, and then inserts',
    'never exceed',
    (disk) =>
      new (class extends CountingQueue {
        override async enqueue(entry: NewEntry, limit: QueueLimit): Promise<Enqueued> {
          this.victims({ ...limit, overflow: 'dropNewest' });
          await Promise.resolve();
          return await super.enqueue(entry, { ...limit, maximumSize: Number.POSITIVE_INFINITY });
        }
      })(disk),
  ],
  [
    'checks the bound before it looks for the id',
    'full queue gives the entry',
    (disk) =>
      new (class extends CountingQueue {
        override async enqueue(entry: NewEntry, limit: QueueLimit): Promise<Enqueued> {
          this.victims(limit);
          return await super.enqueue(entry, limit);
        }
      })(disk),
  ],
  [
    'replaces an entry with the same id',
    'changes nothing',
    (disk) =>
      new (class extends CountingQueue {
        override async enqueue(entry: NewEntry, limit: QueueLimit): Promise<Enqueued> {
          this.disk.entries = this.disk.entries.filter((one) => one.id !== entry.id);
          return await super.enqueue(entry, limit);
        }
      })(disk),
  ],
  [
    'uses sequences again once it is empty',
    'never reused',
    (disk) =>
      new (class extends CountingQueue {
        override async enqueue(entry: NewEntry, limit: QueueLimit): Promise<Enqueued> {
          if (this.disk.entries.length === 0) this.disk.next = 0;
          return await super.enqueue(entry, limit);
        }
      })(disk),
  ],
  [
    'derives the next sequence from what it finds when opened',
    'does not count anew after reopening',
    (disk) => {
      disk.next = Math.max(-1, ...disk.entries.map((one) => one.sequence)) + 1;
      return new CountingQueue(disk);
    },
  ],
  [
    'keeps the caller’s payload',
    'copied in and out',
    (disk) =>
      new (class extends CountingQueue {
        override async enqueue(entry: NewEntry, limit: QueueLimit): Promise<Enqueued> {
          const enqueued = await super.enqueue(entry, limit);
          Object.assign(this.disk.entries.at(-1) ?? {}, { payload: entry.payload });
          return enqueued;
        }
      })(disk),
  ],
  [
    'hands out its own entries',
    'copied in and out',
    (disk) =>
      new (class extends CountingQueue {
        override async peek(): Promise<readonly QueueEntry[]> {
          await super.peek(0, 0);
          return this.disk.entries;
        }
      })(disk),
  ],
  [
    'takes an empty content type for none',
    'kept apart',
    (disk) =>
      new (class extends CountingQueue {
        override async enqueue(entry: NewEntry, limit: QueueLimit): Promise<Enqueued> {
          const { contentType, ...rest } = entry.options;
          return await super.enqueue({ ...entry, options: contentType === '' ? rest : entry.options }, limit);
        }
      })(disk),
  ],
  [
    'makes a new id whenever it is opened',
    'the id of the queue stays',
    (disk) => new CountingQueue({ ...disk, id: newDisk().id }),
  ],
  [
    'forgets reasons when closed',
    'dead after reopening',
    (disk) => {
      disk.entries = disk.entries.map((one) => ({ ...one, dead: undefined }));
      return new CountingQueue(disk);
    },
  ],
  [
    'works after close',
    'closed queue fails',
    (disk) =>
      new (class extends CountingQueue {
        override async close(): Promise<void> {
          await Promise.resolve();
        }
      })(disk),
  ],
];

for (const [flaw, noticedBy, make] of flaws)
  test(`a queue that ${flaw} is caught`, async () => {
    expect(await isNoticedBy(suite(make), noticedBy)).toBe(true);
  });
