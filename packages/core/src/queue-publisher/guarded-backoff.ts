// SPDX-License-Identifier: Apache-2.0

import type { Report } from '../api/logger.ts';
import type { Backoff } from '../api/options.ts';
import { checkDuration } from '../options/check.ts';

const FALLBACK_DELAY_MS = 1000;

/**
 * A backoff is the application's function: whatever it gives, or throws, there is a delay, and somebody hears of it. Once for
 * each of the two, since it is asked for every message that is refused, for as long as the program has the mistake.
 */
export function guardedBackoff(backoff: Backoff, report: Report): Backoff {
  const said = { thrown: false, given: false };
  const failed = (kind: keyof typeof said, error: unknown): number => {
    if (!said[kind]) report('mqtt: retryBackoff failed; 1 s applies', error);
    said[kind] = true;
    return FALLBACK_DELAY_MS;
  };
  return (attempt) => {
    let delayMs: number;
    try {
      delayMs = backoff(attempt);
    } catch (error) {
      return failed('thrown', error);
    }
    try {
      return checkDuration(delayMs, 'the delay of retryBackoff', 0);
    } catch (error) {
      return failed('given', error);
    }
  };
}
