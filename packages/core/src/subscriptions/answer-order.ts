// SPDX-License-Identifier: Apache-2.0

import type { ReceivedMessage } from './message.ts';
import type { SharedDelivery } from './shared-delivery.ts';

/** A message the broker waits for, or the deliveries of one to several subscriptions. */
export type Tracked = ReceivedMessage | SharedDelivery;

const SMALLEST = 16;

/**
 * Unanswered messages of one QoS in order of arrival, with what is held back behind the oldest. A ring, bounded by the Receive
 * Maximum we announced; it keeps its slots, since most messages come and go one at a time.
 */
export class AnswerOrder {
  #slots: (Tracked | undefined)[] = [];
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get head(): Tracked | undefined {
    return this.#length === 0 ? undefined : this.#slots[this.#head];
  }

  push(entry: Tracked): void {
    if (this.#length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = entry;
    this.#length++;
  }

  /** Lets go of what is answered at the front. False when the oldest is not. */
  dropAnswered(): boolean {
    const before = this.#length;
    while (this.#length > 0 && this.#slots[this.#head]?.awaited === false) {
      this.#slots[this.#head] = undefined;
      this.#head = (this.#head + 1) & (this.#slots.length - 1);
      this.#length--;
    }
    return this.#length !== before;
  }

  /** Answers held back behind the oldest. Looks at all: only asked while something is. */
  countAnswered(): number {
    let count = 0;
    for (let i = 1; i < this.#length; i++) {
      if (this.#slots[(this.#head + i) & (this.#slots.length - 1)]?.awaited === false) count++;
    }
    return count;
  }

  clear(): void {
    this.#slots = [];
    this.#head = 0;
    this.#length = 0;
  }

  /** To the next power of two, so that a mask does for the modulus. */
  #grow(): void {
    const slots = this.#slots;
    this.#slots = Array.from({ length: Math.max(SMALLEST, slots.length * 2) }, (_, i) =>
      i < this.#length ? slots[(this.#head + i) & (slots.length - 1)] : undefined,
    );
    this.#head = 0;
  }
}
