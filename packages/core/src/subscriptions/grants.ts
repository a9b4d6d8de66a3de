// SPDX-License-Identifier: Apache-2.0

import type { SubscribeResult, TopicFilter } from '../api/receive.ts';
import type { AnyMqttError } from '../errors.ts';
import { type Deferred, deferred } from '../abort.ts';

/**
 * What the broker said to the filters of one subscription. It settles once, with the answer to the last filter; what a
 * later resubscription brings only changes the results.
 */
export class Grants {
  readonly #results = new Map<string, SubscribeResult | undefined>();
  #unanswered: number;
  #settled = false;
  #error: AnyMqttError | undefined;
  /** Made when somebody waits. */
  #waiting: Deferred<void> | undefined;

  constructor(filters: readonly TopicFilter[]) {
    for (const { filter } of filters) this.#results.set(filter, undefined);
    this.#unanswered = this.#results.size;
  }

  /** Of the filters that were answered, in the order of the call. */
  get results(): readonly SubscribeResult[] {
    return [...this.#results.values()].filter((result) => result !== undefined);
  }

  get refusals(): readonly SubscribeResult[] {
    return this.results.filter((result) => result.reasonCode >= 0x80);
  }

  get allAnswered(): boolean {
    return this.#unanswered === 0;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Somebody will be told the outcome. */
  get awaited(): boolean {
    return this.#waiting !== undefined;
  }

  note(result: SubscribeResult): void {
    if (this.#results.get(result.filter) === undefined) this.#unanswered--;
    this.#results.set(result.filter, result);
  }

  /** The outcome of the call, the first time. */
  settle(error: AnyMqttError | undefined): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#error = error;
    if (error === undefined) this.#waiting?.resolve();
    else this.#waiting?.reject(error);
  }

  /** There is nobody to answer for now. Those who wait are told, those who will wait still get the outcome. */
  rejectWaiting(error: AnyMqttError): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  /** Resolves when every filter is granted. */
  wait(): Promise<void> {
    if (this.#waiting === undefined) {
      this.#waiting = deferred();
      if (this.#settled && this.#error === undefined) this.#waiting.resolve();
      else if (this.#settled) this.#waiting.reject(this.#error);
    }
    return this.#waiting.promise;
  }
}
