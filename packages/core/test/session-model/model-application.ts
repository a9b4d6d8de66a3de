// SPDX-License-Identifier: Apache-2.0
//
// The application as an observer: what it publishes and how each publish ends, what it is given and what it answers.

import type { PublishPacket } from '@mqttv5/wire';
import type { AckReasonCode } from '../../src/api/receive.ts';
import type {
  ControlRequest,
  InboundExchange,
  ProducerRef,
  PublishExchange,
  PublishOutcome,
  RequestOutcome,
} from '../../src/session/effects.ts';
import type { BrokerSession, Ledger } from './model-broker.ts';
import { ensure } from './model-failure.ts';

/** One message of the application. */
export interface Sent {
  readonly order: number;
  readonly topic: string;
  qos: 0 | 1 | 2;
  exchange: PublishExchange | undefined;
  outcome: PublishOutcome | undefined;
  /** Somebody took ownership of it, ever. */
  taken: number;
  /** Its bytes went to a connection in this session: number of the session, and of the connection. */
  writtenInSession: number;
  /** PUBREC below 0x80 reached the client in this session. */
  releasedInSession: number;
  /** The newest session in which somebody took ownership of it. */
  takenInSession: number;
  /** Order in which its PUBREC reached the client; 0 before. */
  releaseOrder: number;
  /** A session in doubt has lost it at the broker: it may be there twice. */
  duplicatesAllowed: boolean;
  readonly ref: ProducerRef | undefined;
  /** Its producer has settled. */
  released: boolean;
  /** The process that accepted it was killed before its record was committed. */
  forgotten: boolean;
}

/** A QoS 1 or 2 message the application was given. */
export interface Given {
  readonly topic: string;
  readonly exchange: InboundExchange;
  answered: AckReasonCode | undefined;
}

export class ModelApplication implements Ledger {
  readonly sent: Map<string, Sent> = new Map();
  /** Messages of this process that wait for the application's answer. */
  held: Given[] = [];
  readonly #givenAtQoS2 = new Set<string>();
  /** Every topic ever given. */
  readonly given: Set<string> = new Set();
  /** Every seventh message is one the broker cannot stand. */
  readonly poison: boolean;
  /** Number of the session as the client counts: one more for each verdict "new" and "lost", and for a justified doubt. */
  session = 1;
  /** A session was resumed in doubt. */
  doubted = false;
  /** A doubt turned out to be justified: what QoS 2 promises for one session does not hold for two that look alike. */
  ambiguous = false;
  readonly openRequests: Set<ControlRequest> = new Set();
  /** Order of the newest QoS 1 or 2 PUBLISH that arrived on each connection of now. */
  #lastArrived = 0;
  /** Of the newest first transmission at QoS 1 or 2, and of the newest QoS 0. */
  #lastFirst = 0;
  #lastQoS0 = 0;

  constructor(poison: boolean) {
    this.poison = poison;
  }

  isGivenUp(topic: string): boolean {
    return this.find(topic).outcome?.error !== undefined;
  }

  isPoison(topic: string): boolean {
    return this.poison && Number(topic.slice(2)) % 7 === 3;
  }

  accept(topic: string, qos: 0 | 1 | 2, ref: ProducerRef | undefined): Sent {
    const order = this.sent.size + 1;
    const sent: Sent = {
      order,
      topic,
      qos,
      exchange: undefined,
      outcome: undefined,
      taken: 0,
      writtenInSession: 0,
      releasedInSession: 0,
      takenInSession: 0,
      releaseOrder: 0,
      duplicatesAllowed: false,
      ref,
      released: false,
      forgotten: false,
    };
    this.sent.set(topic, sent);
    return sent;
  }

  find(topic: string): Sent {
    const sent = this.sent.get(topic);
    ensure(sent !== undefined, `${topic} was never published`);
    return sent;
  }

  /** Accepted at QoS 1 or 2 and not ended. */
  *unfinished(): Generator<Sent> {
    for (const sent of this.sent.values()) {
      if (sent.qos > 0 && sent.outcome === undefined && !sent.forgotten) yield sent;
    }
  }

  /** The engine has decided: a success is one in the session of now. */
  decided(exchange: PublishExchange, outcome: PublishOutcome): void {
    const sent = this.find(exchange.topic);
    if (outcome.error !== undefined || exchange.qos === 0 || this.ambiguous) return;
    ensure(sent.takenInSession === this.session, `${sent.topic} succeeded, and no broker took it in this session`);
  }

  settled(exchange: PublishExchange, outcome: PublishOutcome): void {
    const sent = this.find(exchange.topic);
    ensure(sent.outcome === undefined, `${sent.topic} ended twice`);
    sent.outcome = outcome;
    if (outcome.error === undefined) {
      ensure(exchange.qos === 0 || sent.taken > 0, `${sent.topic} succeeded, and no broker took it`);
      return;
    }
    const { delivery, code } = outcome.error;
    const blamed = code === 'REJECTED_BY_DISCONNECT';
    ensure(!blamed || !this.poison || this.isPoison(sent.topic), `${sent.topic} was given up and is innocent`);
    ensure(delivery !== undefined, `${sent.topic} ended with ${code} and without delivery`);
    // These two are always "notSent": they speak of the exchange that ends, not of one in a session that was lost.
    const always = code === 'MESSAGE_EXPIRED' || code === 'PACKET_TOO_LARGE';
    ensure(delivery !== 'notSent' || sent.taken === 0 || always, `${sent.topic} was sent, ${code} says notSent`);
  }

  answered(request: ControlRequest, outcome: RequestOutcome): void {
    ensure(this.openRequests.delete(request), 'a request ended twice');
    if ('packet' in outcome)
      ensure(outcome.packet.type === (request.type === 'subscribe' ? 'suback' : 'unsuback'), 'wrong answer');
  }

  // -- What arrives at a broker

  newConnection(): void {
    this.#lastArrived = 0;
    this.#lastFirst = 0;
    this.#lastQoS0 = 0;
  }

  taken(topic: string, qos: number, session: BrokerSession): void {
    const sent = this.find(topic);
    sent.taken += 1;
    sent.takenInSession = this.session;
    if (qos < 2) return;
    const times = (session.takenAtQoS2.get(topic) ?? 0) + 1;
    session.takenAtQoS2.set(topic, times);
    ensure(times === 1 || sent.duplicatesAllowed, `${topic} taken ${times} times at QoS 2 in one session`);
  }

  arrived(packet: PublishPacket, topic: string): void {
    const sent = this.find(topic);
    if (packet.qos === 0) {
      // V-029: neither a later QoS 1 or 2 overtakes it nor a later QoS 0.
      ensure(sent.order > this.#lastFirst && sent.order > this.#lastQoS0, `${topic} (QoS 0) overtaken`);
      this.#lastQoS0 = sent.order;
      sent.taken += 1;
      return;
    }
    // In send order on each connection, first transmissions and resends alike [MQTT-4.6.0-1].
    if (sent.duplicatesAllowed) return;
    ensure(sent.order > this.#lastArrived, `${topic} out of order`);
    this.#lastArrived = sent.order;
    if (!packet.dup) this.#lastFirst = sent.order;
  }

  // -- What the client delivers

  delivered(packet: PublishPacket, topic: string, exchange: InboundExchange | undefined): void {
    this.given.add(topic);
    if (exchange === undefined) {
      ensure(packet.qos === 0, `${topic} without exchange`);
      return;
    }
    ensure(exchange.qos === packet.qos, `${topic} at another QoS`);
    const twice = this.held.some((given) => given.topic === topic);
    // After a doubt a message at QoS 1 may come twice rather than never.
    ensure(!twice || this.doubted, `${topic} given again while it is held`);
    if (packet.qos === 2) {
      ensure(this.ambiguous || !this.#givenAtQoS2.has(topic), `${topic} given twice at QoS 2`);
      this.#givenAtQoS2.add(topic);
    }
    this.held.push({ topic, exchange, answered: undefined });
  }

  /** A refused message may be given again when the refusal got lost [MQTT-4.3.3-9]. */
  mayBeGivenAgain(topic: string): void {
    this.#givenAtQoS2.delete(topic);
  }

  /** Closed and to be opened again: what is in hand comes again. */
  disconnected(): void {
    for (const { topic } of this.held) this.#givenAtQoS2.delete(topic);
    this.held = [];
  }

  /** The process is killed: promises, handles and requests go with it. */
  crash(): void {
    for (const sent of this.sent.values()) {
      sent.exchange = undefined;
      if (sent.qos === 0 && sent.outcome === undefined) sent.forgotten = true;
    }
    this.held = [];
    this.#givenAtQoS2.clear();
    this.openRequests.clear();
  }
}
