// SPDX-License-Identifier: Apache-2.0

import type { Buffer } from 'node:buffer';
import type { EntryIndex, IndexedEntry } from './entry-index.ts';
import { HEADER_BYTES, RecordType, readRecord, readUint53 } from './format.ts';
import type { LogDirectory } from './log-directory.ts';
import { RecordWriter } from './record-writer.ts';
import { findRecord } from './recovery.ts';
import type { Segment } from './segment.ts';
import type { SegmentedLog } from './segmented-log.ts';

/** What is copied between two batches of the application: about a millisecond. */
const STEP_BYTES = 256 * 1024;

/** A segment that is being copied, and how far. */
interface Source {
  readonly segment: Segment;
  readonly bytes: Buffer;
  at: number;
}

/**
 * Copies what is left in the oldest segment to the end of the log, so that the segment can go.
 *
 * It is due while the log is more than twice as large as what is in the queue, and two segments. Each byte that is written
 * is then copied about once, and the log stays in proportion to the queue however long one entry waits.
 */
export class Compaction {
  readonly #directory: LogDirectory;
  readonly #log: SegmentedLog;
  readonly #index: EntryIndex;
  readonly #segmentBytes: number;
  readonly #setAside: (entry: IndexedEntry) => void;
  #source: Source | undefined;

  constructor(
    directory: LogDirectory,
    log: SegmentedLog,
    index: EntryIndex,
    segmentBytes: number,
    setAside: (entry: IndexedEntry) => void,
  ) {
    this.#directory = directory;
    this.#log = log;
    this.#index = index;
    this.#segmentBytes = segmentBytes;
    this.#setAside = setAside;
  }

  get isDue(): boolean {
    if (this.#log.first === this.#log.active) return false;
    return this.#log.totalBytes > 2 * this.#index.bytes + 2 * this.#segmentBytes;
  }

  /** Copies a part of the segment; after the last part the segment is deleted. */
  async step(): Promise<void> {
    const source = await this.#openSource();
    const { active } = this.#log;
    const writer = new RecordWriter(active.seed, active.size);
    const moves: (readonly [entry: IndexedEntry, offset: number, length: number])[] = [];
    while (source.at < source.bytes.length && writer.length < STEP_BYTES) {
      const record =
        readRecord(source.bytes, source.at, source.segment.seed) ??
        findRecord(source.bytes, source.at + 1, source.segment.seed);
      if (record === undefined) {
        source.at = source.bytes.length;
        break;
      }
      source.at = record.offset + record.length;
      if (record.type !== RecordType.Entry) continue;
      const entry = this.#index.bySequence(readUint53(record.body, 0));
      if (entry?.segment !== source.segment || entry.offset !== record.offset) continue;
      writer.begin(RecordType.Entry);
      writer.raw(record.body);
      const { offset, length } = writer.end();
      moves.push([entry, offset, length]);
      if (entry.dead !== undefined) writeDead(writer, entry.sequence, entry.dead);
    }
    // Synced whatever `sync` is: the only other copy is about to be deleted.
    if (moves.length > 0) await this.#log.append(writer.bytes, true);
    for (const [entry, offset, length] of moves)
      if (this.#index.bySequence(entry.sequence) === entry) this.#index.move(entry, active, offset, length);
    if (source.at >= source.bytes.length) await this.#finish(source.segment);
  }

  /** Something failed. The next step begins the segment anew; what was copied is skipped. */
  abandon(): void {
    this.#source = undefined;
  }

  async #openSource(): Promise<Source> {
    const segment = this.#log.first;
    if (this.#source?.segment === segment) return this.#source;
    const source = { segment, bytes: await this.#directory.readWhole(segment.name), at: HEADER_BYTES };
    this.#source = source;
    return source;
  }

  async #finish(segment: Segment): Promise<void> {
    this.#source = undefined;
    // What the index still has there was not found: it cannot be read any more.
    if (segment.entries > 0)
      for (const entry of this.#index.after(-1, Number.POSITIVE_INFINITY))
        if (entry.segment === segment) this.#setAside(entry);
    await this.#log.dropDrained();
  }
}

function writeDead(writer: RecordWriter, sequence: number, reason: string): void {
  writer.begin(RecordType.Dead);
  writer.uint53(sequence);
  writer.raw(new TextEncoder().encode(reason));
  writer.end();
}
