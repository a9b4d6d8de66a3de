// SPDX-License-Identifier: Apache-2.0

import type { PublishExchange } from './publish-exchange.ts';

/**
 * Unfinished outgoing QoS 1 and 2 messages in send order. One list is both the session's memory and the line in front of the
 * send quota, because resends, waiters and new messages all leave in this order (§4.6):
 *
 * ```
 *   head                     cursor                tail
 *    │ sent on this connection │ to be sent on it    │
 *    ▼                         ▼                     ▼
 *   [a]──[b: awaits PUBCOMP]──[c: resend]──[d: new]──[e: new]
 * ```
 *
 * Linked through the exchanges themselves: joining, leaving and moving on cost a few assignments.
 */
export class OutboundList {
  head: PublishExchange | undefined = undefined;
  #tail: PublishExchange | undefined = undefined;
  /** The first PUBLISH that has not been handed out on this connection. */
  cursor: PublishExchange | undefined = undefined;
  size = 0;

  append(exchange: PublishExchange): void {
    const last = this.#tail;
    exchange.previous = last;
    exchange.next = undefined;
    if (last === undefined) this.head = exchange;
    else last.next = exchange;
    this.#tail = exchange;
    this.cursor ??= exchange;
    this.size += 1;
  }

  remove(exchange: PublishExchange): void {
    const { previous, next } = exchange;
    if (this.cursor === exchange) this.cursor = toSend(next);
    if (previous === undefined) this.head = next;
    else previous.next = next;
    if (next === undefined) this.#tail = previous;
    else next.previous = previous;
    exchange.previous = undefined;
    exchange.next = undefined;
    this.size -= 1;
  }

  /** The PUBLISH at the cursor has been handed out. */
  advance(): void {
    this.cursor = toSend(this.cursor?.next);
  }

  /** A new connection: everything that awaits PUBACK or PUBREC has to be sent on it. */
  rewind(): void {
    this.cursor = toSend(this.head);
  }

  *[Symbol.iterator](): Generator<PublishExchange, void, undefined> {
    let exchange = this.head;
    while (exchange !== undefined) {
      // Read first: the consumer may remove the exchange it is given.
      const { next } = exchange;
      yield exchange;
      exchange = next;
    }
  }
}

/** Past PUBREC a message is represented by its PUBREL [MQTT-4.3.3-6]: the cursor skips it. */
function toSend(from: PublishExchange | undefined): PublishExchange | undefined {
  let exchange = from;
  while (exchange !== undefined && exchange.phase === 'awaitPubcomp') exchange = exchange.next;
  return exchange;
}
