// SPDX-License-Identifier: Apache-2.0

/**
 * The entries between their claim and their end, and how many more fit between. What starts them (entry-starter.ts) and what ends
 * them (drain.ts) have it in common.
 */
export class UnderWay {
  /** Entries that may not be evicted, from `ready` to `removing`: the very set that `enqueue` is given. */
  readonly keep: Set<number> = new Set();
  readonly inFlight: Set<number> = new Set();
  /** The broker has them; their removal from the queue is not durable yet. */
  readonly removing: Set<number> = new Set();
  readonly #window: number;

  constructor(window: number) {
    this.#window = window;
  }

  get isEmpty(): boolean {
    return this.inFlight.size === 0 && this.removing.size === 0;
  }

  /** How many may start. */
  get room(): number {
    // A queue that is slow to remove must not let the session fill with what is over.
    if (this.removing.size >= 4 * this.#window + 64) return 0;
    return this.#window - this.inFlight.size;
  }

  /** It has been started, and has not come to its end. */
  has(sequence: number): boolean {
    return this.inFlight.has(sequence) || this.removing.has(sequence);
  }
}
