// SPDX-License-Identifier: Apache-2.0

import type { InboundExchange } from './inbound-exchange.ts';

/**
 * The order in which acknowledgements of one kind have to leave: that in which their PUBLISH packets arrived on this
 * connection [MQTT-4.6.0-2] [MQTT-4.6.0-3]. PUBACKs and PUBRECs have one each.
 *
 * Lives as long as one Network Connection: an acknowledgement is an answer on the connection where the PUBLISH arrived. A
 * message of an earlier connection joins when the broker sends it again.
 */
export class AckOrder {
  #head: InboundExchange | undefined;
  #tail: InboundExchange | undefined;

  /** Harmless for one that waits here already. `connection`: the number of this one. */
  join(exchange: InboundExchange, connection: number): void {
    if (exchange.orderedOn === connection) return;
    exchange.orderedOn = connection;
    exchange.next = undefined;
    if (this.#tail === undefined) this.#head = exchange;
    else this.#tail.next = exchange;
    this.#tail = exchange;
  }

  /** The next one whose turn has come and which has been answered; it leaves the line. */
  takeAnswered(): InboundExchange | undefined {
    const exchange = this.#head;
    if (exchange === undefined || exchange.phase === 'held') return undefined;
    this.#head = exchange.next;
    if (this.#head === undefined) this.#tail = undefined;
    exchange.next = undefined;
    exchange.orderedOn = 0;
    return exchange;
  }
}
