// SPDX-License-Identifier: Apache-2.0

import type { Backoff } from './api/options.ts';
import { checkDuration, checkObject, checkOptions, invalidOption } from './options/check.ts';

/** Options of {@link exponentialBackoff}. */
export interface ExponentialBackoffOptions {
  /** Delay before the first attempt. Unit: milliseconds, above 0. @defaultValue 1000 */
  initialMs?: number | undefined;
  /** No delay is longer. Unit: milliseconds, not below `initialMs`. @defaultValue 30 000, or `initialMs` if that is more */
  maximumMs?: number | undefined;
  /**
   * How far each delay may lie from its place, either way, so that many clients do not come back at the same instant.
   * `"full"` picks anything between 0 and the delay. Unit: milliseconds, at least 0.
   * @defaultValue 200
   */
  jitterMs?: number | 'full' | undefined;
  /** Where chance comes from: a number from 0 up to, and without, 1. For tests. @defaultValue Math.random */
  random?: (() => number) | undefined;
}

const KNOWN_KEYS = ['initialMs', 'maximumMs', 'jitterMs', 'random'];

/**
 * Delays that double: `initialMs`, twice that, … up to `maximumMs`, each moved by chance.
 *
 * The delay stays between 0 and `maximumMs`: at the upper end it lies within `jitterMs` below the maximum.
 *
 * @throws MqttError `INVALID_OPTION`
 */
export function exponentialBackoff(options: ExponentialBackoffOptions = {}): Backoff {
  checkObject(options, 'exponentialBackoff options');
  checkOptions(options, 'exponentialBackoff', KNOWN_KEYS);
  const initialMs = options.initialMs === undefined ? 1000 : checkPositive(options.initialMs, 'initialMs');
  const maximumMs =
    options.maximumMs === undefined ? Math.max(30_000, initialMs) : checkPositive(options.maximumMs, 'maximumMs');
  if (maximumMs < initialMs) throw invalidOption(`maximumMs (${maximumMs}) must not be below initialMs (${initialMs})`);
  const jitter = options.jitterMs ?? 200;
  const jitterMs = jitter === 'full' ? jitter : checkDuration(jitter, 'jitterMs', 0);
  const random = options.random ?? Math.random;

  return (attempt) => {
    const delay = Math.min(maximumMs, initialMs * 2 ** (Math.max(1, attempt) - 1));
    if (jitterMs === 'full') return Math.round(delay * random());
    // Cut the span, then pick: a delay that was picked first and cut afterwards would be the maximum for half of all clients.
    const shortest = Math.max(0, delay - jitterMs);
    const longest = Math.min(maximumMs, delay + jitterMs);
    return Math.round(shortest + (longest - shortest) * random());
  };
}

/**
 * The same delay before every attempt. Many clients with it come back at the same instant: for tests and single devices.
 *
 * @param delayMs - Unit: milliseconds, at least 0.
 * @throws MqttError `INVALID_OPTION`
 */
export function constantBackoff(delayMs: number): Backoff {
  checkDuration(delayMs, 'delayMs', 0);
  return () => delayMs;
}

function checkPositive(value: unknown, name: string): number {
  const duration = checkDuration(value, name, 0);
  if (duration === 0)
    throw invalidOption(`${name} must be above 0: without a delay a failing broker is called in a tight loop`);
  return duration;
}
