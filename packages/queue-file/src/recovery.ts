// SPDX-License-Identifier: Apache-2.0
//
// Reads a log from its first byte to its last and tells what is in the queue. What cannot be read is set aside: its bytes
// go to a file of their own, and a filler record takes its place, so that it is reported once and never read again.
//
// Of a batch that was being written when the power failed any part may be there. Everything before the batch had been
// synced. So behind the first record of the last batch damage is a torn tail, and before it a disk that lost something.

import { Buffer } from 'node:buffer';
import { StoreError } from '@mqttv5/core';
import type { ErrorCode } from '@mqttv5/core';
import type { QueueDamage } from './damage.ts';
import { EntryIndex } from './entry-index.ts';
import type { IndexedEntry } from './entry-index.ts';
import { readEntryHead } from './entry-record.ts';
import {
  FORMAT_VERSION,
  HEADER_BYTES,
  MARKER,
  RECORD_HEADER_BYTES,
  RecordType,
  decodeHeader,
  encodeHeader,
  readRecord,
  readUint53,
  recordSeed,
  sealRecord,
  typeByte,
} from './format.ts';
import type { HeaderVerdict, StoredRecord } from './format.ts';
import type { LogDirectory } from './log-directory.ts';
import { Segment, segmentName, segmentNumber } from './segment.ts';

export interface Recovery {
  readonly queueId: Uint8Array;
  /** In order; the last one is written on. */
  readonly segments: Segment[];
  readonly index: EntryIndex;
  /** Above every sequence the log tells of. */
  readonly nextSequence: number;
  /** The queue was closed, and nothing is damaged: no sequence was given out that the log does not tell of. */
  readonly clean: boolean;
  readonly damaged: readonly QueueDamage[];
}

/** The state of the queue, or only the damage when there is no segment (any more). */
export async function recover(
  directory: LogDirectory,
): Promise<Recovery | { readonly damaged: readonly QueueDamage[] }> {
  const names = await directory.names();
  const heads = names
    .map(segmentNumber)
    .filter((number) => number !== undefined)
    .toSorted((a, b) => a - b)
    .map((number) => readHead(directory, number));
  if (heads.length === 0) return { damaged: [] };
  const queueId = await agreeOnQueueId(directory, heads);
  if (queueId === undefined) return { damaged: await setEverythingAside(directory, heads) };
  // Half-made segments of a process that was killed. Only now that the directory is known to be ours and readable.
  for (const name of names)
    if (name.endsWith('.log.tmp') && segmentNumber(name.slice(0, -4)) !== undefined)
      await directory.remove(name, false);
  return await new LogReader(directory, queueId).read(heads);
}

interface Head {
  readonly number: number;
  readonly bytes: Buffer;
  readonly verdict: HeaderVerdict;
}

function readHead(directory: LogDirectory, number: number): Head {
  const bytes = directory.read(segmentName(number), 0, HEADER_BYTES);
  return { number, bytes, verdict: decodeHeader(bytes) };
}

/** Undefined when no header and no record can be read. Changes nothing. */
async function agreeOnQueueId(directory: LogDirectory, heads: readonly Head[]): Promise<Uint8Array | undefined> {
  let agreed: Uint8Array | undefined;
  for (const { number, verdict } of heads) {
    const file = `${segmentName(number)} in ${directory.path}`;
    if ('version' in verdict)
      throw new StoreError(
        `${file} has format version ${verdict.version}; this version of @mqttv5/queue-file knows ${FORMAT_VERSION}`,
      );
    if (!('header' in verdict)) continue;
    const { queueId, number: written } = verdict.header;
    if (written !== number) throw new StoreError(`${file} was written as segment ${written}: somebody has renamed it`);
    if (agreed !== undefined && Buffer.compare(agreed, queueId) !== 0)
      throw new StoreError(`${file} belongs to another queue than the segments before it`);
    agreed = queueId;
  }
  if (agreed !== undefined) return agreed;
  // Every header is damaged. The bytes where the id was are right if they make a record's checksum right.
  for (const { number, bytes } of heads) {
    if (bytes.length < HEADER_BYTES) continue;
    const candidate = Uint8Array.from(bytes.subarray(16, 32));
    const whole = await directory.readWhole(segmentName(number));
    if (findRecord(whole, HEADER_BYTES, recordSeed(candidate, number)) !== undefined) return candidate;
  }
  return undefined;
}

async function setEverythingAside(directory: LogDirectory, heads: readonly Head[]): Promise<readonly QueueDamage[]> {
  const damaged: QueueDamage[] = [];
  for (const { number } of heads) {
    const file = segmentName(number);
    const bytes = await directory.readWhole(file);
    const savedAs = bytes.length === 0 ? undefined : await saveBytes(directory, file, 0, bytes);
    await directory.remove(file, true);
    damaged.push({
      kind: 'header',
      file,
      offset: 0,
      length: bytes.length,
      ...(savedAs === undefined ? {} : { savedAs }),
    });
  }
  return damaged;
}

/** Saves bytes under a name that says where they were; returns the name. */
export async function saveBytes(
  directory: LogDirectory,
  file: string,
  offset: number,
  bytes: Uint8Array,
): Promise<string> {
  const name = `damaged-${file.replace(/^segment-|\.log$/g, '')}-${offset}.bin`;
  const saved = await directory.create(name, bytes, true);
  await saved.close();
  return name;
}

/** The first intact record at or behind `from`. */
export function findRecord(bytes: Buffer, from: number, seed: number): StoredRecord | undefined {
  for (let at = bytes.indexOf(MARKER, from); at >= 0; at = bytes.indexOf(MARKER, at + 1)) {
    const record = readRecord(bytes, at, seed);
    if (record !== undefined) return record;
  }
  return undefined;
}

interface Region {
  readonly offset: number;
  readonly end: number;
  /** A record stands behind it that begins a batch. */
  beforeBatch: boolean;
}

class LogReader {
  readonly #directory: LogDirectory;
  readonly #queueId: Uint8Array;
  readonly #segments: Segment[] = [];
  readonly #entries = new Map<number, IndexedEntry>();
  readonly #damaged: QueueDamage[] = [];
  #nextSequence = 1;
  #closed = false;

  constructor(directory: LogDirectory, queueId: Uint8Array) {
    this.#directory = directory;
    this.#queueId = queueId;
  }

  async read(heads: readonly Head[]): Promise<Recovery> {
    const newest = heads.at(-1)?.number;
    for (const head of heads) {
      this.#reportGap(head.number);
      await this.#readSegment(head, head.number === newest);
    }
    const index = new EntryIndex();
    // Compaction writes old entries behind newer ones.
    for (const entry of [...this.#entries.values()].toSorted((a, b) => a.sequence - b.sequence)) index.add(entry);
    return {
      queueId: this.#queueId,
      segments: this.#segments,
      index,
      nextSequence: this.#nextSequence,
      clean: this.#closed && this.#damaged.length === 0,
      damaged: this.#damaged,
    };
  }

  #reportGap(number: number): void {
    const previous = this.#segments.at(-1)?.number;
    if (previous === undefined) return;
    for (let missing = previous + 1; missing < number; missing++)
      this.#damaged.push({ kind: 'segment', file: segmentName(missing), offset: 0, length: 0 });
  }

  async #readSegment({ number, bytes: head, verdict }: Head, newest: boolean): Promise<void> {
    const name = segmentName(number);
    const bytes = await this.#directory.readWhole(name);
    const segment = new Segment(number, recordSeed(this.#queueId, number), Math.max(bytes.length, HEADER_BYTES));
    this.#segments.push(segment);
    if ('header' in verdict) this.#nextSequence = Math.max(this.#nextSequence, verdict.header.nextSequence);
    else await this.#repairHeader(segment, head);

    const regions: Region[] = [];
    let at = HEADER_BYTES;
    while (at < bytes.length) {
      const record = readRecord(bytes, at, segment.seed) ?? findRecord(bytes, at + 1, segment.seed);
      const next = record?.offset ?? bytes.length;
      if (next > at) regions.push({ offset: at, end: next, beforeBatch: false });
      if (record === undefined) break;
      if (record.firstOfBatch) for (const region of regions) region.beforeBatch = true;
      if (!this.#apply(record, segment)) regions.push({ offset: next, end: next + record.length, beforeBatch: true });
      at = next + record.length;
    }
    for (const region of regions) await this.#setAside(segment, bytes, region, newest);
  }

  /** False when the record says nothing that this version understands. */
  #apply(record: StoredRecord, segment: Segment): boolean {
    this.#closed = false;
    try {
      switch (record.type) {
        case RecordType.Entry:
          this.#applyEntry(record, segment);
          return true;
        case RecordType.Dead:
          // A reason is one of our own error codes, and a later version may know more of them.
          this.#kill(readUint53(record.body, 0), record.body.toString('latin1', 8) as ErrorCode);
          return true;
        case RecordType.Remove:
          this.#entries.delete(this.#seen(readUint53(record.body, 0)));
          return true;
        case RecordType.Sequence:
          this.#nextSequence = Math.max(this.#nextSequence, readUint53(record.body, 0));
          this.#closed = record.body.readUInt8(8) === 1;
          return true;
        case RecordType.Filler:
          return true;
        default:
          return false;
      }
    } catch {
      return false;
    }
  }

  #applyEntry({ body, offset, length }: StoredRecord, segment: Segment): void {
    const { sequence, id, evicted } = readEntryHead(body);
    this.#seen(sequence);
    // A second record of one entry is compaction's copy: the place is new, what became of the entry is not.
    const dead = this.#entries.get(sequence)?.dead;
    this.#entries.set(sequence, { sequence, id, dead, segment, offset, length });
    for (const victim of evicted) this.#kill(victim, 'QUEUE_EVICTED');
  }

  #kill(sequence: number, reason: ErrorCode): void {
    const entry = this.#entries.get(this.#seen(sequence));
    if (entry !== undefined) entry.dead ??= reason;
  }

  #seen(sequence: number): number {
    this.#nextSequence = Math.max(this.#nextSequence, sequence + 1);
    return sequence;
  }

  async #repairHeader(segment: Segment, head: Buffer): Promise<void> {
    const savedAs = head.length === 0 ? undefined : await saveBytes(this.#directory, segment.name, 0, head);
    const header = encodeHeader({ queueId: this.#queueId, number: segment.number, nextSequence: 0 });
    await this.#overwrite(segment, header, 0);
    this.#damaged.push({
      kind: 'header',
      file: segment.name,
      offset: 0,
      length: head.length,
      ...(savedAs === undefined ? {} : { savedAs }),
    });
  }

  async #setAside(
    segment: Segment,
    bytes: Buffer,
    { offset, end, beforeBatch }: Region,
    newest: boolean,
  ): Promise<void> {
    const place = { file: segment.name, offset, length: end - offset };
    const torn = newest && !beforeBatch;
    const savedAs = torn
      ? undefined
      : await saveBytes(this.#directory, segment.name, offset, bytes.subarray(offset, end));
    if (torn && end === bytes.length) await this.#cut(segment, offset);
    else if (place.length > RECORD_HEADER_BYTES) await this.#fill(segment, bytes, place);
    // A shorter one stays: no record fits there. It is reported again until its segment goes.
    this.#damaged.push({ kind: torn ? 'tornTail' : 'record', ...place, ...(savedAs === undefined ? {} : { savedAs }) });
  }

  async #cut(segment: Segment, size: number): Promise<void> {
    const file = await this.#directory.open(segment.name);
    try {
      await file.truncate(size);
      await file.sync();
    } finally {
      await file.close();
    }
    segment.size = size;
  }

  async #fill(segment: Segment, bytes: Buffer, { offset, length }: { offset: number; length: number }): Promise<void> {
    const filler = Buffer.from(bytes.subarray(offset, offset + length));
    filler[RECORD_HEADER_BYTES] = typeByte(RecordType.Filler, false);
    sealRecord(filler, 0, length, segment.seed, offset);
    await this.#overwrite(segment, filler.subarray(0, RECORD_HEADER_BYTES + 1), offset);
  }

  async #overwrite(segment: Segment, bytes: Uint8Array, position: number): Promise<void> {
    const file = await this.#directory.open(segment.name);
    try {
      await file.write(bytes, position);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}
