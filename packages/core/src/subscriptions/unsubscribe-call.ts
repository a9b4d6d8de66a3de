// SPDX-License-Identifier: Apache-2.0

import type { SubscribeResult } from '../api/receive.ts';
import { type AnyMqttError, UnsubscribeError } from '../errors.ts';
import { type Deferred, deferred } from './abortable.ts';

/** One `unsubscribe()`, over as many UNSUBSCRIBE packets as it takes. */
export class UnsubscribeCall {
  readonly #done: Deferred<void> = deferred();
  readonly #results: SubscribeResult[] = [];
  #unanswered: number;

  constructor(packets: number) {
    this.#unanswered = packets;
  }

  get done(): Promise<void> {
    return this.#done.promise;
  }

  fail(error: AnyMqttError): void {
    this.#done.reject(error);
  }

  settle(filters: readonly string[], outcome: readonly SubscribeResult[] | AnyMqttError): void {
    this.#unanswered--;
    if (outcome instanceof Error) {
      this.fail(outcome);
      return;
    }
    this.#results.push(...outcome);
    if (this.#unanswered > 0) return;
    const refused = this.#results.filter(({ reasonCode }) => reasonCode >= 0x80);
    if (refused.length === 0) this.#done.resolve();
    else this.fail(new UnsubscribeError(describe(refused, filters.length), this.#results));
  }
}

function describe(refused: readonly SubscribeResult[], filters: number): string {
  const names = refused.map(({ filter, reasonCode }) => `${filter} (0x${reasonCode.toString(16)})`).join(', ');
  return filters === 1 ? `The broker refused to unsubscribe ${names}` : `The broker refused to unsubscribe: ${names}`;
}
