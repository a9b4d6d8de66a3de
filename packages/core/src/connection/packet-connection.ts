// SPDX-License-Identifier: Apache-2.0
//
// A `Connection` that carries packets: outbox, inbox, and an end that is reported once. `Handshake` uses it first and `Link`
// afterwards, each as its handlers.
//
//   open ──end()────▶ closing ──peer closes, or too slow──▶ closed
//     └──────peer closes, destroy()────────────────────────────┘
//
// A `Connection` may come from a user's `dial`, so it is trusted with nothing but bytes: it may close inside `write`, hand
// over data after its end, never call `written`, or throw.

import type { Packet, WireError } from '@mqttv5/wire';
import type { Connection, ConnectionHandlers } from '../api/transport.ts';
import type { Clock, Scheduled } from '../clock.ts';
import type { AnyMqttError } from '../errors.ts';
import type { Counters } from '../stats.ts';
import { callsMethods } from './calls-methods.ts';
import { connectionLost } from './connection-errors.ts';
import { Inbox } from './inbox.ts';
import { Outbox } from './outbox.ts';

export interface PacketConnectionOptions {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly lenient: boolean;
  readonly maximumPacketSize: number | undefined;
  readonly writeHighWaterMark: number;
  readonly disconnectTimeoutMs: number;
}

/** Called while the connection is open, and never again after `lost`, `end()` or `destroy()`. */
export interface PacketConnectionHandlers {
  packet(packet: Packet): void;
  malformed(error: WireError): void;
  room(): void;
  /** Acknowledgements pile up unsent. */
  acknowledgementsOverflow(unsentBytes: number): void;
  /** The peer has closed, orderly when there is no error. Nothing is left open; what was read is there for `readRest`. */
  lost(error: unknown): void;
}

export class PacketConnection implements ConnectionHandlers {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #disconnectTimeoutMs: number;
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  #handlers: PacketConnectionHandlers | undefined;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #readingPaused = false;
  #timer: Scheduled | undefined;
  #whenClosed: (() => void) | undefined;

  /** When bytes were last handed to the connection. */
  lastSentAt: number;
  /** When bytes last arrived. */
  lastReceivedAt: number;
  /** Chunks that have arrived: tells whether anything came since, also within the same millisecond. */
  chunksReceived = 0;

  constructor(connection: Connection, options: PacketConnectionOptions) {
    this.#connection = connection;
    this.#clock = options.clock;
    this.#counters = options.counters;
    this.#disconnectTimeoutMs = options.disconnectTimeoutMs;
    this.lastSentAt = this.lastReceivedAt = options.clock.now();
    const { lenient, maximumPacketSize } = options;
    this.#inbox = new Inbox({ lenient, maximumPacketSize }, this, options.counters);
    this.#outbox = new Outbox(connection, this, options.counters, options.writeHighWaterMark);
  }

  get open(): boolean {
    return this.#state === 'open';
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  get unsentBytes(): number {
    return this.#outbox.unsentBytes;
  }

  get hasRoom(): boolean {
    return this.open && this.#outbox.hasRoom;
  }

  /** What may be compared with to see whether the peer has taken anything since. */
  get writesEnded(): number {
    return this.#outbox.writesEnded;
  }

  get canPause(): boolean {
    return this.#connection.pause !== undefined && this.#connection.resume !== undefined;
  }

  /** `handlers` may be called at once: a connection can have broken before anybody listened. */
  start(handlers: PacketConnectionHandlers): void {
    this.#handlers = handlers;
    const connection = this.#connection;
    this.#attempt(() => connection.start(callsMethods(connection) ? this : this.#bound()));
  }

  /** Hands the connection on, from the handshake to the link. */
  setHandlers(handlers: PacketConnectionHandlers): void {
    this.#handlers = handlers;
  }

  send(packet: Packet): boolean {
    return this.open && this.#outbox.send(packet);
  }

  /** Hands over now what would go out at the end of the turn. */
  flush(): void {
    this.#outbox.flush();
  }

  flushed(callback: (error?: AnyMqttError) => void): void {
    if (this.closed) queueMicrotask(() => callback(connectionLost()));
    else this.#outbox.flushed(callback);
  }

  /** A position for `writtenUpTo`: all that was sent until now. */
  get sendPosition(): number {
    return this.#outbox.position;
  }

  writtenUpTo(position: number): boolean {
    return this.#outbox.writtenUpTo(position);
  }

  /** Packets are held back. The connection is paused when more arrives, or at once (`eager`), where it can be. */
  hold(eager: boolean): void {
    this.#inbox.stop();
    if (eager) this.#pauseReading();
  }

  /** Hands out what was held back, in this call, then reads on. */
  release(): void {
    if (!this.#inbox.stopped) return;
    this.#inbox.go();
    // A packet that was held back may have stopped it again.
    if (!this.#inbox.stopped) this.#resumeReading();
  }

  /**
   * The last packet, if any, then FIN. Waits for the peer's until `disconnectTimeoutMs`. Nothing is read any more.
   * `whenClosed` may be called at once.
   */
  end(lastPacket: Packet | undefined, whenClosed: () => void): void {
    if (this.#state === 'closed') return whenClosed();
    if (this.#state === 'closing') return;
    // From here on a failing write is an end like any other.
    this.#state = 'closing';
    this.#whenClosed = whenClosed;
    this.#inbox.close();
    this.#timer = this.#clock.setTimer(this.#disconnectTimeoutMs, () => this.destroy());
    this.#attempt(() => {
      if (lastPacket) this.#outbox.send(lastPacket);
      this.#outbox.finish();
    });
    // The peer's FIN stands behind what was not read.
    this.#resumeReading();
  }

  /** Ends everything at once. `whenClosed` of an earlier `end()` is called. */
  destroy(error: AnyMqttError = connectionLost()): void {
    this.#inbox.close();
    if (this.#state === 'closed') return;
    this.#shut(error);
    this.#whenClosed?.();
  }

  /** After `lost`: hands out what had been read and not decoded, held back or not. */
  readRest(): void {
    this.#inbox.finish();
  }

  // ConnectionHandlers

  data(chunk: Uint8Array): void {
    if (this.#state !== 'open') return;
    this.#counters.bytesReceived += chunk.length;
    this.chunksReceived++;
    this.lastReceivedAt = this.#clock.now();
    this.#inbox.push(chunk);
    if (this.#inbox.stopped) this.#pauseReading();
  }

  drain(): void {
    this.#outbox.drained();
  }

  /** The peer has closed. */
  close(error?: unknown): void {
    if (this.#state === 'closing') {
      this.destroy();
    } else if (this.#state === 'open') {
      this.#shut(connectionLost(error));
      this.#handlers?.lost(error);
    }
  }

  #bound(): ConnectionHandlers {
    return {
      data: (chunk) => this.data(chunk),
      drain: () => this.drain(),
      close: (error) => this.close(error),
    };
  }

  // Inbox

  packet(packet: Packet): void {
    this.#handlers?.packet(packet);
  }

  malformed(error: WireError): void {
    this.#handlers?.malformed(error);
  }

  // Outbox

  room(): void {
    if (this.open) this.#handlers?.room();
  }

  writeFailed(error: unknown): void {
    this.close(error);
  }

  acknowledgementsOverflow(unsentBytes: number): void {
    if (this.open) this.#handlers?.acknowledgementsOverflow(unsentBytes);
  }

  handedOver(): void {
    this.lastSentAt = this.#clock.now();
  }

  #shut(error: AnyMqttError): void {
    this.#state = 'closed';
    this.#timer?.cancel();
    this.#outbox.close(error);
    this.#attempt(() => this.#connection.destroy());
  }

  #pauseReading(): void {
    if (this.#readingPaused || this.#state !== 'open' || !this.canPause) return;
    this.#readingPaused = true;
    this.#attempt(() => this.#connection.pause?.());
  }

  #resumeReading(): void {
    if (!this.#readingPaused || this.#state === 'closed') return;
    this.#readingPaused = false;
    this.#attempt(() => this.#connection.resume?.());
  }

  /** A connection that throws is of no more use. */
  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.close(error);
    }
  }
}
