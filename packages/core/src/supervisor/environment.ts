// SPDX-License-Identifier: Apache-2.0
//
// What the client takes from the world beside its connections. Passed in, so that tests run in virtual time.

import { type Clock, systemClock } from '../clock.ts';
import { tcpDial } from '#tcp';
import type { Dial } from '../api/transport.ts';
import type { Counters } from '../stats.ts';

/** The collaborators of one client that are neither options nor connections. */
export interface Environment {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Where `options.dial` is not given. */
  readonly dial: Dial;
  /** Where a failure goes that has neither a listener nor a logger. */
  readonly reportUnheard: (message: string, details: unknown) => void;
  /** Where a client counts that is a part of another one. */
  readonly counters?: Counters;
}

export const systemEnvironment: Environment = {
  clock: systemClock,
  random: Math.random,
  dial: tcpDial,
  reportUnheard: (message, details) => {
    // oxlint-disable-next-line no-console -- the last resort: no failure is silent (design/api.md, "Observing").
    console.error(message, details);
  },
};
