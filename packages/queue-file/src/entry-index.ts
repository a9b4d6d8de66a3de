// SPDX-License-Identifier: Apache-2.0

import type { ErrorCode } from '@mqttv5/core';
import type { Segment } from './segment.ts';

/** What memory holds of an entry; topic, options and payload stay in the file. */
export interface IndexedEntry {
  readonly sequence: number;
  readonly id: string;
  dead: ErrorCode | undefined;
  /** Where its record stands. Compaction moves it. */
  segment: Segment;
  offset: number;
  length: number;
}

/**
 * The entries of the queue by sequence and by id, oldest first.
 *
 * Sequences stand in one sorted array with holes where an entry was removed; holes are squeezed out once they outnumber
 * what is left, so every operation is constant (amortised) or logarithmic, and memory follows the number of entries.
 * It also keeps the account of each segment: what of it is still needed.
 */
export class EntryIndex {
  #sequences: number[] = [];
  #slots: (IndexedEntry | undefined)[] = [];
  #holes = 0;
  readonly #byId = new Map<string, IndexedEntry>();
  /** A Map iterates in insertion order, which is that of the sequences: the first is the oldest. */
  readonly #alive = new Map<number, IndexedEntry>();
  #bytes = 0;

  /** Entries, dead ones included. */
  get count(): number {
    return this.#byId.size;
  }

  /** Entries that are not dead. */
  get aliveCount(): number {
    return this.#alive.size;
  }

  /** Bytes of all entry records. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Those that are not dead, oldest first. */
  alive(): MapIterator<IndexedEntry> {
    return this.#alive.values();
  }

  byId(id: string): IndexedEntry | undefined {
    return this.#byId.get(id);
  }

  bySequence(sequence: number): IndexedEntry | undefined {
    const at = this.#firstAfter(sequence - 1);
    return this.#sequences[at] === sequence ? this.#slots[at] : undefined;
  }

  after(sequence: number, count: number): readonly IndexedEntry[] {
    const found: IndexedEntry[] = [];
    for (let at = this.#firstAfter(sequence); at < this.#slots.length && found.length < count; at++) {
      const entry = this.#slots[at];
      if (entry !== undefined) found.push(entry);
    }
    return found;
  }

  /** `entry.sequence` is above that of every entry before it. */
  add(entry: IndexedEntry): void {
    this.#sequences.push(entry.sequence);
    this.#slots.push(entry);
    this.#byId.set(entry.id, entry);
    if (entry.dead === undefined) this.#alive.set(entry.sequence, entry);
    this.#account(entry, 1);
  }

  kill(entry: IndexedEntry, reason: ErrorCode): void {
    entry.dead = reason;
    this.#alive.delete(entry.sequence);
  }

  remove(entry: IndexedEntry): void {
    this.#slots[this.#firstAfter(entry.sequence - 1)] = undefined;
    this.#byId.delete(entry.id);
    this.#alive.delete(entry.sequence);
    this.#account(entry, -1);
    this.#holes += 1;
    if (this.#holes > 32 && this.#holes * 2 > this.#slots.length) this.#squeeze();
  }

  /** Its record has been written again elsewhere. */
  move(entry: IndexedEntry, segment: Segment, offset: number, length: number): void {
    this.#account(entry, -1);
    entry.segment = segment;
    entry.offset = offset;
    entry.length = length;
    this.#account(entry, 1);
  }

  #account({ segment, length }: IndexedEntry, sign: 1 | -1): void {
    segment.entries += sign;
    this.#bytes += sign * length;
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
    this.#slots = this.#slots.filter((entry) => entry !== undefined);
    this.#sequences = this.#slots.map((entry) => entry?.sequence ?? 0);
    this.#holes = 0;
  }
}
