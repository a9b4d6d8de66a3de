// SPDX-License-Identifier: Apache-2.0
//
// The way in of one Network Connection: chunks of any size become packets, one at a time, until it is stopped.

import { WireError } from '@mqttv5/wire';
import type { Packet } from '@mqttv5/wire';
import { ServerPacketDecoder } from '@mqttv5/wire/client-side';
import type { StreamOptions } from '@mqttv5/wire/client-side';
import type { Counters } from '../stats.ts';

export interface InboxHandlers {
  packet(packet: Packet): void;
  /** The bytes are not legal MQTT. Called once; nothing behind them is read. */
  malformed(error: WireError): void;
}

export class Inbox {
  readonly #decoder: ServerPacketDecoder;
  readonly #handlers: InboxHandlers;
  readonly #counters: Counters;
  /** Chunks behind the one being decoded: read while stopped, or handed over while a packet was being handled. Made with the first. */
  #waiting: Uint8Array[] | undefined;
  #decoding = false;
  #stopped = false;
  #finishing = false;
  #dead = false;

  constructor(options: StreamOptions, handlers: InboxHandlers, counters: Counters) {
    this.#decoder = new ServerPacketDecoder(options);
    this.#handlers = handlers;
    this.#counters = counters;
  }

  /** Packets are held back. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** HOT PATH. */
  push(chunk: Uint8Array): void {
    if (this.#dead) return;
    // Straight to the decoder where nothing waits: no array is touched then.
    if (this.#stopped || this.#decoding || this.#waiting?.length) {
      this.#waiting ??= [];
      this.#waiting.push(chunk);
    } else this.#decoder.push(chunk);
    if (!this.#stopped) this.#decode();
  }

  /** Holds packets back from here on, also those of the chunk that is being decoded. */
  stop(): void {
    if (!this.#finishing) this.#stopped = true;
  }

  /** Hands out what was held back, in this call, and whatever comes after it. */
  go(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#decode();
  }

  /** Hands out everything that was read, whatever a handler says about stopping, and closes. */
  finish(): void {
    this.#finishing = true;
    this.#stopped = false;
    this.#decode();
    // Called by a handler: the loop above it goes on to the end.
    if (!this.#decoding) this.close();
  }

  /** Nothing more comes out. */
  close(): void {
    this.#dead = true;
    this.#waiting = undefined;
  }

  #decode(): void {
    // A handler that calls `go`, or a connection that hands over data inside `write`: the loop below is already at it.
    if (this.#decoding) return;
    this.#decoding = true;
    try {
      while (!this.#stopped && !this.#dead) {
        const packet = this.#next();
        if (packet) {
          this.#counters.packetsReceived++;
          this.#handlers.packet(packet);
          continue;
        }
        const chunk = this.#waiting?.shift();
        if (!chunk) break;
        this.#decoder.push(chunk);
      }
    } finally {
      this.#decoding = false;
    }
  }

  #next(): Packet | undefined {
    try {
      // A PublishView has the fields of a PublishPacket, but makes payload and properties when they are read.
      return this.#decoder.nextView();
    } catch (error) {
      // §4.13.1: nothing that stands behind a violation may take effect.
      this.close();
      if (!(error instanceof WireError)) throw error;
      this.#handlers.malformed(error);
      return undefined;
    }
  }
}
