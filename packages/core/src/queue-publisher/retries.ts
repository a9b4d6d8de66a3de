// SPDX-License-Identifier: Apache-2.0

import type { Backoff } from '../api/options.ts';
import type { Clock, Scheduled } from '../clock.ts';

interface Waiting {
  readonly sequence: number;
  readonly dueAt: number;
}

/** Entries that were refused for the moment, and when each may be tried again. One timer, however many there are. */
export class Retries {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #onDue: () => void;
  /** By `dueAt`, latest first: the next one is the last. */
  readonly #waiting: Waiting[] = [];
  readonly #sequences = new Set<number>();
  readonly #attempts = new Map<number, number>();
  #timer: Scheduled | undefined;

  constructor(clock: Clock, backoff: Backoff, onDue: () => void) {
    this.#clock = clock;
    this.#backoff = backoff;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#sequences.size;
  }

  has(sequence: number): boolean {
    return this.#sequences.has(sequence);
  }

  /** After one more failure. */
  later(sequence: number): void {
    const attempt = (this.#attempts.get(sequence) ?? 0) + 1;
    this.#attempts.set(sequence, attempt);
    this.#add(sequence, this.#clock.now() + this.#backoff(attempt));
  }

  /** Nothing has failed: it only has to come before what is new. */
  atOnce(sequence: number): void {
    this.#add(sequence, this.#clock.now());
  }

  /** The one that has waited longest, if any may go. It stays until `forget` or another `later`. */
  due(): number | undefined {
    const next = this.#waiting.at(-1);
    return next !== undefined && next.dueAt <= this.#clock.now() ? next.sequence : undefined;
  }

  /** It waits no longer: it has been started again, or has gone. Its failures still count until `settled`. */
  forget(sequence: number): void {
    if (!this.#sequences.delete(sequence)) return;
    this.#waiting.splice(
      this.#waiting.findLastIndex((each) => each.sequence === sequence),
      1,
    );
    this.#rearm();
  }

  /** Its failures count no more. */
  settled(sequence: number): void {
    this.forget(sequence);
    this.#attempts.delete(sequence);
  }

  clear(): void {
    this.#waiting.length = 0;
    this.#sequences.clear();
    this.#attempts.clear();
    this.#rearm();
  }

  #add(sequence: number, dueAt: number): void {
    this.forget(sequence);
    this.#sequences.add(sequence);
    let at = this.#waiting.length;
    // Delays grow, so most belong at the front; it is a list of those that failed, not of the queue.
    let low = 0;
    while (low < at) {
      const middle = (low + at) >>> 1;
      if ((this.#waiting[middle]?.dueAt ?? 0) > dueAt) low = middle + 1;
      else at = middle;
    }
    this.#waiting.splice(low, 0, { sequence, dueAt });
    this.#rearm();
  }

  #rearm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const next = this.#waiting.at(-1);
    if (next === undefined) return;
    const delayMs = next.dueAt - this.#clock.now();
    // Due already: whoever looks for work finds it, and no timer has to say so again and again.
    if (delayMs > 0) this.#timer = this.#clock.setTimer(delayMs, this.#onDue);
  }
}
