// SPDX-License-Identifier: Apache-2.0
//
// When the next attempt is due, and whether there is one. The count starts over only after a connection has outlived the delay
// before it: a broker that accepts and then drops must not be called in a tight loop.

import type { Backoff } from '../api/options.ts';
import type { AnyMqttError } from '../errors.ts';
import { checkDuration } from '../options/check.ts';
import type { ShouldReconnect } from '../options/client-options.ts';
import type { EventHub } from './event-hub.ts';

/** Attempt number that stands for "as late as this backoff ever gets": doubling from a millisecond passes any cap by then. */
const LATE_ATTEMPT = 64;

/** What an application's backoff gave is not a delay, or it threw: neither "at once" nor "never" would be safe. */
const FALLBACK_DELAY_MS = 30_000;

/** Another attempt would end the same way, whatever the network does. */
const NEVER_RETRIED: ReadonlySet<string> = new Set([
  'SESSION_STATE_MISSING',
  'STORE_FAILED',
  'CLOSED',
  'INVALID_OPTION',
]);

export interface RetrySettings {
  readonly reconnect: Backoff | false;
  readonly maximumReconnectAttempts: number;
  readonly shouldReconnect: ShouldReconnect;
}

export class RetrySchedule {
  readonly #settings: RetrySettings;
  /** Hears what the application's functions do wrong. */
  readonly #events: Pick<EventHub, 'report'>;
  #attempts = 0;
  #delayMs = 0;
  #connectedAt = 0;

  constructor(settings: RetrySettings, events: Pick<EventHub, 'report'>) {
    this.#settings = settings;
    this.#events = events;
  }

  /** Number of the attempt that `next` has announced. */
  get attempt(): number {
    return this.#attempts;
  }

  /** The application has called `connect()`. */
  reset(): void {
    this.#attempts = 0;
    this.#delayMs = 0;
  }

  connected(now: number): void {
    this.#connectedAt = now;
  }

  connectionLost(now: number): void {
    if (now - this.#connectedAt > this.#delayMs) this.reset();
  }

  /** Whether there is an attempt after this failure. What `shouldReconnect` throws counts as no, and is reported. */
  allows(error: AnyMqttError): boolean {
    const { reconnect, maximumReconnectAttempts, shouldReconnect } = this.#settings;
    if (reconnect === false || this.#attempts >= maximumReconnectAttempts || NEVER_RETRIED.has(error.code))
      return false;
    const reasonCode = 'reasonCode' in error ? error.reasonCode : undefined;
    try {
      return shouldReconnect({ error, reasonCode, attempt: this.#attempts + 1 });
    } catch (failure) {
      this.#events.report('mqtt: shouldReconnect failed', failure);
      return false;
    }
  }

  /** Begins the next attempt; returns how long to wait for it. After a takeover (0x8E) that is as long as the backoff ever gets. */
  next(afterTakeover: boolean): number {
    this.#attempts += 1;
    this.#delayMs = this.#backoff(afterTakeover ? Math.max(LATE_ATTEMPT, this.#attempts) : this.#attempts);
    return this.#delayMs;
  }

  #backoff(attempt: number): number {
    const { reconnect } = this.#settings;
    if (reconnect === false) return 0;
    try {
      return checkDuration(reconnect(attempt), 'the delay of reconnect', 0);
    } catch (error) {
      this.#events.report('mqtt: reconnect failed', error);
      return FALLBACK_DELAY_MS;
    }
  }
}
