// SPDX-License-Identifier: Apache-2.0
//
// Time, passed in wherever it is needed, so that tests run in virtual time (`virtual-clock.ts`).

/** What is to be called later. */
export interface Scheduled {
  /** Harmless when it is too late. */
  cancel(): void;
}

/** What the client knows of time. */
export interface Clock {
  /**
   * Milliseconds: monotonic within the process, aligned with the wall clock at its start, so that instants can be compared
   * with ones stored by an earlier process.
   */
  now(): number;
  /**
   * Calls back once, no earlier than `delayMs` from now; any delay works, also `Infinity` (never). `unref`: does not keep the
   * process alive by itself, where the platform has the notion.
   */
  setTimer(delayMs: number, callback: () => void, options?: { readonly unref?: boolean | undefined }): Scheduled;
  /** Calls back once the platform has polled for input: what had arrived before the call is handed out first. */
  nextTurn(callback: () => void): Scheduled;
}

/** `setTimeout` takes 32 bits, signed; a longer delay would fire at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** Infinitely far away. */
export const NEVER: Scheduled = { cancel: () => undefined };

// Read once: Node makes the number anew at every look, and `now()` is called for every chunk.
const ORIGIN = performance.timeOrigin;

/** The runtime's own time. @internal */
export const systemClock: Clock = {
  now: () => ORIGIN + performance.now(),

  setTimer(delayMs, callback, options) {
    return delayMs === Number.POSITIVE_INFINITY ? NEVER : new SystemTimer(delayMs, callback, options?.unref === true);
  },

  nextTurn(callback) {
    // `setImmediate` runs right after the poll phase. Elsewhere a macrotask is the nearest thing: input that is already
    // queued as a task comes before a timer that is set now.
    if (typeof setImmediate === 'function') {
      const handle = setImmediate(callback);
      return { cancel: () => clearImmediate(handle) };
    }
    const handle = setTimeout(callback, 1);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** One object, since every idle connection has a timer. */
class SystemTimer implements Scheduled {
  /** Deadlines, not counted ticks: a chunk that fires late does not make the following ones late. */
  readonly #dueAt: number;
  readonly #callback: () => void;
  readonly #unref: boolean;
  #handle: ReturnType<typeof setTimeout> | undefined;

  constructor(delayMs: number, callback: () => void, unref: boolean) {
    this.#dueAt = performance.now() + delayMs;
    this.#callback = callback;
    this.#unref = unref;
    this.#arm();
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  #arm(): void {
    const leftMs = Math.min(Math.max(Math.ceil(this.#dueAt - performance.now()), 0), LONGEST_TIMEOUT_MS);
    this.#handle = setTimeout(SystemTimer.#fire, leftMs, this);
    // A browser's handle is a number.
    const handle: number | { unref?: () => unknown } = this.#handle;
    if (this.#unref && typeof handle === 'object') handle.unref?.();
  }

  /** Also after an early wake-up: Node compares whole milliseconds of its loop's clock, which may be one ahead. */
  static #fire(this: void, timer: SystemTimer): void {
    if (performance.now() < timer.#dueAt) timer.#arm();
    else timer.#callback();
  }
}
