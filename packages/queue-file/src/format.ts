// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a segment, as FORMAT.md describes them: a header of 64 bytes, then records one after the other. All numbers
// are little-endian. Change nothing here without a new FORMAT_VERSION.

import { Buffer } from 'node:buffer';
import { crc32c } from './crc32c.ts';

export const FORMAT_VERSION = 1;
export const HEADER_BYTES = 64;
/** Marker, CRC and length; the body follows. */
export const RECORD_HEADER_BYTES = 12;

const MAGIC = Buffer.from([0x8f, 0x4d, 0x51, 0x35, 0x51, 0x0d, 0x0a, 0x1a]); // "\x8fMQ5Q\r\n\x1a"
/** Where a record may begin, when what stands before it cannot be read. Not UTF-8, so rare in payloads. */
export const MARKER: Buffer = Buffer.from([0xc5, 0x51, 0x52, 0x9a]);
/** In the type byte: the record begins a batch, so everything before it had been synced when it was written. */
const FIRST_OF_BATCH = 0x80;

export const RecordType = { Entry: 1, Dead: 2, Remove: 3, Sequence: 4, Filler: 5 } as const;
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

export interface SegmentHeader {
  /** 16 bytes, the same in every segment of a queue. */
  readonly queueId: Uint8Array;
  readonly number: number;
  /** Above every sequence given out before the segment was made. */
  readonly nextSequence: number;
}

export type HeaderVerdict =
  | { readonly header: SegmentHeader }
  | { readonly version: number }
  | { readonly damaged: true };

export function encodeHeader({ queueId, number, nextSequence }: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(bytes, 0);
  bytes.writeUInt16LE(FORMAT_VERSION, 8);
  bytes.writeUInt16LE(HEADER_BYTES, 10);
  bytes.set(queueId, 16);
  writeUint53(bytes, number, 32);
  writeUint53(bytes, nextSequence, 40);
  bytes.writeUInt32LE(crc32c(bytes, 0, HEADER_BYTES - 4), HEADER_BYTES - 4);
  return bytes;
}

/** Another version is told from damage by the magic number, which every version begins with. */
export function decodeHeader(bytes: Buffer): HeaderVerdict {
  if (bytes.length < HEADER_BYTES || MAGIC.compare(bytes, 0, MAGIC.length) !== 0) return { damaged: true };
  const version = bytes.readUInt16LE(8);
  const intact = crc32c(bytes, 0, HEADER_BYTES - 4) === bytes.readUInt32LE(HEADER_BYTES - 4);
  if (version !== FORMAT_VERSION && version !== 0) return { version };
  if (!intact) return { damaged: true };
  return {
    header: {
      queueId: Uint8Array.from(bytes.subarray(16, 32)),
      number: readUint53(bytes, 32),
      nextSequence: readUint53(bytes, 40),
    },
  };
}

/**
 * What the CRCs of a segment's records begin with. It and the offset make a record valid in one place only: bytes of
 * another log, stored as somebody's payload, are never taken for records.
 */
export function recordSeed(queueId: Uint8Array, segmentNumber: number): number {
  const bytes = Buffer.alloc(24);
  bytes.set(queueId, 0);
  writeUint53(bytes, segmentNumber, 16);
  return crc32c(bytes);
}

export interface StoredRecord {
  readonly type: number;
  readonly firstOfBatch: boolean;
  readonly offset: number;
  /** With the record's header. */
  readonly length: number;
  /** Behind the type byte. A view. */
  readonly body: Buffer;
}

/** The record at `at` of `bytes`, which begin at `base` of the segment; undefined when there is none that is intact. */
export function readRecord(bytes: Buffer, at: number, seed: number, base: number = 0): StoredRecord | undefined {
  if (at + RECORD_HEADER_BYTES >= bytes.length || MARKER.compare(bytes, at, at + MARKER.length) !== 0) return undefined;
  const bodyLength = bytes.readUInt32LE(at + 8);
  const end = at + RECORD_HEADER_BYTES + bodyLength;
  if (bodyLength === 0 || end > bytes.length) return undefined;
  if (recordChecksum(bytes, at, end, seed, base + at) !== bytes.readUInt32LE(at + 4)) return undefined;
  const type = bytes.readUInt8(at + RECORD_HEADER_BYTES);
  return {
    type: type & ~FIRST_OF_BATCH,
    firstOfBatch: (type & FIRST_OF_BATCH) !== 0,
    offset: base + at,
    length: end - at,
    body: bytes.subarray(at + RECORD_HEADER_BYTES + 1, end),
  };
}

/** Writes the header of the record whose type and body stand at `at + 12` up to `end`. */
export function sealRecord(bytes: Buffer, at: number, end: number, seed: number, offset: number): void {
  MARKER.copy(bytes, at);
  bytes.writeUInt32LE(end - at - RECORD_HEADER_BYTES, at + 8);
  bytes.writeUInt32LE(recordChecksum(bytes, at, end, seed, offset), at + 4);
}

export function typeByte(type: RecordType, firstOfBatch: boolean): number {
  return firstOfBatch ? type | FIRST_OF_BATCH : type;
}

/** An integer up to 2^53 - 1 in the eight bytes of a u64. */
export function writeUint53(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value >>> 0, at);
  bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

export function readUint53(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000;
}

const offsetBytes = Buffer.alloc(8);

/** Over the offset (which is not stored), the length and the body. */
function recordChecksum(bytes: Buffer, at: number, end: number, seed: number, offset: number): number {
  writeUint53(offsetBytes, offset, 0);
  return crc32c(bytes, at + 8, end, crc32c(offsetBytes, 0, 8, seed));
}
