// SPDX-License-Identifier: Apache-2.0
//
// Time for tests: it stands still until it is advanced. Not exported from the package.

import { type Clock, NEVER, type Scheduled } from './clock.ts';

interface VirtualTimer {
  readonly dueAt: number;
  readonly callback: () => void;
}

/** A clock that moves only when told to. Timers run in the order of their deadlines, equal ones in the order of their making. */
export class VirtualClock implements Clock {
  #now: number;
  /** Sorted by deadline. Tests have few timers, so a plain array does. */
  readonly #timers: VirtualTimer[] = [];
  readonly #turns: (() => void)[] = [];
  /** Stands in for the event loop's poll phase: called before the callbacks of `nextTurn`. */
  poll: (() => void) | undefined;

  constructor(startAt = 1_000_000) {
    this.#now = startAt;
  }

  /** Timers and turns that have not run. Zero means that nothing was left behind. */
  get pending(): number {
    return this.#timers.length + this.#turns.length;
  }

  /** When the earliest timer is due. */
  get nextTimerAt(): number | undefined {
    return this.#timers[0]?.dueAt;
  }

  now(): number {
    return this.#now;
  }

  setTimer(delayMs: number, callback: () => void): Scheduled {
    if (delayMs === Number.POSITIVE_INFINITY) return NEVER;
    const timer: VirtualTimer = { dueAt: this.#now + Math.max(delayMs, 0), callback };
    const index = this.#timers.findIndex((each) => each.dueAt > timer.dueAt);
    this.#timers.splice(index === -1 ? this.#timers.length : index, 0, timer);
    return { cancel: () => remove(this.#timers, timer) };
  }

  nextTurn(callback: () => void): Scheduled {
    // Wrapped, so that the same function given twice is two turns.
    const turn = (): void => callback();
    this.#turns.push(turn);
    return { cancel: () => remove(this.#turns, turn) };
  }

  /** Moves time without running anything: the event loop was blocked, or the process suspended. */
  jump(ms: number): void {
    this.#now += ms;
  }

  /** Moves time and runs what falls due on the way, all in this call. */
  advance(ms: number): void {
    const target = this.#now + ms;
    while (this.#runNext(target)) {
      // The condition does the work.
    }
    this.#now = Math.max(this.#now, target);
  }

  /** Like `advance`, with promise reactions running between the timers, as they do in an event loop. */
  async run(ms: number): Promise<void> {
    const target = this.#now + ms;
    await settled();
    while (this.#runNext(target)) await settled();
    this.#now = Math.max(this.#now, target);
    await settled();
  }

  #runNext(target: number): boolean {
    const timer = this.#timers[0];
    // A loop turn ends before time goes on.
    if (this.#turns.length > 0 && (timer === undefined || timer.dueAt > this.#now)) {
      this.poll?.();
      // What is added from here on belongs to the turn after.
      for (const turn of this.#turns.splice(0)) turn();
      return true;
    }
    if (timer === undefined || timer.dueAt > target) return false;
    this.#timers.shift();
    this.#now = Math.max(this.#now, timer.dueAt);
    timer.callback();
    return true;
  }
}

/** Lets promise reactions run, and those that they start: a whole turn of the real event loop, which takes no virtual time. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function remove<T>(list: T[], entry: T): void {
  const index = list.indexOf(entry);
  if (index !== -1) list.splice(index, 1);
}
