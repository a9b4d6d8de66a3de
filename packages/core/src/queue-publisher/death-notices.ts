// SPDX-License-Identifier: Apache-2.0

import type { Clock, Scheduled } from '../clock.ts';
import type { AnyMqttError } from '../errors.ts';
import type { Deliveries } from './deliveries.ts';

/** How long `delivered()` waits for `onDeadLetter` to be called. */
const PATIENCE_MS = 100;

interface Notice {
  readonly error: AnyMqttError;
  readonly timer: Scheduled;
}

/**
 * Why an entry died, until whoever waits for it has been told.
 *
 * `onDeadLetter` hears first, so that a program that has heard from `delivered()` finds it done; but nobody waits long for the
 * letters before his own.
 */
export class DeathNotices {
  readonly #deliveries: Deliveries;
  readonly #clock: Clock;
  /** The application hears of dead letters. */
  readonly #isHeard: boolean;
  readonly #untold = new Map<number, Notice>();

  constructor(deliveries: Deliveries, clock: Clock, isHeard: boolean) {
    this.#deliveries = deliveries;
    this.#clock = clock;
    this.#isHeard = isHeard;
  }

  add(sequence: number, error: AnyMqttError): void {
    if (this.#untold.has(sequence)) return;
    const timer = this.#clock.setTimer(PATIENCE_MS, () => this.give(sequence));
    this.#untold.set(sequence, { error, timer });
  }

  /** Without effect when it has been given. */
  give(sequence: number): void {
    const notice = this.#untold.get(sequence);
    if (notice === undefined) return;
    const { error, timer } = notice;
    this.#untold.delete(sequence);
    timer.cancel();
    const awaited = this.#deliveries.settle(sequence, { error });
    if (!awaited && !this.#isHeard)
      // oxlint-disable-next-line no-console -- no failure is silent (design/api.md, "Observing")
      console.error(
        'mqtt: a queued message will not be delivered, and neither onDeadLetter nor delivered() listens',
        error,
      );
  }

  giveAll(): void {
    for (const sequence of this.#untold.keys()) this.give(sequence);
  }
}
