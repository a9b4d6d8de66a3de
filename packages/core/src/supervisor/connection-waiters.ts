// SPDX-License-Identifier: Apache-2.0

import type { ConnackInfo } from '../api/connect.ts';
import { type Deferred, deferred, orAborted } from '../abort.ts';

/** Calls that wait for the next connection: of `awaitConnection`, until there is one or there will be none. */
export class ConnectionWaiters {
  /** Most clients have none. */
  #waiters: Set<Deferred<ConnackInfo>> | undefined;

  wait(signal: AbortSignal | undefined): Promise<ConnackInfo> {
    const waiter = deferred<ConnackInfo>();
    this.#waiters ??= new Set();
    this.#waiters.add(waiter);
    return orAborted(waiter.promise, signal).finally(() => this.#waiters?.delete(waiter));
  }

  resolve(info: ConnackInfo): void {
    this.#end((waiter) => waiter.resolve(info));
  }

  reject(reason: unknown): void {
    this.#end((waiter) => waiter.reject(reason));
  }

  #end(end: (waiter: Deferred<ConnackInfo>) => void): void {
    const waiters = this.#waiters;
    this.#waiters = undefined;
    waiters?.forEach(end);
  }
}
