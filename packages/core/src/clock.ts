// SPDX-License-Identifier: Apache-2.0
//
// Time, passed in wherever it is needed, so that tests run in virtual time (`virtual-clock.ts`).

/** What the client knows of time. */
export interface Clock {
  /**
   * Milliseconds: monotonic within the process, aligned with the wall clock at its start, so that instants can be compared
   * with ones stored by an earlier process.
   */
  now(): number;
  /**
   * Calls back once, no earlier than `delayMs` from now; any delay works, also `Infinity` (never). Returns what cancels it,
   * harmless when it is too late. `unref`: does not keep the process alive by itself, where the platform has the notion.
   */
  setTimer(delayMs: number, callback: () => void, options?: { readonly unref?: boolean | undefined }): () => void;
  /**
   * Calls back once the platform has polled for input: what had arrived before the call is handed out first. Returns what
   * cancels it.
   */
  nextTurn(callback: () => void): () => void;
}

/** `setTimeout` takes 32 bits, signed; a longer delay would fire at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

// Read once: Node makes the number anew at every look, and `now()` is called for every packet.
const ORIGIN = performance.timeOrigin;

/** The runtime's own time. @internal */
export const systemClock: Clock = {
  now: () => ORIGIN + performance.now(),

  setTimer(delayMs, callback, options) {
    if (delayMs === Number.POSITIVE_INFINITY) return () => undefined;
    const timer: Timer = {
      dueAt: performance.now() + delayMs,
      callback,
      unref: options?.unref === true,
      handle: undefined,
    };
    arm(timer);
    return () => clearTimeout(timer.handle);
  },

  nextTurn(callback) {
    // `setImmediate` runs right after the poll phase. Elsewhere a macrotask is the nearest thing: input that is already
    // queued as a task comes before a timer that is set now.
    if (typeof setImmediate === 'function') {
      const handle = setImmediate(callback);
      return () => clearImmediate(handle);
    }
    const handle = setTimeout(callback, 1);
    return () => clearTimeout(handle);
  },
};

// One object and one closure a timer, since every idle connection has one.
interface Timer {
  /** Deadlines, not counted ticks: a chunk that fires late does not make the following ones late. */
  readonly dueAt: number;
  readonly callback: () => void;
  readonly unref: boolean;
  handle: ReturnType<typeof setTimeout> | undefined;
}

function arm(timer: Timer): void {
  const leftMs = Math.min(Math.max(Math.ceil(timer.dueAt - performance.now()), 0), LONGEST_TIMEOUT_MS);
  timer.handle = setTimeout(fire, leftMs, timer);
  // A browser's handle is a number.
  const handle: number | { unref?: () => unknown } = timer.handle;
  if (timer.unref && typeof handle === 'object') handle.unref?.();
}

/** Also after an early wake-up: Node compares whole milliseconds of its loop's clock, which may be one ahead. */
function fire(timer: Timer): void {
  if (performance.now() < timer.dueAt) arm(timer);
  else timer.callback();
}
