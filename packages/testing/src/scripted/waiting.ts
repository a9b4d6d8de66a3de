// SPDX-License-Identifier: Apache-2.0
import type { WaitOptions } from '@mqttv5/core';

// Taken when this module is loaded: a test that replaces the timers of the process still gets its error.
const { setTimeout: startTimer, clearTimeout: stopTimer } = globalThis;

/** Someone waiting for `T`. Settling it twice is harmless; `settled` says whether it still waits. */
export class Waiter<T> {
  readonly promise: Promise<T>;
  settled = false;
  #resolve!: (value: T) => void;
  #reject!: (reason: unknown) => void;
  #release: () => void = () => {};

  /**
   * With `signal` the wait lasts until it aborts, and rejects with its reason; without it, until `timeoutMs` have
   * passed, and rejects with what `timeoutError` makes then.
   */
  constructor(options: WaitOptions | undefined, timeoutMs: number, timeoutError: () => Error) {
    this.promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const signal = options?.signal;
    if (signal === undefined) {
      const timer = startTimer(() => this.reject(timeoutError()), timeoutMs);
      this.#release = () => stopTimer(timer);
    } else if (signal.aborted) {
      this.reject(signal.reason);
    } else {
      const abort = (): void => this.reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      this.#release = () => signal.removeEventListener('abort', abort);
    }
  }

  resolve(value: T): void {
    if (this.#settle()) this.#resolve(value);
  }

  reject(reason: unknown): void {
    if (this.#settle()) this.#reject(reason);
  }

  #settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    this.#release();
    return true;
  }
}
