// SPDX-License-Identifier: Apache-2.0

import type { Buffer } from 'node:buffer';
import type { QueueEntry } from '@mqttv5/core';
import type { IndexedEntry } from './entry-index.ts';
import { readEntry } from './entry-record.ts';
import { RecordType, readRecord } from './format.ts';
import type { LogDirectory } from './log-directory.ts';

/** Neighbours are read in one go: up to this much, over gaps up to that much (a removed entry between them, say). */
const READ_BYTES = 1024 * 1024;
const READ_GAP = 4096;

/** Reads entries where the index says they are. One that the disk has lost since is given to `setAside`. */
export class EntryReader {
  readonly #directory: LogDirectory;
  readonly #setAside: (indexed: IndexedEntry) => void;

  constructor(directory: LogDirectory, setAside: (indexed: IndexedEntry) => void) {
    this.#directory = directory;
    this.#setAside = setAside;
  }

  /** The entries from their files; undefined for one that cannot be read, which is set aside. */
  read(indexed: readonly IndexedEntry[]): readonly (QueueEntry | undefined)[] {
    const entries: (QueueEntry | undefined)[] = [];
    for (let from = 0; from < indexed.length; ) {
      const first = indexed[from];
      if (first === undefined) break;
      const run = neighbours(indexed, from, first);
      const last = run.at(-1) ?? first;
      const bytes = this.#directory.read(first.segment.name, first.offset, last.offset + last.length - first.offset);
      for (const entry of run) entries.push(this.#decode(entry, bytes, first.offset));
      from += run.length;
    }
    return entries;
  }

  #decode(indexed: IndexedEntry, bytes: Buffer, base: number): QueueEntry | undefined {
    const record = readRecord(bytes, indexed.offset - base, indexed.segment.seed, base);
    if (record?.type === RecordType.Entry) {
      try {
        return readEntry(record.body, indexed.dead);
      } catch {
        // Below: as unreadable as a wrong checksum.
      }
    }
    this.#setAside(indexed);
    return undefined;
  }
}

/** The entries from `from` on whose records stand close enough to be read at once. */
function neighbours(indexed: readonly IndexedEntry[], from: number, first: IndexedEntry): readonly IndexedEntry[] {
  let end = first.offset + first.length;
  let to = from + 1;
  for (let next = indexed[to]; next !== undefined; next = indexed[++to]) {
    const gap = next.offset - end;
    if (
      next.segment !== first.segment ||
      gap < 0 ||
      gap > READ_GAP ||
      next.offset + next.length - first.offset > READ_BYTES
    )
      break;
    end = next.offset + next.length;
  }
  return indexed.slice(from, to);
}
