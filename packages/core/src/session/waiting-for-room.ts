// SPDX-License-Identifier: Apache-2.0

import type { PublishExchange } from './publish-exchange.ts';

/**
 * QoS 0 messages above the write high-water mark, in call order. Each knows its place among the QoS 1 and 2 messages that wait
 * with it (`sequence`): those behind it in the line wait for it, those that wait for quota anyway do not hold it back.
 *
 * Lives as long as one Network Connection; linked through the exchanges.
 */
export class WaitingForRoom {
  head: PublishExchange | undefined = undefined;
  #tail: PublishExchange | undefined = undefined;
  size = 0;

  has(exchange: PublishExchange): boolean {
    return exchange.waitsIn === this;
  }

  append(exchange: PublishExchange): void {
    exchange.waitsIn = this;
    exchange.previous = this.#tail;
    if (this.#tail === undefined) this.head = exchange;
    else this.#tail.next = exchange;
    this.#tail = exchange;
    this.size += 1;
  }

  remove(exchange: PublishExchange): void {
    const { previous, next } = exchange;
    if (previous === undefined) this.head = next;
    else previous.next = next;
    if (next === undefined) this.#tail = previous;
    else next.previous = previous;
    exchange.waitsIn = undefined;
    exchange.previous = undefined;
    exchange.next = undefined;
    this.size -= 1;
  }
}
