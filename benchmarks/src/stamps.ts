// SPDX-License-Identifier: Apache-2.0

import type { Received, ReceiveWork } from './scenarios.ts';

/** Writes the number of a message into its payload, which every library has to copy before it publishes the next. */
export function stamp(payload: Uint8Array, number: number): Uint8Array {
  payload[0] = number >>> 24;
  payload[1] = (number >>> 16) & 0xff;
  payload[2] = (number >>> 8) & 0xff;
  payload[3] = number & 0xff;
  return payload;
}

/** Checks that numbers come one after the other, and says when the last has come. */
export class Order {
  readonly complete: Promise<void>;
  readonly #work: ReceiveWork;
  readonly #expected: number;
  #resolve: () => void = () => undefined;
  #messages = 0;
  #outOfOrder = 0;

  constructor(work: ReceiveWork) {
    this.#work = work;
    this.#expected = work.warmUp + work.messages;
    this.complete = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get done(): boolean {
    return this.#messages >= this.#expected;
  }

  take(payload: Uint8Array): void {
    const number =
      (((payload[0] ?? 0) << 24) | ((payload[1] ?? 0) << 16) | ((payload[2] ?? 0) << 8) | (payload[3] ?? 0)) >>> 0;
    if (number !== this.#messages) this.#outOfOrder += 1;
    this.#messages += 1;
    if (this.#messages === this.#work.warmUp) this.#work.onWarm();
    if (this.#messages === this.#expected) this.#resolve();
  }

  received(): Received {
    return { messages: this.#messages, outOfOrder: this.#outOfOrder };
  }
}
