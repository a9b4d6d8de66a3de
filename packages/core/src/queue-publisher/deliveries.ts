// SPDX-License-Identifier: Apache-2.0

import type { WaitOptions } from '../api/common.ts';
import type { PublishResult, Settled } from '../api/publish.ts';
import type { QueuedPublish } from '../api/queue.ts';
import { onAbort } from '../abort.ts';
import { resolveWaitOptions } from '../options/wait-options.ts';

/**
 * Outcomes that are remembered after their entry has gone: an `enqueue` that found the entry may come back a moment after
 * its removal, and its handle has to know.
 */
const REMEMBERED = 4096;

/** The handles of `publish`, by sequence: who waits for which entry. */
export class Deliveries {
  readonly #open = new Map<number, Delivery>();
  readonly #settled = new Map<number, Settled>();
  /** What those hear that nothing else is known of, once the publisher has closed. */
  #ended: Settled | undefined;

  /** The handle of an entry; `outcome` when it is known to be over. */
  handle(sequence: number, id: string, outcome: Settled | undefined): QueuedPublish {
    const delivery = this.#deliveryOf(sequence, this.#settled.get(sequence) ?? outcome ?? this.#ended);
    return { id, delivered: async (options) => await delivery.wait(options) };
  }

  /** The entry's exchange is over. True when somebody hears of it. */
  settle(sequence: number, outcome: Settled): boolean {
    const delivery = this.#open.get(sequence);
    this.#open.delete(sequence);
    this.#settled.set(sequence, outcome);
    const [oldest] = this.#settled.keys();
    if (this.#settled.size > REMEMBERED && oldest !== undefined) this.#settled.delete(oldest);
    return delivery?.settle(outcome) ?? false;
  }

  /** The publisher closes: nobody will hear of what is still open, nor of what comes into the queue after this. */
  end(outcome: Settled): void {
    this.#ended = outcome;
    for (const delivery of this.#open.values()) delivery.settle(outcome);
    this.#open.clear();
  }

  #deliveryOf(sequence: number, outcome: Settled | undefined): Delivery {
    const known = this.#open.get(sequence);
    if (known !== undefined) return known;
    const delivery = new Delivery();
    if (outcome === undefined) this.#open.set(sequence, delivery);
    else delivery.settle(outcome);
    return delivery;
  }
}

/** A promise only for those who ask: nobody's unhandled rejection ends the process. */
class Delivery {
  #outcome: Settled | undefined;
  /** Most have none, and there is a delivery for every message that was queued since the publisher was made. */
  #waiters: Set<(outcome: Settled) => void> | undefined;

  settle(outcome: Settled): boolean {
    this.#outcome = outcome;
    const waiters = this.#waiters ?? [];
    this.#waiters = undefined;
    let heard = false;
    for (const waiter of waiters) {
      waiter(outcome);
      heard = true;
    }
    return heard;
  }

  async wait(options: WaitOptions | undefined): Promise<PublishResult> {
    const signal = resolveWaitOptions(options, 'delivered');
    signal?.throwIfAborted();
    const outcome = this.#outcome ?? (await this.#settled(signal));
    if (outcome.error !== undefined) throw outcome.error;
    return outcome.result;
  }

  #settled(signal: AbortSignal | undefined): Promise<Settled> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: Settled): void => {
        forget();
        resolve(outcome);
      };
      this.#waiters ??= new Set();
      this.#waiters.add(settle);
      const forget = onAbort(signal, (reason) => {
        this.#waiters?.delete(settle);
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- an AbortSignal's reason is passed on as it is.
        reject(reason);
      });
    });
  }
}
