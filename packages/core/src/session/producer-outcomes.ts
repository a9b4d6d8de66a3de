// SPDX-License-Identifier: Apache-2.0
//
// What a publisher queue may ask for after a restart: the exchange it started is still open, or it has ended like this.
// Outcomes are bookkeeping, not Session State: they survive session loss, Clean Start and reset (I-11), until the producer has
// settled durably (I-08).

import type { Settled } from '../api/publish.ts';
import type { ProducerRef } from './producer-ref.ts';
import { refKey } from './producer-ref.ts';
import type { PublishExchange } from './publish-exchange.ts';

/** @internal */
export type Adoption = { readonly open: PublishExchange } | { readonly completed: Settled };

interface Completed {
  readonly ref: ProducerRef;
  readonly outcome: Settled;
}

/** Most clients have no producer: nothing is allocated until there is one. */
export class ProducerOutcomes {
  #open: Map<string, PublishExchange> | undefined;
  #completed: Map<string, Completed> | undefined;

  started(ref: ProducerRef, exchange: PublishExchange): void {
    this.#open ??= new Map();
    this.#open.set(refKey(ref), exchange);
  }

  ended(ref: ProducerRef): void {
    this.#open?.delete(refKey(ref));
  }

  completed(ref: ProducerRef, outcome: Settled): void {
    this.#completed ??= new Map();
    this.#completed.set(refKey(ref), { ref, outcome });
  }

  find(ref: ProducerRef): Adoption | undefined {
    const key = refKey(ref);
    const open = this.#open?.get(key);
    if (open !== undefined) return { open };
    const completed = this.#completed?.get(key);
    return completed === undefined ? undefined : { completed: completed.outcome };
  }

  /** False when there was none. */
  release(ref: ProducerRef): boolean {
    return this.#completed?.delete(refKey(ref)) ?? false;
  }

  *refs(): Generator<ProducerRef, void, undefined> {
    for (const { ref } of this.#open?.values() ?? []) if (ref !== undefined) yield ref;
    for (const { ref } of this.#completed?.values() ?? []) yield ref;
  }
}
