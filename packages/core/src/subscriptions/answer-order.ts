// SPDX-License-Identifier: Apache-2.0

import type { ReceivedMessage } from './message.ts';
import type { SharedDelivery } from './shared-delivery.ts';

/** A message the broker waits for, or the deliveries of one to several subscriptions. */
export type Tracked = ReceivedMessage | SharedDelivery;

/** Unanswered messages of one QoS in order of arrival, with what is held back behind the oldest. */
export class AnswerOrder {
  #entries: Tracked[] = [];
  /** Entries before it are gone. */
  #first = 0;

  get length(): number {
    return this.#entries.length - this.#first;
  }

  get head(): Tracked | undefined {
    return this.#entries[this.#first];
  }

  push(entry: Tracked): void {
    this.#entries.push(entry);
  }

  /** Lets go of what is answered at the front. False when the oldest is not. */
  dropAnswered(): boolean {
    const before = this.#first;
    for (let head = this.head; head?.awaited === false; head = this.head) this.#first++;
    if (this.#first === this.#entries.length) {
      this.#entries.length = 0;
      this.#first = 0;
    } else if (this.#first >= 1024 && this.#first * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
      return true;
    }
    return this.#first !== before;
  }

  /** Answers held back behind the oldest. Looks at all: only asked while something is. */
  countAnswered(): number {
    let count = 0;
    for (let i = this.#first + 1; i < this.#entries.length; i++) if (this.#entries[i]?.awaited === false) count++;
    return count;
  }

  clear(): void {
    this.#entries = [];
    this.#first = 0;
  }
}
