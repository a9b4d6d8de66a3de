// SPDX-License-Identifier: Apache-2.0

/**
 * Where a broker takes its time from: keep alive, will delay, session and message expiry.
 * The default is the monotonic clock of the process; {@link ManualClock} makes a test's own time.
 */
export interface BrokerClock {
  /** Milliseconds since any fixed moment; never goes back. */
  now(): number;
  /** Calls `callback` once, `delayMs` milliseconds from now, unless the returned function is called before. */
  schedule(callback: () => void, delayMs: number): () => void;
}

/** Node's timers take at most this; above it they would fire after 1 ms. */
const maximumTimerMs = 2 ** 31 - 1;

/** The process clock. Its timers do not keep the process alive: the listening sockets do that. */
export const systemClock: BrokerClock = {
  now: () => Math.floor(performance.now()),
  schedule(callback, delayMs) {
    let timer: NodeJS.Timeout | undefined;
    const arm = (leftMs: number): void => {
      const stepMs = Math.min(leftMs, maximumTimerMs);
      timer = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : callback()), stepMs);
      timer.unref();
    };
    arm(Math.max(0, delayMs));
    return () => clearTimeout(timer);
  },
};

/**
 * A clock that stands still until it is told to move, for tests of timeouts without waiting.
 *
 * @example
 * ```ts
 * const clock = new ManualClock();
 * const broker = await startBroker({ clock });
 * // … a client with keepAlive 60 connects and falls silent …
 * clock.advance(90_000); // 1.5 times the keep alive: the broker drops it
 * ```
 */
export class ManualClock implements BrokerClock {
  #now = 0;
  #sequence = 0;
  readonly #timers = new Map<number, { readonly at: number; readonly callback: () => void }>();

  now(): number {
    return this.#now;
  }

  schedule(callback: () => void, delayMs: number): () => void {
    const key = this.#sequence++;
    this.#timers.set(key, { at: this.#now + Math.max(0, delayMs), callback });
    return () => void this.#timers.delete(key);
  }

  /** How many timers are waiting. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves on by `ms` milliseconds and runs what falls due on the way, in order of its time. */
  advance(ms: number): void {
    const target = this.#now + ms;
    for (let due = this.#next(target); due !== undefined; due = this.#next(target)) {
      const [key, timer] = due;
      this.#timers.delete(key);
      this.#now = Math.max(this.#now, timer.at);
      timer.callback();
    }
    this.#now = target;
  }

  /** The earliest timer not after `target`; of equal ones the one scheduled first. */
  #next(target: number): readonly [number, { readonly at: number; readonly callback: () => void }] | undefined {
    let earliest: readonly [number, { readonly at: number; readonly callback: () => void }] | undefined;
    for (const entry of this.#timers) {
      if (entry[1].at <= target && (earliest === undefined || entry[1].at < earliest[1].at)) earliest = entry;
    }
    return earliest;
  }
}
