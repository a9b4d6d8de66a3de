// SPDX-License-Identifier: Apache-2.0

import type { Clock } from '../clock.ts';

/** One run of the supervisor, from `connect()` until the client is idle or closed again. */
export class Life {
  readonly #controller = new AbortController();

  /** Aborts when the run is to end, with the error that what is under way ends with. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get stopped(): boolean {
    return this.#controller.signal.aborted;
  }

  stop(reason: unknown): void {
    this.#controller.abort(reason);
  }
}

/** Waits, or rejects with the signal's reason. Leaves neither timer nor listener. */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const cancel = clock.setTimer(delayMs, () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    const abort = (): void => {
      cancel();
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
  });
}

/** `promise`, or the signal's reason if that comes first; the promise then goes on alone, its rejection nobody's. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
    if (signal.aborted) abort();
  });
}
