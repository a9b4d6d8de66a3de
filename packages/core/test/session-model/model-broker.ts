// SPDX-License-Identifier: Apache-2.0
//
// The broker as the standard describes it, written without a look at the engine, and an observer: whatever the client sends is
// checked against what it may send.

import type {
  ConnackPacket,
  ConnectPacket,
  Packet,
  PubackPacket,
  PublishPacket,
  PubrecPacket,
  PubrelPacket,
  SubscribePacket,
  UnsubscribePacket,
} from '@mqttv5/wire';
import { ensure } from './model-failure.ts';
import type { Random } from './random.ts';

/** A message for the client. */
export interface Delivery {
  readonly topic: string;
  readonly qos: 1 | 2;
  packetIdentifier: number;
  state: 'queued' | 'publish' | 'pubrel';
  /** Connection on which its PUBLISH or PUBREL went out last. */
  sentOn: number;
  /** Sent on any connection: its next PUBLISH carries DUP. */
  sent: boolean;
  /** Its identifier was another's that the broker gave up on: a resend looks like one of the other. */
  uncertain: boolean;
}

/** One session of the client at a broker (§4.1). */
export class BrokerSession {
  readonly tag: number;
  /** Awaiting PUBREL: identifier to topic. */
  readonly received: Map<number, string> = new Map();
  readonly deliveries: Delivery[] = [];
  /** How often a topic was taken over at QoS 2. */
  readonly takenAtQoS2: Map<string, number> = new Map();
  /** Identifiers of messages the broker gave up on. */
  readonly abandoned: Set<number> = new Set();
  nextIdentifier = 0;
  lostAt: number | undefined;

  constructor(tag: number) {
    this.tag = tag;
  }
}

/** Where sessions are kept: one for each broker, or one for a cluster. */
export interface SessionDirectory {
  readonly sessions: Map<string, BrokerSession>;
  nextTag: number;
}

/** What the whole world knows about messages of the client. */
export interface Ledger {
  /** Times a broker took ownership. */
  taken(topic: string, qos: number, session: BrokerSession): void;
  /** A PUBLISH has arrived: the order of arrivals is the client's order. */
  arrived(packet: PublishPacket, topic: string): void;
  /** A doubt was justified: a broker may hold flows of another session under the identifiers of this one. */
  readonly ambiguous: boolean;
  isGivenUp(topic: string): boolean;
  /** The broker cannot stand it. */
  isPoison(topic: string): boolean;
}

export interface BrokerLimits {
  readonly receiveMaximum: number;
  readonly maximumQoS: 0 | 1 | 2;
  readonly topicAliasMaximum: number;
  readonly maximumPacketSize: number | undefined;
}

/** What a client said in CONNECT that the broker has to respect. */
export interface ClientLimits {
  readonly receiveMaximum: number;
  readonly topicAliasMaximum: number;
  readonly sessionExpiryInterval: number;
}

/** One connection, seen from the broker. */
export class BrokerConnection {
  readonly number: number;
  readonly session: BrokerSession;
  readonly limits: BrokerLimits;
  readonly #client: ClientLimits;
  readonly #identifiers: number;
  readonly #random: Random;
  readonly #ledger: Ledger;
  readonly #send: (packet: Packet) => void;
  /** Identifiers of the client's PUBLISH packets that are not answered to the end: what our Receive Maximum bounds. */
  readonly #open = new Set<number>();
  readonly #aliasesIn: (string | undefined)[] = [];
  /** QoS 1 and 2 deliveries sent here and not answered, in order of arrival at the client. */
  readonly #awaitingPuback: number[] = [];
  readonly #awaitingPubrec: number[] = [];
  /** Answers the broker takes its time with. */
  readonly #later: Packet[] = [];
  /** It has sent DISCONNECT. */
  #closed = false;

  constructor(
    number: number,
    session: BrokerSession,
    limits: BrokerLimits,
    client: ClientLimits,
    tools: { identifiers: number; random: Random; ledger: Ledger; send: (packet: Packet) => void },
  ) {
    this.number = number;
    this.session = session;
    this.limits = limits;
    this.#client = client;
    this.#identifiers = tools.identifiers;
    this.#random = tools.random;
    this.#ledger = tools.ledger;
    this.#send = tools.send;
  }

  get idle(): boolean {
    return this.#later.length === 0 && this.session.deliveries.length === 0;
  }

  handle(packet: Packet): void {
    if (this.#closed) return;
    switch (packet.type) {
      case 'publish':
        return this.#handlePublish(packet);
      case 'puback':
        return this.#handlePuback(packet);
      case 'pubrec':
        return this.#handlePubrec(packet);
      case 'pubrel':
        return this.#handlePubrel(packet);
      case 'pubcomp':
        return this.#handlePubcomp(packet.packetIdentifier);
      case 'subscribe':
      case 'unsubscribe':
        return this.#handleRequest(packet);
      default:
        ensure(false, `the client sent ${packet.type}`);
    }
  }

  /** A resumed session: some of what the standard leaves open. */
  resume(): void {
    // An answer that was lost may come again before its PUBLISH does.
    if (!this.#random.chance(20)) return;
    for (const packetIdentifier of this.session.received.keys())
      this.#send({ type: 'pubrec', packetIdentifier, reasonCode: 0x00 });
  }

  /** One answer that was put off. */
  answerLater(): void {
    if (this.#closed) return;
    const packet = this.#later.shift();
    if (packet !== undefined) this.#reply(packet);
  }

  #answer(packet: Packet): void {
    // In order once one waits: acknowledgements of a kind must not overtake each other.
    if (this.#later.length > 0 || this.#random.chance(25)) this.#later.push(packet);
    else this.#reply(packet);
  }

  #reply(packet: Packet): void {
    const ends =
      packet.type === 'puback' || packet.type === 'pubcomp' || (packet.type === 'pubrec' && packet.reasonCode >= 0x80);
    if (ends) this.#open.delete(packet.packetIdentifier);
    this.#send(packet);
  }

  // -- What the client publishes

  #handlePublish(packet: PublishPacket): void {
    const topic = this.#topicOf(packet);
    ensure(packet.qos <= this.limits.maximumQoS, `PUBLISH ${topic} above Maximum QoS`);
    this.#ledger.arrived(packet, topic);
    if (packet.qos === 0) return;
    if (this.#ledger.isPoison(topic)) {
      this.#closed = true;
      this.#send({ type: 'disconnect', reasonCode: PAYLOAD_FORMAT_INVALID });
      return;
    }
    const { packetIdentifier } = packet;
    this.#open.add(packetIdentifier);
    ensure(
      this.#open.size <= this.limits.receiveMaximum,
      `Receive Maximum ${this.limits.receiveMaximum} exceeded by ${topic}`,
    );
    const reasonCode = this.#random.chance(8) ? 0x97 : this.#random.pick([0x00, 0x00, 0x10]);
    if (packet.qos === 1) {
      if (reasonCode < 0x80) this.#ledger.taken(topic, 1, this.session);
      this.#answer({ type: 'puback', packetIdentifier, reasonCode });
      return;
    }
    const known = this.session.received.get(packetIdentifier);
    if (known !== undefined) {
      const { ambiguous } = this.#ledger;
      ensure(ambiguous || known === topic, `identifier ${packetIdentifier} of ${known} used for ${topic}`);
      ensure(ambiguous || packet.dup, `${topic} repeated without DUP`);
      // Two sessions look alike, and this is how a message gets lost between them: nobody can tell.
      if (known !== topic) this.#ledger.taken(topic, 1, this.session);
      this.#answer({ type: 'pubrec', packetIdentifier, reasonCode: 0x00 });
      return;
    }
    if (reasonCode < 0x80) {
      this.session.received.set(packetIdentifier, topic);
      // V-025: answers of the wrong kind free nothing.
      if (this.#random.chance(3)) {
        this.#send({ type: 'puback', packetIdentifier, reasonCode: 0x00 });
        this.#send({ type: 'suback', packetIdentifier, reasonCodes: [0] });
      }
      this.#ledger.taken(topic, 2, this.session);
    }
    this.#answer({ type: 'pubrec', packetIdentifier, reasonCode });
  }

  #topicOf({ topicName, properties }: PublishPacket): string {
    const alias = properties?.topicAlias;
    if (alias === undefined) return topicName;
    ensure(alias >= 1 && alias <= this.limits.topicAliasMaximum, `Topic Alias ${alias} out of range`);
    if (topicName !== '') this.#aliasesIn[alias] = topicName;
    const topic = this.#aliasesIn[alias];
    ensure(topic !== undefined, `Topic Alias ${alias} used before its topic`);
    return topic;
  }

  #handlePubrel({ packetIdentifier, reasonCode }: PubrelPacket): void {
    const topic = this.session.received.get(packetIdentifier);
    const known = this.session.received.delete(packetIdentifier);
    // 0x92 for one that the client has given up, because it does not fit this connection.
    ensure(
      topic === undefined || this.#ledger.ambiguous || this.#ledger.isGivenUp(topic) || reasonCode === 0x00,
      `PUBREL 0x${reasonCode.toString(16)} for an open message`,
    );
    this.#answer({ type: 'pubcomp', packetIdentifier, reasonCode: known ? 0x00 : 0x92 });
  }

  #handleRequest(packet: SubscribePacket | UnsubscribePacket): void {
    const { packetIdentifier } = packet;
    if (packet.type === 'subscribe')
      this.#answer({ type: 'suback', packetIdentifier, reasonCodes: packet.filters.map(() => 1) });
    else this.#answer({ type: 'unsuback', packetIdentifier, reasonCodes: packet.topicFilters.map(() => 0) });
  }

  // -- What the client is given

  /** Sends what is due: after a resumption what is unanswered, then what is queued, within the client's Receive Maximum. */
  pump(): void {
    if (this.#closed) return;
    for (const delivery of this.session.deliveries) {
      if (delivery.sentOn === this.number) continue;
      if (delivery.state === 'pubrel') {
        delivery.sentOn = this.number;
        this.#send({ type: 'pubrel', packetIdentifier: delivery.packetIdentifier, reasonCode: 0x00 });
        continue;
      }
      if (this.#unanswered() >= this.#client.receiveMaximum || !this.#identify(delivery)) return;
      this.#sendPublish(delivery);
    }
  }

  #unanswered(): number {
    let count = 0;
    for (const delivery of this.session.deliveries) if (delivery.sentOn === this.number) count += 1;
    return count;
  }

  #identify(delivery: Delivery): boolean {
    if (delivery.packetIdentifier !== 0) return true;
    const { session } = this;
    for (let tries = 0; tries < this.#identifiers; tries += 1) {
      session.nextIdentifier = (session.nextIdentifier % this.#identifiers) + 1;
      if (session.deliveries.some((other) => other.packetIdentifier === session.nextIdentifier)) continue;
      delivery.packetIdentifier = session.nextIdentifier;
      delivery.uncertain = session.abandoned.has(session.nextIdentifier);
      return true;
    }
    return false;
  }

  #sendPublish(delivery: Delivery): void {
    const { topic, qos, packetIdentifier, sent } = delivery;
    delivery.state = 'publish';
    delivery.sentOn = this.number;
    delivery.sent = true;
    (qos === 1 ? this.#awaitingPuback : this.#awaitingPubrec).push(packetIdentifier);
    this.#send(
      this.#aliased({
        type: 'publish',
        topicName: topic,
        payload: EMPTY,
        qos,
        retain: false,
        dup: sent,
        packetIdentifier,
      }),
    );
  }

  publishQoS0(topic: string): void {
    this.#send(
      this.#aliased({
        type: 'publish',
        topicName: topic,
        payload: EMPTY,
        qos: 0,
        retain: false,
        dup: false,
        packetIdentifier: 0,
      }),
    );
  }

  #aliased(packet: PublishPacket): PublishPacket {
    const maximum = this.#client.topicAliasMaximum;
    if (maximum === 0 || this.#random.chance(50)) return packet;
    const topicAlias = 1 + this.#random.below(maximum);
    const { topicName } = packet;
    if (this.#random.chance(50)) return { ...packet, properties: { topicAlias } };
    // Set by another message, used by this one.
    this.#send({ ...packet, qos: 0, dup: false, packetIdentifier: 0, topicName, properties: { topicAlias } });
    return { ...packet, topicName: '', properties: { topicAlias } };
  }

  #handlePuback({ packetIdentifier }: PubackPacket): void {
    ensure(this.#awaitingPuback.shift() === packetIdentifier, `PUBACK ${packetIdentifier} out of order [MQTT-4.6.0-2]`);
    this.#remove(packetIdentifier, 1);
  }

  #handlePubrec({ packetIdentifier, reasonCode }: PubrecPacket): void {
    const delivery = this.session.deliveries.find(
      (each) => each.packetIdentifier === packetIdentifier && each.qos === 2,
    );
    ensure(this.#awaitingPubrec.shift() === packetIdentifier, `PUBREC ${packetIdentifier} out of order [MQTT-4.6.0-3]`);
    ensure(delivery !== undefined && delivery.state === 'publish', `PUBREC ${packetIdentifier} for nothing`);
    if (reasonCode >= 0x80) {
      this.#remove(packetIdentifier, 2);
      return;
    }
    delivery.state = 'pubrel';
    this.#send({ type: 'pubrel', packetIdentifier, reasonCode: 0x00 });
  }

  #handlePubcomp(packetIdentifier: number): void {
    this.#remove(packetIdentifier, 2);
  }

  #remove(packetIdentifier: number, qos: 1 | 2): void {
    const { deliveries } = this.session;
    const index = deliveries.findIndex((each) => each.packetIdentifier === packetIdentifier && each.qos === qos);
    ensure(index >= 0, `QoS ${qos} acknowledgement ${packetIdentifier} for nothing`);
    deliveries.splice(index, 1);
  }
}

/** What becomes of a CONNECT: the session it gets. */
export function openSession(
  directory: SessionDirectory,
  clientId: string,
  connect: ConnectPacket,
): { session: BrokerSession; sessionPresent: boolean } {
  const held = directory.sessions.get(clientId);
  if (held !== undefined && !connect.cleanStart) return { session: held, sessionPresent: true };
  directory.nextTag += 1;
  const session = new BrokerSession(directory.nextTag);
  directory.sessions.set(clientId, session);
  return { session, sessionPresent: false };
}

export function connackOf(sessionPresent: boolean, assigned: string | undefined): ConnackPacket {
  const packet: ConnackPacket = { type: 'connack', sessionPresent, reasonCode: 0x00 };
  if (assigned !== undefined) packet.properties = { assignedClientIdentifier: assigned };
  return packet;
}

const PAYLOAD_FORMAT_INVALID = 0x99;
const EMPTY = new Uint8Array(0);
