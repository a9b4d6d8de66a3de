// SPDX-License-Identifier: Apache-2.0

import { type Deferred, deferred } from '../abort.ts';

/** Handlers running and messages in hand: what a drain waits for. */
export class WorkInHand {
  #count = 0;
  /** Present while draining. */
  #drained: Deferred<void> | undefined;

  /** Nothing more is to be given out. */
  get draining(): boolean {
    return this.#drained !== undefined;
  }

  begins(): void {
    this.#count++;
  }

  ends(): void {
    this.#count--;
    if (this.#count === 0) this.#drained?.resolve();
  }

  /** Resolves when everything that was given out is done with, or at `stopDraining`. */
  drain(): Promise<void> {
    this.#drained ??= deferred();
    if (this.#count === 0) this.#drained.resolve();
    return this.#drained.promise;
  }

  stopDraining(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}
