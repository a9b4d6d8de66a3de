// SPDX-License-Identifier: Apache-2.0
//
// The way out of one Network Connection: packets become bytes, the bytes of a turn become one write.
//
//   send() ──encode──▶ open buffer ──full, or end of the turn──▶ queue ──connection has room──▶ Connection.write ──written──▶ pool
//                      └─ large payload: by reference, in slices ─┘
//
// Little is handed to the connection ahead of time (`WINDOW_BYTES`, `WINDOW_WRITES`). So a slow peer shows as writes that end
// one after the other, which tells a slow connection from a dead one, and a stalled peer fills one buffer after the other
// instead of a buffer per turn.

import { encodedLength, encodeInto, encodePublishHead } from '@mqttv5/wire';
import type { Bytes, Packet, PublishPacket } from '@mqttv5/wire';
import type { Connection } from '../api/transport.ts';
import type { AnyMqttError } from '../errors.ts';
import type { Counters } from '../stats.ts';
import { BUFFER_SIZE, releaseBuffer, takeBuffer } from './buffer-pool.ts';
import { atEndOfTurn } from './end-of-turn.ts';

/**
 * Payloads from this size on are not copied: `Connection.write` gets views of them. They must not change before
 * `flushed`. Below it a copy is cheaper than a further write.
 */
export const PAYLOAD_BY_REFERENCE_FROM: number = BUFFER_SIZE;

/** Handed over and not yet written, at most. On a link of 13 kB/s that is 10 s, the longest default ping timeout. */
const WINDOW_BYTES = 128 * 1024;
const WINDOW_WRITES = 16;

/** Bytes on their way, in the order of the stream. */
interface Segment {
  readonly bytes: Uint8Array;
  /** The pool's, to be given back. */
  readonly buffer: Bytes | undefined;
  /** How many of the bytes are acknowledgements. */
  readonly acknowledgementBytes: number;
}

interface FlushWaiter {
  /** `#written` at which it is done. */
  readonly at: number;
  readonly callback: (error?: AnyMqttError) => void;
}

export interface OutboxHandlers {
  /** Unsent bytes fell below the mark after `send` had returned false. */
  room(): void;
  /** `Connection.write` threw: the connection is of no more use. */
  writeFailed(error: unknown): void;
  /** Acknowledgements exceed `writeHighWaterMark` by themselves: the peer sends and does not read. */
  acknowledgementsOverflow(unsentBytes: number): void;
  /** Bytes were handed to the connection. */
  handedOver(): void;
}

export class Outbox {
  readonly #connection: Connection;
  readonly #handlers: OutboxHandlers;
  readonly #counters: Counters;
  readonly #highWaterMark: number;

  /** The buffer being filled; `#end` bytes of it are taken, `#openAcknowledgements` of those by acknowledgements. */
  #open: Bytes | undefined;
  #end = 0;
  #openAcknowledgements = 0;
  /** Sealed, and waiting for room in the window. Made with the first; so are the waiters. */
  #queue: Segment[] | undefined;

  // Counted from the start of the connection.
  #accepted = 0;
  #written = 0;
  #unsentAcknowledgements = 0;
  /** `#writesEnded` when there were too many of them; undefined while there are not. */
  #overfullAt: number | undefined;
  /** Writes that have ended; whoever waits for progress compares. */
  #writesEnded = 0;
  #handedOver = 0;
  #writesOpen = 0;
  /** What the last `write` said, or `drain` since. */
  #takesMore = true;

  #flushScheduled = false;
  #pumping = false;
  #toldFull = false;
  #ending = false;
  #closed = false;
  #waiters: FlushWaiter[] | undefined;

  constructor(connection: Connection, handlers: OutboxHandlers, counters: Counters, highWaterMark: number) {
    this.#connection = connection;
    this.#handlers = handlers;
    this.#counters = counters;
    this.#highWaterMark = highWaterMark;
  }

  /** Accepted and not yet reported as written. */
  get unsentBytes(): number {
    return this.#accepted - this.#written;
  }

  get hasRoom(): boolean {
    return !this.#closed && this.unsentBytes < this.#highWaterMark;
  }

  /** How many writes have ended; grows as long as the peer takes anything. */
  get writesEnded(): number {
    return this.#writesEnded;
  }

  /** Total of bytes accepted: what `writtenUpTo` is asked about. */
  get position(): number {
    return this.#accepted;
  }

  /** Whether everything accepted before `position` has been written. */
  writtenUpTo(position: number): boolean {
    return this.#written >= position;
  }

  /** Takes a packet. False when there is no room for a further PUBLISH. HOT PATH. @throws WireError for what may not be sent */
  send(packet: Packet): boolean {
    if (this.#closed || this.#ending) return false;
    if (packet.type === 'publish' && packet.payload.length >= PAYLOAD_BY_REFERENCE_FROM) this.#addByReference(packet);
    else this.#add(packet);
    this.#counters.packetsSent++;
    if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      atEndOfTurn(Outbox.#atEndOfTurn, this);
    }
    if (this.#accepted - this.#written < this.#highWaterMark) return true;
    this.#toldFull = true;
    return false;
  }

  static #atEndOfTurn(this: void, outbox: Outbox): void {
    outbox.#flushAtEnd();
  }

  #flushAtEnd(): void {
    this.#flushScheduled = false;
    this.#pump(false);
    if (this.#unsentAcknowledgements >= this.#highWaterMark) this.#judgeAcknowledgements();
    else this.#overfullAt = undefined;
  }

  /** Hands over what the connection has room for, now. */
  flush(): void {
    this.#pump(false);
  }

  /** The connection takes more again. */
  drained(): void {
    this.#takesMore = true;
    this.#pump(false);
  }

  /** Calls back once everything accepted so far is written, or with the error that ends the connection. Never at once. */
  flushed(callback: (error?: AnyMqttError) => void): void {
    this.#waiters ??= [];
    this.#waiters.push({ at: this.#accepted, callback });
    if (this.unsentBytes === 0) queueMicrotask(() => this.#answerWaiters());
  }

  /** Hands over everything, then ends the connection's sending side. Takes nothing more. */
  finish(): void {
    if (this.#ending || this.#closed) return;
    this.#ending = true;
    this.#pump(true);
    if (!this.#closed) this.#connection.end();
  }

  /** The connection is over: forgets everything unsent. */
  close(error: AnyMqttError): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#open) releaseBuffer(this.#open);
    for (const { buffer } of this.#queue ?? []) if (buffer) releaseBuffer(buffer);
    this.#open = undefined;
    this.#queue = undefined;
    const waiters = this.#waiters ?? [];
    this.#waiters = undefined;
    for (const waiter of waiters) waiter.callback(error);
  }

  /** Encodes into the open buffer. HOT PATH. */
  #add(packet: Packet): void {
    const atLeast = packet.type === 'publish' ? packet.payload.length + packet.topicName.length : 0;
    const length = this.#encode(packet, atLeast, encodeInto);
    if (length === 0) return this.#addLarge(packet);
    this.#accepted += length;
    if (isAcknowledgement(packet)) {
      this.#openAcknowledgements += length;
      this.#unsentAcknowledgements += length;
    }
  }

  /**
   * Lets `write` encode at `#end` of a buffer with enough room, and returns how many bytes that took; 0 when no buffer is
   * large enough. A packet is not measured first: the encoder does that anyway, and says when the room is too small.
   */
  #encode<P extends Packet>(
    packet: P,
    atLeast: number,
    write: (packet: P, target: Uint8Array, offset: number) => number,
  ): number {
    // Most often this is exact, so that hardly a buffer ends with an exception.
    if (this.#end + atLeast > BUFFER_SIZE) this.#nextBuffer();
    for (;;) {
      const target = (this.#open ??= takeBuffer());
      const start = this.#end;
      try {
        this.#end = write(packet, target, start);
        return this.#end - start;
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        if (start === 0) return 0;
        this.#nextBuffer();
      }
    }
  }

  #nextBuffer(): void {
    this.#seal();
    this.#pump(false);
  }

  /** Larger than a buffer without being a large payload: thousands of filters or user properties. */
  #addLarge(packet: Packet): void {
    const bytes = new Uint8Array(encodedLength(packet));
    encodeInto(packet, bytes, 0);
    const acknowledgementBytes = isAcknowledgement(packet) ? bytes.length : 0;
    this.#seal();
    this.#enqueue({ bytes, buffer: undefined, acknowledgementBytes });
    this.#accepted += bytes.length;
    this.#unsentAcknowledgements += acknowledgementBytes;
  }

  #addByReference(packet: PublishPacket): void {
    const { payload } = packet;
    const headLength = this.#encode(packet, packet.topicName.length, encodePublishHead);
    if (headLength === 0) return this.#addLarge(packet);
    this.#accepted += headLength + payload.length;
    this.#seal();
    // In slices, so that a payload of many megabytes shows progress too.
    for (let start = 0; start < payload.length; start += WINDOW_BYTES) {
      const bytes = payload.subarray(start, start + WINDOW_BYTES);
      this.#enqueue({ bytes, buffer: undefined, acknowledgementBytes: 0 });
    }
    this.#pump(false);
  }

  /** Moves what the open buffer holds to the queue. */
  #seal(): void {
    const segment = this.#takeOpen();
    if (segment) this.#enqueue(segment);
  }

  #enqueue(segment: Segment): void {
    this.#queue ??= [];
    this.#queue.push(segment);
  }

  #takeOpen(): Segment | undefined {
    const buffer = this.#open;
    if (!buffer || this.#end === 0) return undefined;
    const segment = {
      bytes: buffer.subarray(0, this.#end),
      buffer,
      acknowledgementBytes: this.#openAcknowledgements,
    };
    this.#open = undefined;
    this.#end = 0;
    this.#openAcknowledgements = 0;
    return segment;
  }

  /** Writes in order while the window allows. A connection may call `written`, or close, inside `write`. */
  #pump(all: boolean): void {
    if (this.#pumping) return;
    this.#pumping = true;
    let wrote = false;
    try {
      while (!this.#closed) {
        if (!all && this.#isFull()) break;
        const segment = this.#queue?.shift() ?? this.#takeOpen();
        if (!segment) break;
        wrote = true;
        this.#write(segment);
      }
    } finally {
      this.#pumping = false;
    }
    if (wrote && !this.#closed) this.#handlers.handedOver();
  }

  #isFull(): boolean {
    if (this.#writesOpen < WINDOW_WRITES && this.#handedOver - this.#written < WINDOW_BYTES) return false;
    // A connection that has never called `written` may not know how: then its boolean has to do.
    return this.#writesEnded > 0 || !this.#takesMore;
  }

  #write(segment: Segment): void {
    const { length } = segment.bytes;
    this.#handedOver += length;
    this.#writesOpen++;
    this.#counters.bytesSent += length;
    let ended = false;
    try {
      this.#takesMore = this.#connection.write(segment.bytes, () => {
        // A connection that calls back twice would give the buffer to two owners.
        if (ended) return;
        ended = true;
        this.#writeEnded(segment);
      });
    } catch (error) {
      this.#handlers.writeFailed(error);
    }
  }

  #writeEnded(segment: Segment): void {
    if (segment.buffer) releaseBuffer(segment.buffer);
    this.#written += segment.bytes.length;
    this.#unsentAcknowledgements -= segment.acknowledgementBytes;
    this.#writesOpen--;
    this.#writesEnded++;
    if (this.#closed) return;
    if (this.#waiters?.length) this.#answerWaiters();
    // What waits is written first: a turn that is about to fill up again must not starve it.
    if (this.#queue?.length || (this.#end > 0 && !this.#flushScheduled)) this.#pump(this.#ending);
    if (!this.#toldFull || this.#ending || !this.hasRoom) return;
    this.#toldFull = false;
    // Not inside the `send` that made the connection call back at once: what it is about to send comes first.
    if (this.#pumping) queueMicrotask(() => this.#handlers.room());
    else this.#handlers.room();
  }

  /**
   * More acknowledgements are unsent than may be. Not one turn's burst alone is held against the peer, so it takes a second
   * look with nothing taken in between; one that takes something every turn, and too little, gets to twice the mark.
   */
  #judgeAcknowledgements(): void {
    if (this.#closed || this.#handedOver === this.#accepted) return;
    const stalled = this.#overfullAt === this.#writesEnded;
    this.#overfullAt = this.#writesEnded;
    if (stalled || this.#unsentAcknowledgements >= 2 * this.#highWaterMark + WINDOW_BYTES)
      this.#handlers.acknowledgementsOverflow(this.#unsentAcknowledgements);
  }

  #answerWaiters(): void {
    const waiters = this.#waiters ?? [];
    let done = 0;
    for (const waiter of waiters) {
      if (waiter.at > this.#written) break;
      done++;
    }
    for (const waiter of waiters.splice(0, done)) waiter.callback();
  }
}

/** What the peer makes us send. The rest is the application's doing. */
function isAcknowledgement(packet: Packet): boolean {
  switch (packet.type) {
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return true;
    default:
      return false;
  }
}
