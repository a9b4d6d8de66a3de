// SPDX-License-Identifier: Apache-2.0

import type { ResolvedSubscribeOptions } from '../options/subscribe-options.ts';
import { DeliveryQueue } from './delivery-queue.ts';
import type { ReceivedMessage } from './message.ts';
import type { PauseControl } from './pause-control.ts';

/**
 * The buffer of one subscription and its bounds. What counts is what can be dropped: messages the broker no longer waits for,
 * and under "dropOldest", which acknowledges what it evicts, every message. The others are bounded by the Receive Maximum.
 */
export class DeliveryBuffer {
  readonly #options: ResolvedSubscribeOptions;
  readonly #pause: PauseControl;
  readonly #drop: (message: ReceivedMessage) => void;
  readonly #queue = new DeliveryQueue();
  /** Full, and reading has been asked to stop until it is half empty. */
  #holdsReading = false;
  /** Nothing comes any more: what is left is no reason to stop reading. */
  #ended = false;

  /** @param drop - reports a message that finds no room, and acknowledges it */
  constructor(options: ResolvedSubscribeOptions, pause: PauseControl, drop: (message: ReceivedMessage) => void) {
    this.#options = options;
    this.#pause = pause;
    this.#drop = drop;
  }

  get length(): number {
    return this.#queue.length;
  }

  /** Makes room for `message` as the overflow policy says. False: there is none, and it has been dropped. */
  makeRoomFor(message: ReceivedMessage): boolean {
    const bytes = message.payloadLength;
    if (!this.#isBounded(message) || !this.#lacksRoom(bytes, 1)) return true;
    const { overflow } = this.#options;
    if (overflow === 'dropOldest') {
      this.#evictFor(bytes);
      return true;
    }
    // While the application waits for the broker reading goes on, and the bound may be exceeded by itself.
    if (overflow === 'pause' && !this.#lacksRoom(bytes, 2)) return true;
    this.#drop(message);
    return false;
  }

  push(message: ReceivedMessage): void {
    this.#queue.push(message, this.#isBounded(message));
    this.#holdReadingIfFull();
  }

  putBack(message: ReceivedMessage): void {
    this.#queue.putBack(message, this.#isBounded(message));
    this.#holdReadingIfFull();
  }

  shift(): ReceivedMessage | undefined {
    const message = this.#queue.shift();
    if (this.#holdsReading && this.#isHalfEmpty()) this.#releaseReading();
    return message;
  }

  /** The session is gone: nobody waits for the acknowledgement of what is here. */
  handleSessionLost(): void {
    this.#queue.boundAll();
    this.#holdReadingIfFull();
  }

  /** Nothing comes any more. */
  end(): void {
    this.#ended = true;
    this.#releaseReading();
  }

  #holdReadingIfFull(): void {
    if (this.#options.overflow !== 'pause' || this.#holdsReading || this.#ended || !this.#isFull()) return;
    this.#holdsReading = true;
    this.#pause.full(this);
  }

  #releaseReading(): void {
    if (!this.#holdsReading) return;
    this.#holdsReading = false;
    this.#pause.relieved(this);
  }

  #isBounded(message: ReceivedMessage): boolean {
    const { ack, overflow } = this.#options;
    return ack === 'onReceipt' || overflow === 'dropOldest' || !message.awaited;
  }

  #lacksRoom(bytes: number, times: number): boolean {
    const { boundedCount, boundedBytes } = this.#queue;
    if (boundedCount >= this.#options.bufferSize * times) return true;
    // One message always fits, or one that is larger than the bound could never be given out.
    return boundedCount > 0 && boundedBytes + bytes > this.#options.bufferBytes * times;
  }

  #isFull(): boolean {
    const { boundedCount, boundedBytes } = this.#queue;
    return boundedCount >= this.#options.bufferSize || boundedBytes >= this.#options.bufferBytes;
  }

  #isHalfEmpty(): boolean {
    const { boundedCount, boundedBytes } = this.#queue;
    return boundedCount <= this.#options.bufferSize / 2 && boundedBytes <= this.#options.bufferBytes / 2;
  }

  #evictFor(bytes: number): void {
    while (this.#lacksRoom(bytes, 1)) {
      const oldest = this.#queue.shift();
      if (oldest === undefined) return;
      this.#drop(oldest);
    }
  }
}
