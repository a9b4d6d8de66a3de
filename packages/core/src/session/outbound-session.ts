// SPDX-License-Identifier: Apache-2.0
//
// What connections and sessions do to unfinished outgoing messages: resumption, loss of the connection, loss of the session,
// blame.

import type { Blame } from './blame.ts';
import { MAXIMUM_BLAMES } from './blame.ts';
import type { LiveConnection } from './live-connection.ts';
import type { OutboundFlow } from './outbound-flow.ts';
import { rejectedByDisconnect, sessionLost } from './outcomes.ts';
import { NEVER } from './publish-exchange.ts';
import type { PublishExchange } from './publish-exchange.ts';
import type { SessionCore } from './session-core.ts';

export class OutboundSession {
  readonly #core: SessionCore;
  readonly #flow: OutboundFlow;

  constructor(core: SessionCore, flow: OutboundFlow) {
    this.#core = core;
    this.#flow = flow;
  }

  /** The newest message that was handed out before: up to here PUBLISH packets are resends, behind it they are new. */
  lastHandedOut(): number {
    let last = 0;
    for (const exchange of this.#flow.list) if (exchange.sentOn !== NEVER) last = exchange.sequence;
    return last;
  }

  /**
   * Session Present 1: PUBRELs at once, in PUBREC order (V-015), then PUBLISH packets in send order as quota allows (V-014).
   * [MQTT-4.4.0-1] [MQTT-4.6.0-1] [MQTT-4.6.0-4]
   */
  resume(connection: LiveConnection, now: number): void {
    const { list } = this.#flow;
    const released = [...list].filter((exchange) => exchange.phase === 'awaitPubcomp');
    released.sort((a, b) => a.pubrecSequence - b.pubrecSequence);
    for (const exchange of released) {
      if (connection.inDoubt) exchange.doubtOn = connection.number;
      this.#flow.sendPubrel(exchange, connection);
    }
    list.rewind();
    this.#flow.pump(now);
  }

  /** A session before which there was none: what has been accepted so far goes out as it is. */
  begin(): void {
    for (const exchange of this.#flow.list) exchange.forgetSession();
    this.#flow.list.rewind();
  }

  /** Session Present 0, and there was a session. Its requests are gone already. */
  lose(now: number): void {
    if (this.#core.settings.sessionLoss === 'fail') this.reject();
    else this.#republish(now);
    this.#flow.list.rewind();
  }

  /** Every unfinished message ends with SESSION_LOST. */
  reject(): void {
    // Those of now: who hears of an end may publish again at once, or take back another.
    const exchanges = [...this.#flow.list];
    for (const exchange of exchanges) if (!exchange.settled) this.#flow.settle(exchange, sessionLost(exchange));
  }

  /**
   * A new exchange for every unfinished message, in the original order: new identifier, DUP 0, remaining lifetime. One past
   * PUBREC is among them, since nobody knows whether the broker kept it; it can arrive twice.
   */
  #republish(now: number): void {
    const { journal, identifiers } = this.#core;
    const exchanges = [...this.#flow.list];
    // All removals first: an old identifier may be the new one of another message.
    for (const { packetIdentifier } of exchanges) {
      journal.deleteOutbound(packetIdentifier);
      identifiers.release(packetIdentifier);
    }
    for (const exchange of exchanges) {
      exchange.forgetSession();
      this.#startAnew(exchange);
    }
    // Only now, when all are in order again: who hears of an end may call at once.
    this.#flow.expire(now);
  }

  /** The broker lost this one message: it is treated as sessionLoss treats all, behind what has been sent since. */
  loseMessage(exchange: PublishExchange, now: number): void {
    if (this.#core.settings.sessionLoss === 'fail') {
      this.#flow.settle(exchange, sessionLost(exchange));
      return;
    }
    const { packetIdentifier } = exchange;
    this.#flow.takeOut(exchange);
    this.#core.journal.deleteOutbound(packetIdentifier);
    exchange.forgetSession();
    exchange.sequence = this.#flow.nextSequence();
    this.#flow.list.append(exchange);
    if (exchange.ref !== undefined) this.#flow.producers.started(exchange.ref, exchange);
    this.#startAnew(exchange);
    this.#flow.expire(now);
  }

  #startAnew(exchange: PublishExchange): void {
    const { identifiers, journal } = this.#core;
    // Never 0: at most 65,000 publishes are open, and a new session begins without any identifier taken.
    exchange.packetIdentifier = identifiers.take(exchange);
    journal.putOutbound(exchange, false);
    this.#flow.expiry.add(exchange);
  }

  /** Between connections. Whatever was handed out and never written may expire again. */
  connectionLost(): void {
    this.#flow.endWaiting();
    for (const exchange of this.#flow.list) if (!exchange.written) this.#flow.expiry.add(exchange);
  }

  /** What was written on `connection` and not answered is blamed; what is blamed too often is given up. */
  blame(connection: LiveConnection, { reasonCode }: Blame): void {
    for (const exchange of this.#flow.list) {
      if (exchange.writtenOn !== connection.number || exchange.phase === 'awaitPubcomp') continue;
      exchange.blames += 1;
      if (exchange.blames < MAXIMUM_BLAMES) this.#core.journal.putOutbound(exchange, false);
      else this.#flow.giveUp(exchange, rejectedByDisconnect(exchange, reasonCode, MAXIMUM_BLAMES));
    }
  }
}
