// SPDX-License-Identifier: Apache-2.0

import type { Report } from '../api/logger.ts';
import { isMqttError } from '../errors.ts';

/** A queue that fails is tried again for as long as it does. That is said when it begins, and not at every try. */
export class QueueTrouble {
  readonly #report: Report;
  #begun = false;

  constructor(report: Report) {
    this.#report = report;
  }

  /** False when the queue was closed under the publisher, which is no trouble and does not pass. */
  passes(error: unknown): boolean {
    if (isMqttError(error) && error.code === 'QUEUE_CLOSED') return false;
    if (!this.#begun) this.#report('mqtt: the publisher queue failed; it is tried again', error);
    this.#begun = true;
    return true;
  }

  over(): void {
    this.#begun = false;
  }
}
