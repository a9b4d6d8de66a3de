// SPDX-License-Identifier: Apache-2.0
//
// How outgoing messages are acknowledged (§4.3, §4.4). An acknowledgement counts for an exchange that waits for it; anything
// else frees nothing (V-025).
//
//   QoS 1   awaitPuback ──PUBACK──▶ settled
//   QoS 2   awaitPubrec ──PUBREC──▶ awaitPubcomp ──PUBCOMP──▶ settled
//               └──PUBREC ≥ 0x80──▶ settled

import type { PubackPacket, PubcompPacket, PubrecPacket } from '@mqttv5/wire';
import { PACKET_IDENTIFIER_NOT_FOUND } from '../api/reason-codes.ts';
import type { OutboundFlow } from './outbound-flow.ts';
import type { OutboundSession } from './outbound-session.ts';
import { FAILURE, refused, resultOf, succeeded } from './outcomes.ts';
import type { PublishExchange } from './publish-exchange.ts';
import { NEVER } from './publish-exchange.ts';
import type { SessionCore } from './session-core.ts';

export class OutboundAcks {
  readonly #core: SessionCore;
  readonly #flow: OutboundFlow;
  readonly #session: OutboundSession;

  constructor(core: SessionCore, flow: OutboundFlow, session: OutboundSession) {
    this.#core = core;
    this.#flow = flow;
    this.#session = session;
  }

  handlePuback(packet: PubackPacket, now: number): void {
    const exchange = this.#awaiting('awaitPuback', packet.packetIdentifier);
    if (exchange === undefined) {
      this.#core.effects.count('acksIgnored');
      return;
    }
    this.#flow.settle(exchange, packet.reasonCode < FAILURE ? succeeded(resultOf(packet)) : refused(exchange, packet));
    this.#core.queues.proceed(now);
  }

  handlePubrec(packet: PubrecPacket, now: number): void {
    const { packetIdentifier } = packet;
    const exchange = this.#awaiting('awaitPubrec', packetIdentifier);
    if (exchange === undefined) {
      this.#handleUnexpectedPubrec(packet);
      return;
    }
    if (packet.reasonCode >= FAILURE) {
      this.#flow.settle(exchange, refused(exchange, packet));
    } else {
      this.#release(exchange, packet);
    }
    this.#core.queues.proceed(now);
  }

  /** PUBREC arrived: from here on the PUBREL stands for the message [MQTT-4.3.3-4] [MQTT-4.3.3-6]. */
  #release(exchange: PublishExchange, packet: PubrecPacket): void {
    const connection = this.#core.connection;
    if (connection === undefined) return;
    if (exchange.sentOn === connection.number) connection.unansweredPublishes -= 1;
    exchange.phase = 'awaitPubcomp';
    exchange.pubrecSequence = this.#flow.nextSequence();
    exchange.result = resultOf(packet);
    // The broker took it: what ends a connection from here on is not this PUBLISH.
    exchange.blames = 0;
    this.#core.journal.putOutbound(exchange, false);
    // Answered before it was sent again on this connection: the cursor skips it.
    if (this.#flow.list.cursor === exchange) this.#flow.list.advance();
    this.#flow.sendPubrel(exchange, connection);
  }

  #handleUnexpectedPubrec({ packetIdentifier, reasonCode }: PubrecPacket): void {
    const { effects } = this.#core;
    if (reasonCode >= FAILURE) {
      effects.count('acksIgnored');
      return;
    }
    const again = this.#awaiting('awaitPubcomp', packetIdentifier);
    if (again === undefined) effects.count('acksIgnored');
    const answer = again === undefined ? PACKET_IDENTIFIER_NOT_FOUND : 0x00;
    effects.send({ type: 'pubrel', packetIdentifier, reasonCode: answer });
  }

  /** Whatever its code, PUBCOMP ends the exchange; the result is PUBREC's. */
  handlePubcomp(packet: PubcompPacket, now: number): void {
    const exchange = this.#awaiting('awaitPubcomp', packet.packetIdentifier);
    if (exchange === undefined) {
      this.#core.effects.count('acksIgnored');
      return;
    }
    const lost =
      packet.reasonCode === PACKET_IDENTIFIER_NOT_FOUND && exchange.doubtOn === this.#core.connection?.number;
    if (lost) this.#session.loseMessage(exchange, now);
    else this.#flow.settle(exchange, succeeded(exchange.result));
    this.#core.queues.proceed(now);
  }

  /** An acknowledgement counts for an exchange that waits for it and whose PUBLISH may have reached the broker. */
  #awaiting(phase: PublishExchange['phase'], packetIdentifier: number): PublishExchange | undefined {
    const owner = this.#core.identifiers.owner(packetIdentifier);
    if (owner === undefined || owner.kind !== 'publish') return undefined;
    return owner.phase === phase && owner.writtenOn !== NEVER ? owner : undefined;
  }
}
