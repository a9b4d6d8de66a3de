// SPDX-License-Identifier: Apache-2.0

// Reads the fields of one packet. `end` is the end of the packet (or of its property block), so that no field can
// reach into the next one: whatever runs past it is malformed.

import { decodeUtf8, INVALID, scanUtf8 } from './utf8.ts';
import { malformed } from './wire-error.ts';

/** A cursor over the body of one packet. `bytes` is a plain `Uint8Array`, never a subclass. */
export class Reader {
  bytes: Uint8Array;
  position: number;
  end: number;

  constructor(bytes: Uint8Array, position: number, end: number) {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  /** Bytes left before `end`. */
  get remaining(): number {
    return this.end - this.position;
  }

  uint8(field: string): number {
    if (this.position >= this.end) throw truncated(field);
    return this.bytes[this.position++] as number; // below `end`
  }

  uint16(field: string): number {
    const at = this.#take(2, field);
    return ((this.bytes[at] as number) << 8) | (this.bytes[at + 1] as number);
  }

  uint32(field: string): number {
    const at = this.#take(4, field);
    const { bytes } = this;
    const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    return high * 0x10000 + (((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number));
  }

  /** A Variable Byte Integer in its shortest form [MQTT-1.5.5-1]. */
  variableByteInteger(field: string): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.uint8(field);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw malformed(`${field} is not in its shortest form`);
        return value;
      }
    }
    throw malformed(`${field} has more than four bytes`);
  }

  /** A UTF-8 Encoded String. */
  string(field: string): string {
    const length = this.uint16(field);
    const start = this.#take(length, field);
    const kind = scanUtf8(this.bytes, start, this.position);
    if (kind === INVALID) throw malformed(`${field} is not valid UTF-8 or contains U+0000`);
    return decodeUtf8(this.bytes, start, this.position, kind);
  }

  /** Binary Data, copied: these fields are small and would else keep the whole chunk alive. */
  binary(field: string): Uint8Array {
    const length = this.uint16(field);
    const start = this.#take(length, field);
    return this.bytes.slice(start, this.position);
  }

  /** @throws WireError 0x81 unless everything has been read */
  finish(packet: string): void {
    if (this.position !== this.end) throw malformed(`${packet} has ${this.end - this.position} bytes too many`);
  }

  #take(length: number, field: string): number {
    const start = this.position;
    if (length > this.end - start) throw truncated(field);
    this.position = start + length;
    return start;
  }
}

function truncated(field: string): Error {
  return malformed(`${field} runs past the end of the packet`);
}
