// SPDX-License-Identifier: Apache-2.0

import { Buffer } from 'node:buffer';
import { RECORD_HEADER_BYTES, sealRecord, typeByte, writeUint53 } from './format.ts';
import type { RecordType } from './format.ts';

const INITIAL_BYTES = 16 * 1024;

/** Writes the records of one batch, to stand at `offset` of a segment, into one buffer that grows. */
export class RecordWriter {
  readonly #seed: number;
  readonly #offset: number;
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;
  #recordStart = 0;

  constructor(seed: number, offset: number) {
    this.#seed = seed;
    this.#offset = offset;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** The records so far. A view: valid until the next record is begun. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  begin(type: RecordType): void {
    this.#recordStart = this.#length;
    this.#reserve(RECORD_HEADER_BYTES + 1);
    this.#length += RECORD_HEADER_BYTES;
    this.#length = this.#buffer.writeUInt8(typeByte(type, this.#recordStart === 0), this.#length);
  }

  /** Completes the record; returns where it stands in the segment. */
  end(): { readonly offset: number; readonly length: number } {
    const offset = this.#offset + this.#recordStart;
    sealRecord(this.#buffer, this.#recordStart, this.#length, this.#seed, offset);
    return { offset, length: this.#length - this.#recordStart };
  }

  /** Takes back the record that `begin` started. */
  abandon(): void {
    this.#length = this.#recordStart;
  }

  uint53(value: number): void {
    this.#reserve(8);
    writeUint53(this.#buffer, value, this.#length);
    this.#length += 8;
  }

  float64(value: number): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Nothing when there is no value; so do the fields below. */
  text(field: number, value: string | undefined): void {
    if (value === undefined) return;
    const length = Buffer.byteLength(value);
    this.#fieldHeader(field, length);
    this.#length += this.#buffer.write(value, this.#length);
  }

  textPair(field: number, name: string, value: string): void {
    const nameLength = Buffer.byteLength(name);
    this.#fieldHeader(field, 4 + nameLength + Buffer.byteLength(value));
    this.#length = this.#buffer.writeUInt32LE(nameLength, this.#length);
    this.#length += this.#buffer.write(name, this.#length);
    this.#length += this.#buffer.write(value, this.#length);
  }

  bytesField(field: number, value: Uint8Array | undefined): void {
    if (value === undefined) return;
    this.#fieldHeader(field, value.length);
    this.raw(value);
  }

  numberField(field: number, value: number | undefined): void {
    if (value === undefined) return;
    this.#fieldHeader(field, 8);
    this.float64(value);
  }

  uint53Field(field: number, value: number): void {
    this.#fieldHeader(field, 8);
    this.uint53(value);
  }

  #fieldHeader(field: number, length: number): void {
    this.#reserve(5 + length);
    this.#length = this.#buffer.writeUInt8(field, this.#length);
    this.#length = this.#buffer.writeUInt32LE(length, this.#length);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
