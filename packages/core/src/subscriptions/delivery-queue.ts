// SPDX-License-Identifier: Apache-2.0

import type { ReceivedMessage } from './message.ts';

const SMALLEST = 16;
/** Slots; 128 KiB. */
const LARGEST_KEPT = 16_384;

/**
 * Messages that wait for a consumer, oldest first, in a ring that doubles when it is full and starts over small when it has run
 * empty. It counts what the bounds of a buffer count: the messages that the broker no longer waits for, and their payloads.
 *
 *   slots:  [ 7 | 8 | . | . | . | 4 | 5 | 6 ]      head = 5, length = 5
 */
export class DeliveryQueue {
  #slots: (ReceivedMessage | undefined)[] = [];
  #head = 0;
  #length = 0;
  #boundedCount = 0;
  #boundedBytes = 0;

  get length(): number {
    return this.#length;
  }

  /** Messages that count against the bounds. */
  get boundedCount(): number {
    return this.#boundedCount;
  }

  /** Bytes of their payloads. */
  get boundedBytes(): number {
    return this.#boundedBytes;
  }

  push(message: ReceivedMessage, bounded: boolean): void {
    this.#makeRoom();
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = message;
    this.#length++;
    this.#count(message, bounded);
  }

  /** Puts a message back where it was in the order of arrival. It has been taken from the front, so it belongs near it. */
  putBack(message: ReceivedMessage, bounded: boolean): void {
    this.#makeRoom();
    const mask = this.#slots.length - 1;
    this.#head = (this.#head - 1) & mask;
    let at = this.#head;
    for (let i = 0; i < this.#length; i++) {
      const next = (at + 1) & mask;
      const other = this.#slots[next];
      if (other === undefined || other.order > message.order) break;
      this.#slots[at] = other;
      at = next;
    }
    this.#slots[at] = message;
    this.#length++;
    this.#count(message, bounded);
  }

  shift(): ReceivedMessage | undefined {
    if (this.#length === 0) return undefined;
    const message = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#length--;
    if (message?.bounded === true) {
      message.bounded = false;
      this.#boundedCount--;
      this.#boundedBytes -= message.payloadLength;
    }
    // A burst must not keep a large ring for ever.
    if (this.#length === 0 && this.#slots.length > LARGEST_KEPT) this.#slots = [];
    return message;
  }

  /** The session is gone: nobody waits for the acknowledgement of what is still here, so all of it counts. */
  boundAll(): void {
    for (let i = 0; i < this.#length; i++) {
      const message = this.#slots[(this.#head + i) & (this.#slots.length - 1)];
      if (message !== undefined && !message.bounded) this.#count(message, true);
    }
  }

  #count(message: ReceivedMessage, bounded: boolean): void {
    message.bounded = bounded;
    if (!bounded) return;
    this.#boundedCount++;
    this.#boundedBytes += message.payloadLength;
  }

  #makeRoom(): void {
    const slots = this.#slots;
    if (this.#length < slots.length) return;
    // A power of two, so that a mask does for the modulus.
    const larger = Array.from({ length: Math.max(SMALLEST, slots.length * 2) }, (_, i) =>
      i < this.#length ? slots[(this.#head + i) & (slots.length - 1)] : undefined,
    );
    this.#slots = larger;
    this.#head = 0;
  }
}
