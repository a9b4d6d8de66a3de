// SPDX-License-Identifier: Apache-2.0

import type { Report } from '../api/logger.ts';
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
  /** Absent when the application hears of dead letters. */
  readonly #unheard: Report | undefined;
  readonly #untold = new Map<number, Notice>();

  constructor(deliveries: Deliveries, clock: Clock, unheard: Report | undefined) {
    this.#deliveries = deliveries;
    this.#clock = clock;
    this.#unheard = unheard;
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
    if (!awaited) {
      this.#unheard?.(
        'mqtt: a queued message will not be delivered, and neither onDeadLetter nor delivered() listens',
        error,
      );
    }
  }

  giveAll(): void {
    for (const sequence of this.#untold.keys()) this.give(sequence);
  }
}
