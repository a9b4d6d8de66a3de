// SPDX-License-Identifier: Apache-2.0

import { isBytes } from './fields.ts';
import { PacketType, packetTypeName } from './packet-type.ts';
import type { PlainPacket } from './packets/codec.ts';
import { type MakePublish, readPublish } from './packets/publish-reader.ts';
import type { PacketReaders } from './packets/readers.ts';
import { Reader } from './reader.ts';
import { CLIENT } from './sides.ts';
import type { Bytes } from './types.ts';
import { LARGEST_PACKET } from './variable-byte-integer.ts';
import { malformed, packetTooLarge, protocolError } from './wire-error.ts';

/** Options of every decoder. */
export interface StreamOptions {
  /**
   * Largest packet to accept, in bytes with its fixed header; a larger one is refused with 0x95 as soon as its length is
   * known, before its body is held.
   * @defaultValue no limit but the encoding's, 268,435,460
   * @throws RangeError from the constructor unless it is an integer of 1 or more
   * @see MQTT v5.0 §3.1.2.11.4
   */
  maximumPacketSize?: number | undefined;
  /**
   * Tolerates the two violations brokers commit harmlessly: a Remaining Length that is not in its shortest form, and
   * reserved flags on PINGRESP.
   * @defaultValue false
   */
  lenient?: boolean | undefined;
}

// What the next byte is.
const FIRST_BYTE = 0;
const LENGTH = 1;
const BODY = 2;

const EMPTY: Bytes = new Uint8Array(0);
/** Smallest buffer for an unfinished packet. */
const SMALLEST_JOIN = 256;

/**
 * From chunks of bytes, split anywhere, to packets of the types it is given readers for.
 *
 * A packet that lies in one chunk is read where it is. One that is split is joined in a buffer that doubles as bytes
 * arrive, up to its size: joining is linear, and what is held is at most twice what was received, whatever length the
 * fixed header announces.
 */
export class StreamDecoder {
  readonly #readers: PacketReaders;
  readonly #from: number;
  readonly #maximumPacketSize: number;
  readonly #lenient: boolean;

  /** What `next` reads: `#chunk` from `#position` on, then `#queue` from `#queueHead` on. */
  #chunk: Bytes = EMPTY;
  #position = 0;
  /** Views `#chunk`; made with the first PUBLISH in it. */
  #words: DataView | undefined;
  #queue: Bytes[] | undefined;
  #queueHead = 0;

  #state = FIRST_BYTE;
  #firstByte = 0;
  #remainingLength = 0;
  /** Bytes of Remaining Length read so far. */
  #lengthBytes = 0;

  /** Body of a packet that is split over chunks, `#joined` bytes of it. */
  #join: Bytes = EMPTY;
  #joined = 0;

  #error: Error | undefined;

  /** `from`: whose packets, a side of `sides.ts`. */
  constructor(from: number, readers: PacketReaders, options: StreamOptions) {
    const { maximumPacketSize = LARGEST_PACKET, lenient = false } = options;
    if (
      maximumPacketSize !== Number.POSITIVE_INFINITY &&
      !(Number.isInteger(maximumPacketSize) && maximumPacketSize > 0)
    ) {
      throw new RangeError(`maximumPacketSize is ${String(maximumPacketSize)}, not an integer of 1 or more`);
    }
    this.#from = from;
    this.#readers = readers;
    this.#maximumPacketSize = maximumPacketSize;
    this.#lenient = lenient;
  }

  /**
   * Takes the next bytes of the stream, any number of them. They are not copied and must not change any more: packets
   * that are given out view them. After a `WireError` bytes are ignored until {@link reset}.
   */
  push(chunk: Uint8Array): void {
    if (!isBytes(chunk)) throw new TypeError('Decoder.push takes a Uint8Array');
    if (this.#error !== undefined || chunk.length === 0) return;
    const bytes = plainBytes(chunk);
    if (this.#position === this.#chunk.length && this.#queue === undefined) {
      this.#chunk = bytes;
      this.#words = undefined;
      this.#position = 0;
    } else {
      this.#queue ??= [];
      this.#queue.push(bytes);
    }
  }

  /** Forgets everything pushed, and any error: ready for a new connection. */
  reset(): void {
    this.#release();
    this.#error = undefined;
  }

  /** The next packet, a PUBLISH as `make` makes it. @internal */
  protected nextPacket<P>(make: MakePublish<P>): PlainPacket | P | undefined {
    if (this.#error !== undefined) throw this.#error;
    try {
      if (this.#state !== BODY && !this.#readFixedHeader()) return undefined;
      return this.#readBody(make);
    } catch (error) {
      this.#release();
      this.#error = error as Error; // nothing else is thrown in there
      throw error;
    }
  }

  #readFixedHeader(): boolean {
    while (this.#state !== BODY) {
      if (this.#position === this.#chunk.length && !this.#nextChunk()) return false;
      const byte = this.#chunk[this.#position++] as number; // below the length
      if (this.#state === FIRST_BYTE) {
        this.#checkFirstByte(byte);
        this.#firstByte = byte;
        this.#remainingLength = 0;
        this.#lengthBytes = 0;
        this.#state = LENGTH;
        continue;
      }
      this.#remainingLength |= (byte & 0x7f) << (7 * this.#lengthBytes++);
      if (byte < 0x80) {
        this.#checkLength(byte);
        this.#state = BODY;
      } else if (this.#lengthBytes === 4) throw malformed('Remaining Length has more than four bytes');
    }
    return true;
  }

  #checkFirstByte(byte: number): void {
    const type = byte >>> 4;
    if (type === PacketType.publish) return; // its flags are read with the packet
    if (type === 0) throw malformed('Packet type 0 is reserved');
    const reader = this.#readers[type];
    if (reader === undefined) {
      throw protocolError(
        `${packetTypeName(type)} is not for a ${this.#from === CLIENT ? 'client' : 'server'} to send`,
      );
    }
    if ((byte & 0x0f) === reader.flags || (this.#lenient && type === PacketType.pingresp)) return;
    throw malformed(`${packetTypeName(type)} has reserved fixed-header flags set`); // [MQTT-2.1.3-1]
  }

  #checkLength(lastByte: number): void {
    const lengthBytes = this.#lengthBytes;
    if (lastByte === 0 && lengthBytes > 1 && !this.#lenient) {
      throw malformed('Remaining Length is not in its shortest form'); // [MQTT-1.5.5-1]
    }
    const size = 1 + lengthBytes + this.#remainingLength;
    if (size > this.#maximumPacketSize) {
      throw packetTooLarge(`Packet of ${size} bytes exceeds the Maximum Packet Size of ${this.#maximumPacketSize}`);
    }
    const type = this.#firstByte >>> 4;
    const maximum = this.#readers[type]?.maximumLength;
    if (maximum !== undefined && this.#remainingLength > maximum) throw malformed(`${packetTypeName(type)} has a body`);
  }

  #readBody<P>(make: MakePublish<P>): PlainPacket | P | undefined {
    const length = this.#remainingLength;
    let bytes = this.#chunk;
    let words = this.#words;
    let start = this.#position;
    if (this.#joined === 0 && bytes.length - start >= length) {
      this.#position = start + length;
      words = this.#words ??= wordsOf(bytes);
    } else {
      if (!this.#joinBody()) return undefined;
      bytes = this.#join;
      words = wordsOf(bytes);
      start = 0;
      this.#join = EMPTY;
      this.#joined = 0;
    }
    this.#state = FIRST_BYTE;
    const firstByte = this.#firstByte;
    if (firstByte >>> 4 === PacketType.publish) {
      return readPublish(firstByte & 0x0f, bytes, words, start, start + length, this.#from, make);
    }
    // #checkFirstByte has refused types without a reader
    return this.#readers[firstByte >>> 4]?.decode(new Reader(bytes, start, start + length), this.#from);
  }

  /** Moves what has arrived of the body into `#join`; true when it is whole. */
  #joinBody(): boolean {
    const length = this.#remainingLength;
    while (this.#joined < length) {
      if (this.#position === this.#chunk.length && !this.#nextChunk()) return false;
      const count = Math.min(length - this.#joined, this.#chunk.length - this.#position);
      this.#reserve(this.#joined + count);
      this.#join.set(this.#chunk.subarray(this.#position, this.#position + count), this.#joined);
      this.#joined += count;
      this.#position += count;
    }
    return true;
  }

  /** Room for `needed` bytes of the body: doubling keeps joining linear, and the body's length is the upper bound. */
  #reserve(needed: number): void {
    const join = this.#join;
    if (needed <= join.length) return;
    const size = Math.min(this.#remainingLength, Math.max(needed, join.length * 2, SMALLEST_JOIN));
    this.#join = new Uint8Array(size);
    this.#join.set(join.subarray(0, this.#joined));
  }

  #nextChunk(): boolean {
    this.#position = 0;
    this.#words = undefined;
    const queue = this.#queue;
    const chunk = queue?.[this.#queueHead];
    if (queue === undefined || chunk === undefined) {
      this.#chunk = EMPTY;
      return false;
    }
    this.#chunk = chunk;
    queue[this.#queueHead++] = EMPTY; // read chunks are not kept
    if (this.#queueHead === queue.length) {
      this.#queue = undefined;
      this.#queueHead = 0;
    }
    return true;
  }

  #release(): void {
    this.#chunk = EMPTY;
    this.#words = undefined;
    this.#position = 0;
    this.#queue = undefined;
    this.#queueHead = 0;
    this.#state = FIRST_BYTE;
    this.#join = EMPTY;
    this.#joined = 0;
  }
}

/** A plain `Uint8Array` over an `ArrayBuffer`, as {@link Bytes} promises: no `Buffer`, no shared memory. */
function plainBytes(chunk: Uint8Array): Bytes {
  const { buffer } = chunk;
  if (typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer) return new Uint8Array(chunk);
  if (Object.getPrototypeOf(chunk) === Uint8Array.prototype) return chunk as Bytes; // not shared
  return new Uint8Array(buffer as ArrayBuffer, chunk.byteOffset, chunk.length); // nor this
}

function wordsOf(bytes: Bytes): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
