// SPDX-License-Identifier: Apache-2.0

import { Buffer } from 'node:buffer';
import { MqttError } from '@mqttv5/core';
import type { ErrorCode, QueueEntry, QueueLimit } from '@mqttv5/core';
import type { EntryIndex, IndexedEntry } from './entry-index.ts';
import { storedForm, writeEntry } from './entry-record.ts';
import { RecordType } from './format.ts';
import type { Enqueued, NewEntry } from './enqueued.ts';
import { RecordWriter } from './record-writer.ts';
import type { Segment } from './segment.ts';

/** What a batch is decided on: the durable state, and what only the queue knows. */
export interface BatchContext {
  readonly index: EntryIndex;
  readonly segment: Segment;
  readonly maximumBytes: number;
  takeSequence(): number;
  /** The entry from its file; undefined when it cannot be read. */
  read(indexed: IndexedEntry): QueueEntry | undefined;
}

/**
 * Operations that become durable together. Each is decided as if those before it had been done, but the index changes only
 * when `apply` is called after the write: what is not durable cannot be seen, and a failed write leaves nothing to undo.
 */
export class Batch {
  readonly writer: RecordWriter;
  readonly #context: BatchContext;
  readonly #inserted = new Map<string, QueueEntry>();
  readonly #dead = new Map<number, ErrorCode>();
  readonly #removed = new Set<number>();
  readonly #effects: (() => void)[] = [];
  /** Entries that are not dead, once this batch is done. */
  #alive: number;
  /** Bytes of all entries, once this batch is done, if nothing is removed in it. */
  #bytes: number;

  constructor(context: BatchContext) {
    this.#context = context;
    this.writer = new RecordWriter(context.segment.seed, context.segment.size);
    this.#alive = context.index.aliveCount;
    this.#bytes = context.index.bytes;
  }

  /** Whether this batch removes the entry with that id: then an enqueue of it has to wait for the next one. */
  removes(id: string): boolean {
    const indexed = this.#context.index.byId(id);
    return indexed !== undefined && this.#removed.has(indexed.sequence);
  }

  /** Keeps `given`, which is nobody else's. @throws MqttError `QUEUE_FULL`; nothing is staged then */
  enqueue(given: NewEntry, limit: QueueLimit): Enqueued {
    const existing = this.#existing(given.id);
    if (existing !== undefined) return { entry: existing, existed: true, evicted: [] };
    const victims = this.#victims(limit);
    // Read before anything is staged: a disk that fails now must leave no trace.
    const evicted = victims.map((victim) => this.#victim(victim)).filter((victim) => victim !== undefined);
    const entry: QueueEntry = { ...given, sequence: this.#context.takeSequence(), dead: undefined };
    const { offset, length } = this.#write(entry, victims);
    for (const victim of victims) this.#dead.set(victim, 'QUEUE_EVICTED');
    this.#alive -= victims.length;
    const { index, segment } = this.#context;
    this.#inserted.set(entry.id, entry);
    this.#alive += 1;
    this.#bytes += length;
    const { sequence, id } = entry;
    this.#effects.push(() => {
      index.add({ sequence, id, dead: undefined, segment, offset, length });
    });
    // Behind the insertion: the entry may be its own batch's victim.
    for (const victim of victims) this.#effects.push(() => this.#kill(victim, 'QUEUE_EVICTED'));
    return { entry: storedForm(entry), existed: false, evicted };
  }

  markDead(sequence: number, reason: ErrorCode): void {
    const { index } = this.#context;
    const indexed = index.bySequence(sequence);
    if (indexed === undefined || this.#isGone(indexed)) return;
    this.writer.begin(RecordType.Dead);
    this.writer.uint53(sequence);
    this.writer.raw(Buffer.from(reason, 'latin1'));
    this.writer.end();
    this.#dead.set(sequence, reason);
    this.#alive -= 1;
    this.#effects.push(() => this.#kill(sequence, reason));
  }

  remove(sequence: number): void {
    const { index } = this.#context;
    const indexed = index.bySequence(sequence);
    if (indexed === undefined || this.#removed.has(sequence)) return;
    this.writeRemoval(sequence);
    this.#removed.add(sequence);
    if (indexed.dead === undefined && !this.#dead.has(sequence)) this.#alive -= 1;
    this.#effects.push(() => {
      const found = index.bySequence(sequence);
      if (found !== undefined) index.remove(found);
    });
  }

  /** Also for an entry that has left the index already, because it cannot be read. */
  writeRemoval(sequence: number): void {
    this.writer.begin(RecordType.Remove);
    this.writer.uint53(sequence);
    this.writer.end();
  }

  /** No entry gets a sequence below `next` any more; `closed` when nothing follows. */
  writeSequence(next: number, closed: boolean): void {
    this.writer.begin(RecordType.Sequence);
    this.writer.uint53(next);
    this.writer.raw(Uint8Array.of(Number(closed)));
    this.writer.end();
  }

  /** The batch is durable: everybody may see it. */
  apply(): void {
    for (const effect of this.#effects) effect();
  }

  #existing(id: string): QueueEntry | undefined {
    const inserted = this.#inserted.get(id);
    if (inserted !== undefined) return { ...storedForm(inserted), dead: this.#dead.get(inserted.sequence) };
    const indexed = this.#context.index.byId(id);
    const entry = indexed && this.#context.read(indexed);
    return entry && { ...entry, dead: entry.dead ?? this.#dead.get(entry.sequence) };
  }

  #victims({ maximumSize, overflow, keep }: QueueLimit): readonly number[] {
    const excess = this.#alive + 1 - maximumSize;
    const victims: number[] = [];
    if (excess <= 0) return victims;
    if (overflow === 'dropOldest' && maximumSize > 0)
      for (const sequence of this.#aliveSequences()) {
        if (keep.has(sequence)) continue;
        if (victims.push(sequence) >= excess) return victims;
      }
    throw queueFull(`The queue holds ${this.#alive} of at most ${maximumSize} entries`);
  }

  *#aliveSequences(): Generator<number> {
    for (const indexed of this.#context.index.alive()) if (!this.#isGone(indexed)) yield indexed.sequence;
    for (const { sequence } of this.#inserted.values()) if (!this.#dead.has(sequence)) yield sequence;
  }

  #write(entry: QueueEntry, victims: readonly number[]): { readonly offset: number; readonly length: number } {
    this.writer.begin(RecordType.Entry);
    writeEntry(this.writer, entry, victims);
    const place = this.writer.end();
    if (this.#bytes + place.length <= this.#context.maximumBytes) return place;
    this.writer.abandon();
    throw queueFull(
      `An entry of ${place.length} bytes does not fit: the queue holds ${this.#bytes} of at most ${this.#context.maximumBytes} bytes`,
    );
  }

  #victim(sequence: number): QueueEntry | undefined {
    const indexed = this.#context.index.bySequence(sequence);
    if (indexed !== undefined) {
      const entry = this.#context.read(indexed);
      return entry && { ...entry, dead: 'QUEUE_EVICTED' };
    }
    for (const entry of this.#inserted.values())
      if (entry.sequence === sequence) return { ...storedForm(entry), dead: 'QUEUE_EVICTED' };
    return undefined;
  }

  #kill(sequence: number, reason: ErrorCode): void {
    const indexed = this.#context.index.bySequence(sequence);
    if (indexed !== undefined && indexed.dead === undefined) this.#context.index.kill(indexed, reason);
  }

  #isGone({ sequence, dead }: IndexedEntry): boolean {
    return dead !== undefined || this.#dead.has(sequence) || this.#removed.has(sequence);
  }
}

function queueFull(message: string): MqttError {
  return new MqttError('QUEUE_FULL', message, { delivery: 'notSent' });
}
