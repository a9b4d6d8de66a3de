// SPDX-License-Identifier: Apache-2.0
//
// Incoming messages: validated, de-duplicated, delivered, acknowledged in arrival order when the application has answered
// (§4.3, §4.6, §3.3.4).
//
//   QoS 1   PUBLISH ─▶ held ──answer──▶ answered ──its turn: PUBACK──▶ done
//   QoS 2   PUBLISH ─▶ held ──answer < 0x80──▶ awaitPubrel ──its turn: PUBREC──▶ (PUBREL: PUBCOMP) ──▶ done
//                        └────answer ≥ 0x80──▶ answered ──its turn: PUBREC──▶ done
//
// A turn comes on the connection where the PUBLISH arrived last. One that arrived on an earlier connection waits until the
// broker has sent it again.

import type { PublishPacket, PubrelPacket } from '@mqttv5/wire';
import { PACKET_IDENTIFIER_NOT_FOUND, PROTOCOL_ERROR, RECEIVE_MAXIMUM_EXCEEDED } from '../api/reason-codes.ts';
import type { AckReasonCode } from '../api/receive.ts';
import { IdentifierTable } from './identifier-table.ts';
import type { Violation } from './inbound-aliases.ts';
import { InboundExchange } from './inbound-exchange.ts';
import type { LiveConnection } from './live-connection.ts';
import { FAILURE } from './outcomes.ts';
import type { SessionCore } from './session-core.ts';

/** Shared by all that have received nothing yet, and never written to: an idle client pays for no table. */
const NONE: IdentifierTable<InboundExchange> = new IdentifierTable();

export class InboundFlow {
  readonly #core: SessionCore;
  /** By identifier: the broker's numbers, a space of their own (§2.2.1). Session State. */
  #exchanges: IdentifierTable<InboundExchange> = NONE;
  /** How often this session was resumed in doubt: records from before such a time may be of another session. */
  doubts = 0;

  constructor(core: SessionCore) {
    this.#core = core;
  }

  /** A record of the store: PUBREC was decided, perhaps sent. */
  restore(packetIdentifier: number, doubts: number = this.doubts): void {
    const exchange = new InboundExchange(2, packetIdentifier, 0, doubts);
    exchange.phase = 'awaitPubrel';
    this.#remember(exchange);
  }

  handlePublish(packet: PublishPacket, connection: LiveConnection): Violation | undefined {
    const topic = connection.inboundAliases.resolve(packet);
    if (typeof topic !== 'string') return topic;
    if (packet.qos === 0) {
      this.#deliver(packet, topic, undefined);
      return undefined;
    }
    const known = this.#exchanges.get(packet.packetIdentifier);
    if (known !== undefined && this.#isRepeat(packet, known, connection)) return this.#handleRepeat(known, connection);
    if (known !== undefined && known.arrivedOn === connection.number) {
      const detail = `PUBLISH at QoS ${packet.qos} under identifier ${packet.packetIdentifier}, which is in use at QoS ${known.qos}`;
      return { reasonCode: PROTOCOL_ERROR, detail };
    }
    const excess = this.#countArrival(connection);
    if (excess !== undefined) return excess;
    if (known !== undefined) this.#forget(known);
    const exchange = new InboundExchange(packet.qos, packet.packetIdentifier, connection.number, this.doubts);
    this.#remember(exchange);
    connection.answers(packet.qos).join(exchange, connection.number);
    this.#deliver(packet, topic, exchange);
    return undefined;
  }

  /**
   * Whether the PUBLISH is one that is here already. QoS 2 tells by the identifier [MQTT-4.3.3-10], QoS 1 of an earlier
   * connection needs DUP too: its identifier may be free again for a broker that got our PUBACK [MQTT-4.3.2-5].
   */
  #isRepeat(packet: PublishPacket, known: InboundExchange, connection: LiveConnection): boolean {
    if (known.qos !== packet.qos) return false;
    if (known.arrivedOn === connection.number) return true;
    // From before a doubt: a broker that has begun anew since uses its identifiers anew. On the connection that resumed in
    // doubt its DUP tells; later a new message can carry DUP too, and at QoS 1 twice is better than never.
    if (known.doubts < this.doubts) {
      return packet.dup && (packet.qos === 2 || (connection.inDoubt && known.doubts === this.doubts - 1));
    }
    return packet.dup || packet.qos === 2;
  }

  /** Neither delivered nor acknowledged again, except that its answer is due on this connection now. */
  #handleRepeat(exchange: InboundExchange, connection: LiveConnection): Violation | undefined {
    if (exchange.arrivedOn !== connection.number) {
      const excess = this.#countArrival(connection);
      if (excess !== undefined) return excess;
      exchange.arrivedOn = connection.number;
      exchange.doubts = this.doubts;
      connection.answers(exchange.qos).join(exchange, connection.number);
    } else if (exchange.phase === 'awaitPubrel') {
      // PUBREC again (V-040); harmless when the first still waits for its turn.
      connection.answers(2).join(exchange, connection.number);
    }
    this.#acknowledgeInOrder(exchange.qos, connection);
    return undefined;
  }

  /** Our Receive Maximum: identifiers that arrived on this connection and are not answered to the end (§3.3.4). */
  #countArrival(connection: LiveConnection): Violation | undefined {
    const { receiveMaximum } = this.#core.settings;
    if (connection.unansweredInbound >= receiveMaximum) {
      return { reasonCode: RECEIVE_MAXIMUM_EXCEEDED, detail: `More than ${receiveMaximum} unanswered PUBLISH packets` };
    }
    connection.unansweredInbound += 1;
    return undefined;
  }

  #deliver(packet: PublishPacket, topic: string, exchange: InboundExchange | undefined): void {
    this.#core.effects.count('messagesReceived');
    this.#core.effects.deliver(packet, topic, exchange);
  }

  // -- Answers

  /** The application's answer. Without effect on an exchange that is answered, replaced, or of another session. */
  acknowledge(exchange: InboundExchange, reasonCode: AckReasonCode): void {
    if (exchange.phase !== 'held' || this.#exchanges.get(exchange.packetIdentifier) !== exchange) return;
    exchange.reasonCode = reasonCode;
    if (exchange.qos === 2 && reasonCode < FAILURE) {
      exchange.phase = 'awaitPubrel';
      // I-04: decided now; PUBREC leaves when this is stored and its turn has come.
      this.#core.journal.putInbound(exchange);
    } else {
      exchange.phase = 'answered';
    }
    const { connection } = this.#core;
    // §4.4: an answer to what arrived on an earlier connection waits for the PUBLISH to come again.
    if (connection === undefined || exchange.arrivedOn !== connection.number) return;
    this.#acknowledgeInOrder(exchange.qos, connection);
  }

  #acknowledgeInOrder(qos: 1 | 2, connection: LiveConnection): void {
    if (connection.violated) return;
    const order = connection.answers(qos);
    for (let exchange = order.takeAnswered(); exchange !== undefined; exchange = order.takeAnswered()) {
      if (exchange.phase !== 'done') this.#sendAcknowledgement(exchange, connection);
    }
  }

  #sendAcknowledgement(exchange: InboundExchange, connection: LiveConnection): void {
    const { packetIdentifier, reasonCode } = exchange;
    // Past this packet the identifier is free: the next PUBLISH under it is a new message [MQTT-4.3.2-5] [MQTT-4.3.3-9].
    if (exchange.phase === 'answered') this.#finish(exchange, connection);
    this.#core.effects.count('acksSent');
    this.#core.effects.send({ type: exchange.qos === 1 ? 'puback' : 'pubrec', packetIdentifier, reasonCode });
  }

  handlePubrel({ packetIdentifier }: PubrelPacket, connection: LiveConnection): Violation | undefined {
    const exchange = this.#exchanges.get(packetIdentifier);
    let reasonCode = PACKET_IDENTIFIER_NOT_FOUND;
    if (exchange?.qos === 2) {
      if (exchange.phase === 'awaitPubrel') {
        reasonCode = 0x00;
      } else if (exchange.arrivedOn === connection.number) {
        return { reasonCode: PROTOCOL_ERROR, detail: `PUBREL for identifier ${packetIdentifier} before its PUBREC` };
      }
      // Otherwise the broker speaks of another message: it is not going to send ours again, and the identifier is its own.
      this.#finish(exchange, connection);
    }
    this.#core.effects.count('acksSent');
    this.#core.effects.send({ type: 'pubcomp', packetIdentifier, reasonCode });
    return undefined;
  }

  #finish(exchange: InboundExchange, connection: LiveConnection): void {
    if (exchange.arrivedOn === connection.number) connection.unansweredInbound -= 1;
    this.#forget(exchange);
  }

  #remember(exchange: InboundExchange): void {
    if (this.#exchanges === NONE) this.#exchanges = new IdentifierTable();
    this.#exchanges.set(exchange.packetIdentifier, exchange);
  }

  /** I-05: the record goes before PUBCOMP leaves. */
  #forget(exchange: InboundExchange): void {
    const stored = exchange.phase === 'awaitPubrel';
    exchange.phase = 'done';
    this.#exchanges.delete(exchange.packetIdentifier);
    if (stored) this.#core.journal.deleteInbound(exchange.packetIdentifier);
  }

  /** Closed by the application: what nobody has answered is given out anew when the broker sends it again. */
  releaseHeld(): void {
    for (const [, exchange] of this.#exchanges.entries()) if (exchange.phase === 'held') this.#forget(exchange);
  }

  /** The session is gone: what the application still answers reaches nobody (V-041). */
  lose(): void {
    for (const [, exchange] of this.#exchanges.entries()) this.#forget(exchange);
    this.doubts = 0;
  }
}
