// SPDX-License-Identifier: Apache-2.0

import type { PublishExchange } from './publish-exchange.ts';

/**
 * Messages that may still expire, soonest first: those with a Message Expiry Interval that are not on their way. A binary heap
 * that knows each entry's place (`expiryIndex`), so that one can leave in logarithmic time and nothing that has ended is kept.
 *
 * ```
 *        [0]            parent of i: (i - 1) >> 1
 *     [1]   [2]         children:    2i + 1, 2i + 2
 * ```
 */
export class ExpiryHeap {
  readonly #heap: PublishExchange[] = [];

  get first(): PublishExchange | undefined {
    return this.#heap[0];
  }

  add(exchange: PublishExchange): void {
    if (exchange.expiryIndex >= 0 || exchange.expiresAt === Number.POSITIVE_INFINITY) return;
    this.#heap.push(exchange);
    this.#rise(exchange, this.#heap.length - 1);
  }

  remove(exchange: PublishExchange): void {
    const index = exchange.expiryIndex;
    if (index < 0) return;
    exchange.expiryIndex = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === exchange) return;
    // The last entry fills the gap and finds its place from there.
    this.#sink(last, index);
    if (last.expiryIndex === index) this.#rise(last, index);
  }

  #rise(exchange: PublishExchange, from: number): void {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#heap[above];
      if (parent === undefined || parent.expiresAt <= exchange.expiresAt) break;
      this.#place(parent, index);
      index = above;
    }
    this.#place(exchange, index);
  }

  #sink(exchange: PublishExchange, from: number): void {
    let index = from;
    for (;;) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      const child = right !== undefined && left !== undefined && right.expiresAt < left.expiresAt ? right : left;
      if (child === undefined || child.expiresAt >= exchange.expiresAt) break;
      const below = child.expiryIndex;
      this.#place(child, index);
      index = below;
    }
    this.#place(exchange, index);
  }

  #place(exchange: PublishExchange, index: number): void {
    this.#heap[index] = exchange;
    exchange.expiryIndex = index;
  }
}
