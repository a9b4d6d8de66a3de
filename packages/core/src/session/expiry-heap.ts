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
  /** Made with the first: most messages do not expire. */
  #heap: PublishExchange[] | undefined;

  get first(): PublishExchange | undefined {
    return this.#heap?.[0];
  }

  add(exchange: PublishExchange): void {
    if (exchange.expiryIndex >= 0 || exchange.expiresAt === Number.POSITIVE_INFINITY) return;
    this.#heap ??= [];
    this.#heap.push(exchange);
    rise(this.#heap, exchange, this.#heap.length - 1);
  }

  remove(exchange: PublishExchange): void {
    const index = exchange.expiryIndex;
    const heap = this.#heap;
    if (index < 0 || heap === undefined) return;
    exchange.expiryIndex = -1;
    const last = heap.pop();
    if (last === undefined || last === exchange) return;
    // The last entry fills the gap and finds its place from there.
    sink(heap, last, index);
    if (last.expiryIndex === index) rise(heap, last, index);
  }
}

function rise(heap: PublishExchange[], exchange: PublishExchange, from: number): void {
  let index = from;
  while (index > 0) {
    const above = (index - 1) >> 1;
    const parent = heap[above];
    if (parent === undefined || parent.expiresAt <= exchange.expiresAt) break;
    place(heap, parent, index);
    index = above;
  }
  place(heap, exchange, index);
}

function sink(heap: PublishExchange[], exchange: PublishExchange, from: number): void {
  let index = from;
  for (;;) {
    const left = heap[2 * index + 1];
    const right = heap[2 * index + 2];
    const child = right !== undefined && left !== undefined && right.expiresAt < left.expiresAt ? right : left;
    if (child === undefined || child.expiresAt >= exchange.expiresAt) break;
    const below = child.expiryIndex;
    place(heap, child, index);
    index = below;
  }
  place(heap, exchange, index);
}

function place(heap: PublishExchange[], exchange: PublishExchange, index: number): void {
  heap[index] = exchange;
  exchange.expiryIndex = index;
}
