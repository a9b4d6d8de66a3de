// SPDX-License-Identifier: Apache-2.0
//
// Outgoing messages: accepted, sent in order under the broker's limits, ended (§4.3, §4.6, §4.9). How they are acknowledged is
// in outbound-acks.ts, what connections and sessions do to them in outbound-session.ts.
//
//   QoS 0   sent at once, or awaitRoom ──room──▶ sent and settled
//   QoS 1   awaitPuback ──▶ settled
//   QoS 2   awaitPubrec ──▶ awaitPubcomp ──▶ settled

import type { QoS } from '@mqttv5/wire';
import type { Settled } from '../api/publish.ts';
import { mqttError, withDelivery } from '../errors.ts';
import type { StoreError } from '../errors.ts';
import { ExpiryHeap } from './expiry-heap.ts';
import type { LiveConnection } from './live-connection.ts';
import { OutboundList } from './outbound-list.ts';
import type { OutboundMessage } from './outbound-message.ts';
import { deliveryOf, expired, failed, succeeded } from './outcomes.ts';
import { ProducerOutcomes } from './producer-outcomes.ts';
import { PublishExchange } from './publish-exchange.ts';
import { publishRefusal, sizeRefusal } from './publish-limits.ts';
import { packetOf, packetOfQoS0, remainingProperties } from './publish-packet.ts';
import { type SessionCore, TAKEN } from './session-core.ts';
import { WaitingForRoom } from './waiting-for-room.ts';

export class OutboundFlow {
  readonly #core: SessionCore;
  readonly list: OutboundList = new OutboundList();
  readonly producers: ProducerOutcomes = new ProducerOutcomes();
  readonly expiry: ExpiryHeap = new ExpiryHeap();
  #waiting = new WaitingForRoom();
  /** Of the newest place in the line. */
  #sequence = 0;
  /** There is an unfinished message that can expire, or there was one since the line was empty. */
  timed = false;

  constructor(core: SessionCore) {
    this.#core = core;
  }

  get waitingForRoom(): number {
    return this.#waiting.size;
  }

  nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  /** A record of the store. They come in send order. */
  restore(exchange: PublishExchange, now: number): void {
    const { message, packetIdentifier, ref } = exchange;
    // The clock may have been set back since: nothing lives longer than it was given.
    this.#expires(exchange, Math.min(exchange.expiresAt, expiryInstant(message, now)));
    this.#core.identifiers.assign(packetIdentifier, exchange);
    this.#core.identifiers.continueAfter(packetIdentifier);
    this.#sequence = Math.max(this.#sequence, exchange.sequence, exchange.pubrecSequence);
    this.list.append(exchange);
    if (ref !== undefined) this.producers.started(ref, exchange);
  }

  // -- Accepting

  publish(message: OutboundMessage, now: number): PublishExchange | undefined {
    if (this.list.size === 0 && this.#waiting.size === 0) this.timed = false;
    const connection = this.#core.connection;
    if (connection === undefined) {
      const refused = message.qos === 0 ? notConnected(message) : sizeRefusal(message, message.qos, undefined);
      if (refused !== undefined) throw refused;
      return this.#accept(message, message.qos, undefined, now);
    }
    const qos = this.#allowedQoS(message, connection);
    const refusal = publishRefusal(message, qos, connection.limits, 'notSent') ?? aliasRefusal(message, connection);
    if (refusal !== undefined) throw refusal;
    return qos === 0 ? this.#publishQoS0(message, connection, now) : this.#accept(message, qos, connection, now);
  }

  #accept(message: OutboundMessage, qos: QoS, connection: LiveConnection | undefined, now: number): PublishExchange {
    const { identifiers, journal, settings } = this.#core;
    if (this.list.size >= settings.maximumQueuedPublishes) {
      const text = `${this.list.size} publishes are unfinished, maximumQueuedPublishes allows no more`;
      throw mqttError('PUBLISH_QUEUE_FULL', text, { delivery: 'notSent' });
    }
    const exchange = new PublishExchange(message, qos, qos === 2 ? 'awaitPubrec' : 'awaitPuback');
    exchange.packetIdentifier = identifiers.take(exchange);
    if (exchange.packetIdentifier === 0) {
      throw mqttError('PACKET_IDS_EXHAUSTED', 'All 65535 packet identifiers are in use', { delivery: 'notSent' });
    }
    exchange.sequence = this.nextSequence();
    this.#expires(exchange, expiryInstant(message, now));
    if (connection !== undefined) exchange.checkedOn = connection.number;
    this.list.append(exchange);
    if (message.ref !== undefined) this.producers.started(message.ref, exchange);
    journal.putOutbound(exchange, true);
    this.pump(now);
    if (connection === undefined || exchange.sentOn !== connection.number) this.expiry.add(exchange);
    return exchange;
  }

  #publishQoS0(message: OutboundMessage, connection: LiveConnection, now: number): PublishExchange | undefined {
    if (connection.room && connection.publishing && this.#waiting.size === 0) {
      this.#sendQoS0(message, message.properties, connection);
      return undefined;
    }
    if (this.#core.settings.writeOverflow === 'dropNewest') {
      const text = `PUBLISH to "${message.topic}": unsent bytes have reached writeHighWaterMark`;
      throw mqttError('WRITE_QUEUE_FULL', text, { delivery: 'notSent' });
    }
    const exchange = new PublishExchange(ownedMessage(message), 0, 'awaitRoom');
    // Those that wait for quota anyway do not hold it back: it goes before all of them.
    exchange.sequence = connection.quota.available > 0 ? this.nextSequence() : 0;
    this.#expires(exchange, expiryInstant(message, now));
    this.#waiting.append(exchange);
    this.expiry.add(exchange);
    return exchange;
  }

  #expires(exchange: PublishExchange, instant: number): void {
    exchange.expiresAt = instant;
    if (instant !== Number.POSITIVE_INFINITY) this.timed = true;
  }

  #allowedQoS(message: OutboundMessage, connection: LiveConnection): QoS {
    const { maximumQoS } = connection.limits;
    if (message.qos <= maximumQoS || !this.#core.settings.qosDowngrade) return message.qos;
    // A queue promises more than QoS 0 can keep: its producer is told instead.
    return maximumQoS === 0 && message.ref !== undefined ? message.qos : maximumQoS;
  }

  // -- Sending

  /** Sends what may leave now, in order. */
  pump(now: number): void {
    const connection = this.#core.connection;
    if (connection === undefined) return;
    while (connection.room) {
      const waiting = connection.publishing ? this.#waiting.head : undefined;
      const next = this.#sendable(connection);
      if (waiting !== undefined && (next === undefined || waiting.sequence < next.sequence)) {
        this.#sendWaiting(waiting, connection, now);
      } else if (next !== undefined) {
        this.#sendNext(next, connection, now);
      } else {
        return;
      }
    }
  }

  /** The PUBLISH at the cursor, when nothing but room is missing. */
  #sendable(connection: LiveConnection): PublishExchange | undefined {
    const next = this.list.cursor;
    if (next === undefined || connection.quota.available === 0 || next.sequence > connection.releasedUpTo)
      return undefined;
    return connection.admits(next.blames > 0) ? next : undefined;
  }

  #sendNext(exchange: PublishExchange, connection: LiveConnection, now: number): void {
    if (!exchange.written && hasExpired(exchange, now)) {
      this.settle(exchange, expired(exchange));
      return;
    }
    if (exchange.checkedOn !== connection.number && !this.#fits(exchange, connection, now)) return;
    this.list.advance();
    this.expiry.remove(exchange);
    exchange.sentOn = connection.number;
    exchange.slotOn = connection.number;
    connection.quota.take();
    connection.unansweredPublishes += 1;
    connection.suspectAlone = exchange.blames > 0;
    this.#core.effects.count('publishesSent');
    connection.room = this.#core.effects.send(packetOf(exchange, now), exchange);
  }

  /** Accepted under other limits (V-022). False when that was its end. */
  #fits(exchange: PublishExchange, connection: LiveConnection, now: number): boolean {
    const { message } = exchange;
    // What was written before keeps its QoS: the broker may know the flow.
    const qos = exchange.written ? exchange.qos : this.#allowedQoS(message, connection);
    const refusal = publishRefusal(
      message,
      Math.min(qos, exchange.qos) as QoS,
      connection.limits,
      deliveryOf(exchange),
    );
    if (refusal !== undefined) {
      this.giveUp(exchange, { error: refusal });
      return false;
    }
    exchange.checkedOn = connection.number;
    if (qos >= exchange.qos) return true;
    if (qos === 0) {
      this.#sendQoS0(message, remainingProperties(exchange, now), connection);
      this.settle(exchange, succeeded(undefined));
      return false;
    }
    exchange.qos = qos;
    exchange.phase = 'awaitPuback';
    this.#core.journal.putOutbound(exchange, false);
    return true;
  }

  #sendWaiting(exchange: PublishExchange, connection: LiveConnection, now: number): void {
    if (hasExpired(exchange, now)) {
      this.settle(exchange, expired(exchange));
      return;
    }
    this.#sendQoS0(exchange.message, remainingProperties(exchange, now), connection);
    this.settle(exchange, succeeded(undefined));
  }

  #sendQoS0(message: OutboundMessage, properties: OutboundMessage['properties'], connection: LiveConnection): void {
    const aliased = this.#core.settings.outboundTopicAliases || message.topicAlias !== undefined;
    const packet = packetOfQoS0(message, properties, aliased ? connection.outboundAliases : undefined);
    this.#core.effects.count('publishesSent');
    connection.room = this.#core.effects.send(packet);
  }

  /** From PUBREC on, and again after a resumption. It waits for nothing, and its message keeps its slot or takes one. */
  sendPubrel(exchange: PublishExchange, connection: LiveConnection): void {
    exchange.sentOn = connection.number;
    if (exchange.slotOn !== connection.number) {
      exchange.slotOn = connection.number;
      connection.quota.take();
    }
    connection.unansweredPubrels += 1;
    const { packetIdentifier } = exchange;
    this.#core.effects.send({ type: 'pubrel', packetIdentifier, reasonCode: 0x00 });
  }

  // -- Ending

  /** Without an end: the message goes on as another exchange. */
  takeOut(exchange: PublishExchange): void {
    this.#leave(exchange);
    exchange.settled = false;
  }

  /** Its record goes, or becomes Completed for its producer (I-03); then whoever waits is told. */
  settle(exchange: PublishExchange, outcome: Settled): void {
    const { effects, journal } = this.#core;
    const { ref } = exchange;
    this.#leave(exchange);
    if (exchange.phase !== 'awaitRoom') {
      journal.deleteOutbound(exchange.packetIdentifier);
      if (ref !== undefined) {
        this.producers.completed(ref, outcome);
        journal.putCompleted(ref, outcome);
      }
      effects.count(outcome.error === undefined ? 'publishesAcked' : 'publishesFailed');
    } else if (outcome.error !== undefined) {
      effects.count('publishesFailed');
    }
    effects.settlePublish(exchange, outcome);
  }

  /** Like `settle`, for one the broker may know: its identifier stays taken until the session ends. */
  giveUp(exchange: PublishExchange, outcome: Settled): void {
    const { identifiers, journal } = this.#core;
    const { packetIdentifier, written } = exchange;
    this.settle(exchange, outcome);
    if (!written) return;
    identifiers.assign(packetIdentifier, TAKEN);
    journal.putTaken(packetIdentifier);
  }

  /** Before its first write a message can be taken back, its record included; one that an earlier session wrote cannot. */
  withdraw(exchange: PublishExchange): boolean {
    if (exchange.settled || exchange.everWritten || !this.#owns(exchange)) return false;
    this.#leave(exchange);
    if (exchange.phase !== 'awaitRoom') this.#core.journal.deleteOutbound(exchange.packetIdentifier);
    return true;
  }

  /** Its first record could not be stored: as if it had never been accepted (I-07). */
  rejectFirstPut(exchange: PublishExchange, error: StoreError): void {
    if (exchange.settled || !this.#owns(exchange)) return;
    this.#leave(exchange);
    // Lowered, or carried over to another session, while the first was being written.
    if (exchange.rewritten) this.#core.journal.deleteOutbound(exchange.packetIdentifier);
    this.#core.effects.count('publishesFailed');
    this.#core.effects.settlePublish(exchange, { error: withDelivery(error, 'notSent') });
  }

  expire(now: number): void {
    for (let first = this.expiry.first; first !== undefined && first.expiresAt <= now; first = this.expiry.first) {
      this.settle(first, expired(first));
    }
  }

  /** Messages that wait for room belong to the connection that had none. */
  endWaiting(): void {
    const waiting = this.#waiting;
    for (let exchange = waiting.head; exchange !== undefined; exchange = waiting.head) {
      const text = `The connection ended before the PUBLISH to "${exchange.topic}" was sent`;
      this.settle(exchange, failed('NOT_CONNECTED', text, 'notSent'));
    }
  }

  *exchanges(): Generator<PublishExchange, void, undefined> {
    yield* this.list;
    for (let exchange = this.#waiting.head; exchange !== undefined; exchange = exchange.next) yield exchange;
  }

  #owns(exchange: PublishExchange): boolean {
    if (exchange.phase === 'awaitRoom') return this.#waiting.has(exchange);
    return this.#core.identifiers.owner(exchange.packetIdentifier) === exchange;
  }

  #leave(exchange: PublishExchange): void {
    exchange.settled = true;
    this.expiry.remove(exchange);
    if (exchange.phase === 'awaitRoom') {
      this.#waiting.remove(exchange);
      return;
    }
    this.list.remove(exchange);
    this.#core.identifiers.release(exchange.packetIdentifier);
    if (exchange.ref !== undefined) this.producers.ended(exchange.ref);
    const connection = this.#core.connection;
    if (connection === undefined) return;
    if (exchange.slotOn === connection.number) connection.quota.release();
    if (exchange.sentOn !== connection.number) return;
    if (exchange.phase === 'awaitPubcomp') connection.unansweredPubrels -= 1;
    else connection.unansweredPublishes -= 1;
  }
}

function expiryInstant(message: OutboundMessage, now: number): number {
  const interval = message.properties?.messageExpiryInterval;
  return interval === undefined ? Number.POSITIVE_INFINITY : now + interval * 1000;
}

/** An interval of 0 still allows what needs no wait. */
function hasExpired(exchange: PublishExchange, now: number): boolean {
  if (now < exchange.expiresAt) return false;
  return now > exchange.expiresAt || exchange.message.properties?.messageExpiryInterval !== 0;
}

/** The caller may reuse what it passed for QoS 0 as soon as `publish` returns. */
function ownedMessage(message: OutboundMessage): OutboundMessage {
  const { properties } = message;
  const correlationData = properties?.correlationData;
  return {
    ...message,
    payload: new Uint8Array(message.payload),
    properties:
      correlationData === undefined ? properties : { ...properties, correlationData: new Uint8Array(correlationData) },
  };
}

function notConnected(message: OutboundMessage): Error {
  return mqttError('NOT_CONNECTED', `PUBLISH to "${message.topic}": not connected`, { delivery: 'notSent' });
}

function aliasRefusal(message: OutboundMessage, connection: LiveConnection): Error | undefined {
  const { topicAlias } = message;
  const maximum = connection.limits.topicAliasMaximum;
  if (topicAlias === undefined || (topicAlias >= 1 && topicAlias <= maximum)) return undefined;
  const text = `Topic Alias ${topicAlias}: the broker's Topic Alias Maximum is ${maximum}`;
  return mqttError('TOPIC_ALIAS_INVALID', text, { delivery: 'notSent' });
}
