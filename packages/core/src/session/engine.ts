// SPDX-License-Identifier: Apache-2.0
//
// The session engine: what MQTT demands between the packets of a connection and the application, as a pure state machine.
// Inputs are method calls with the instant of now, outputs are calls on SessionEffects, in order. The engine outlives
// connections; what belongs to one of them is in LiveConnection and replaced whole.
//
//   ownership   whose session it is               outbound    messages out, and their places in line
//   requests    SUBSCRIBE, UNSUBSCRIBE            acks        how those are acknowledged
//   inbound     messages in, and their answers    session     what connections and sessions do to those
//   journal     what of all this is stored

import type { ConnackPacket, Packet } from '@mqttv5/wire';
import { PROTOCOL_ERROR } from '../api/reason-codes.ts';
import type { AckReasonCode } from '../api/receive.ts';
import { mqttError } from '../errors.ts';
import type { StoreError } from '../errors.ts';
import { blameFor } from './blame.ts';
import type { ControlRequest } from './control-request.ts';
import { ControlRequests } from './control-requests.ts';
import type { SessionEffects } from './effects.ts';
import type { Violation } from './inbound-aliases.ts';
import type { InboundExchange } from './inbound-exchange.ts';
import { InboundFlow } from './inbound-flow.ts';
import { Journal } from './journal.ts';
import { LiveConnection } from './live-connection.ts';
import { OutboundAcks } from './outbound-acks.ts';
import { OutboundFlow } from './outbound-flow.ts';
import type { OutboundMessage } from './outbound-message.ts';
import { OutboundSession } from './outbound-session.ts';
import { PacketIdentifiers } from './packet-identifiers.ts';
import type { Adoption } from './producer-outcomes.ts';
import type { ProducerRef } from './producer-ref.ts';
import type { PublishExchange } from './publish-exchange.ts';
import { readStore } from './restore.ts';
import { type IdentifierOwner, type SessionCore, TAKEN } from './session-core.ts';
import { SessionOwnership } from './session-ownership.ts';
import type {
  ConnectedVerdict,
  ConnectFailure,
  ConnectionEnd,
  ConnectPlan,
  RestoreReport,
  ServerLimits,
  SessionSettings,
} from './settings.ts';

/** @internal */
export class SessionEngine {
  readonly #core: SessionCore;
  readonly #ownership: SessionOwnership;
  readonly #outbound: OutboundFlow;
  readonly #session: OutboundSession;
  readonly #acks: OutboundAcks;
  readonly #inbound: InboundFlow;
  readonly #requests: ControlRequests;
  #connections = 0;

  /** `largestPacketIdentifier` is for tests that want identifiers to be used again soon. */
  constructor(settings: SessionSettings, effects: SessionEffects, largestPacketIdentifier?: number) {
    this.#ownership = new SessionOwnership(settings);
    this.#core = {
      settings,
      effects,
      journal: new Journal(effects, settings.store !== undefined, this.#ownership),
      identifiers: new PacketIdentifiers<IdentifierOwner>(largestPacketIdentifier),
      connection: undefined,
      queues: this,
    };
    this.#outbound = new OutboundFlow(this.#core);
    this.#session = new OutboundSession(this.#core, this.#outbound);
    this.#acks = new OutboundAcks(this.#core, this.#outbound, this.#session);
    this.#inbound = new InboundFlow(this.#core);
    this.#requests = new ControlRequests(this.#core);
  }

  /** Sends what has waited for an answer or an identifier. */
  proceed(now: number): void {
    this.#requests.pump();
    this.#outbound.pump(now);
  }

  // -- Whose session it is

  /**
   * Takes up what a store holds. To be called first, on a new engine.
   * @throws MqttError `INVALID_OPTION` for the store of another client identifier; nothing is touched then
   */
  restore(entries: Iterable<readonly [key: string, value: Uint8Array]>, now: number): RestoreReport {
    const stored = readStore(entries);
    const { meta } = stored;
    if (meta !== undefined) this.#ownership.checkClientId(meta);
    const { journal, identifiers } = this.#core;
    for (const { key, value } of stored.damaged) journal.setAside(key, value);
    for (const key of stored.setAside) journal.rememberDamaged(key);
    if (meta !== undefined) {
      journal.metaIsStored();
      this.#ownership.restore(meta, now);
    }
    const metaDamaged = stored.damaged.some(({ key }) => key === 'meta');
    if (metaDamaged) this.#ownership.giveUpUnknown(now);
    else if (stored.giveUp) this.#ownership.giveUp();
    for (const packetIdentifier of stored.taken) identifiers.assign(packetIdentifier, TAKEN);
    for (const exchange of stored.outbound) this.#outbound.restore(exchange, now);
    this.#inbound.doubts = this.#ownership.doubts;
    for (const { packetIdentifier, doubts } of stored.inbound) this.#inbound.restore(packetIdentifier, doubts);
    for (const { ref, outcome } of stored.completed) this.#outbound.producers.completed(ref, outcome);
    return {
      damaged: stored.damaged.map(({ key, reason }) => ({ key, reason })),
      giveUpSession: stored.giveUp,
      clientId: this.clientId,
      messages: stored.outbound.length,
    };
  }

  /**
   * What the CONNECT to this broker has to carry. `broker` identifies it, without credentials. What is persisted here has to
   * be committed before CONNECT is written.
   */
  planConnect(broker: string, now: number): ConnectPlan {
    const plan = this.#ownership.plan(broker, now);
    this.#core.journal.putMeta();
    return plan;
  }

  /** CONNECT was handed to the transport. */
  handleConnectWritten(): void {
    this.#ownership.written();
  }

  /** An attempt ended without a processed CONNACK of 0x00. */
  handleConnectFailed(failure: ConnectFailure, now: number): void {
    if (this.#ownership.fail(failure, now)) this.#core.journal.putMeta();
  }

  /** The next CONNECT to `broker` carries no identifier: it has refused the one that another broker assigned. */
  asksForIdentifier(broker: string): boolean {
    return this.#ownership.asksForIdentifier(broker);
  }

  /**
   * CONNACK 0x00. Decides what becomes of the session. A resumed one is resumed by this very call: PUBRELs, resends, open
   * requests. New and republished messages wait for `startPublishing`.
   */
  handleConnected(connack: ConnackPacket, limits: ServerLimits, now: number): ConnectedVerdict {
    const verdict = this.#ownership.connected(connack, limits, now);
    if ('error' in verdict) return verdict;
    this.#inbound.doubts = this.#ownership.doubts;
    if (verdict.fate !== 'resumed') this.#beginSession(verdict.fate, now);
    this.#core.journal.putMeta();
    this.#connections += 1;
    const inDoubt = verdict.fate === 'resumed' && verdict.inDoubt;
    const releasedUpTo = this.#session.lastHandedOut();
    const connection = new LiveConnection(this.#connections, limits, this.#core.settings, { inDoubt, releasedUpTo });
    this.#core.connection = connection;
    this.#session.resume(connection, now);
    this.#requests.pump();
    return verdict;
  }

  /** Nothing of an old session remains in the new one; what was not finished is carried over as sessionLoss says. */
  #beginSession(fate: 'new' | 'lost', now: number): void {
    this.#inbound.lose();
    const requests = this.#requests.takeAll();
    this.#freeTaken();
    if (fate === 'lost') this.#session.lose(now);
    else this.#session.begin();
    // Last: what is asked in answer to this belongs to the new session.
    this.#requests.end(requests, { sessionLost: true });
  }

  /** Releases new and republished publishes; SUBSCRIBEs have been sent before them. */
  startPublishing(now: number): void {
    const { connection } = this.#core;
    if (connection === undefined) return;
    connection.releasedUpTo = Number.POSITIVE_INFINITY;
    this.#outbound.pump(now);
  }

  // -- What the peer does

  /** CONNACK, PINGRESP, DISCONNECT and AUTH are the connection layer's. */
  handlePacket(packet: Packet, now: number): void {
    const { connection } = this.#core;
    if (connection === undefined || connection.violated) return;
    const violation = this.#dispatch(packet, connection, now);
    if (violation === undefined) return;
    connection.violated = true;
    connection.room = false;
    this.#core.effects.violation(violation.reasonCode, violation.detail);
  }

  #dispatch(packet: Packet, connection: LiveConnection, now: number): Violation | undefined {
    if (packet.type === 'publish') return this.#inbound.handlePublish(packet, connection);
    const excess = this.#core.settings.requestProblemInformation ? undefined : unwantedInformation(packet);
    if (excess !== undefined) return excess;
    switch (packet.type) {
      case 'puback':
        this.#acks.handlePuback(packet, now);
        return undefined;
      case 'pubrec':
        this.#acks.handlePubrec(packet, now);
        return undefined;
      case 'pubrel':
        return this.#inbound.handlePubrel(packet, connection);
      case 'pubcomp':
        this.#acks.handlePubcomp(packet, now);
        return undefined;
      case 'suback':
      case 'unsuback':
        return this.#requests.handleAnswer(packet, now);
      default:
        return { reasonCode: PROTOCOL_ERROR, detail: `${packet.type.toUpperCase()} is not for a client` };
    }
  }

  // -- What the world does

  handleConnectionLost(end: ConnectionEnd, now: number): void {
    const connection = this.#endConnection(now);
    if (connection === undefined) return;
    const blame = blameFor(connection, end);
    if (blame.publishes) this.#session.blame(connection, blame);
    if (blame.requests) this.#requests.blame(connection, blame);
  }

  /** Our own DISCONNECT, the session is kept; `sessionExpiryInterval`: what the DISCONNECT set. */
  handleDisconnected(now: number, sessionExpiryInterval?: number): void {
    this.#endConnection(now, sessionExpiryInterval);
    this.#ownership.disconnected();
    this.#inbound.releaseHeld();
    this.#requests.end(this.#requests.takeAll(), { error: mqttError('CLOSED', 'The client was closed') });
  }

  #endConnection(now: number, sessionExpiryInterval?: number): LiveConnection | undefined {
    const { connection } = this.#core;
    if (connection === undefined) return undefined;
    this.#core.connection = undefined;
    this.#ownership.lost(now, sessionExpiryInterval);
    this.#core.journal.putMeta();
    this.#requests.connectionLost();
    this.#session.connectionLost();
    return connection;
  }

  /** The connection has room for PUBLISH packets again. */
  handleRoom(now: number): void {
    const { connection } = this.#core;
    if (connection === undefined || connection.violated) return;
    connection.room = true;
    this.#outbound.pump(now);
  }

  handleTimeout(now: number): void {
    this.#outbound.expire(now);
    this.proceed(now);
  }

  /** When `handleTimeout` has something to do, ms. */
  pollTimeout(): number | undefined {
    return this.#outbound.expiry.first?.expiresAt;
  }

  // -- What the application asks

  /**
   * Undefined for a QoS 0 message that could be sent at once; else the exchange that `settlePublish` will end, never before
   * this returns.
   * @throws MqttError `PUBLISH_QUEUE_FULL`, `PACKET_IDS_EXHAUSTED`, `WRITE_QUEUE_FULL`, `NOT_CONNECTED` (QoS 0),
   *   `QOS_NOT_SUPPORTED`, `RETAIN_NOT_SUPPORTED`, `PACKET_TOO_LARGE`, `TOPIC_ALIAS_INVALID`; nothing was sent
   */
  publish(message: OutboundMessage, now: number): PublishExchange | undefined {
    return this.#outbound.publish(message, now);
  }

  /** Takes a message back that was never written: true and gone, its record included. */
  withdraw(exchange: PublishExchange, now: number): boolean {
    const withdrawn = this.#outbound.withdraw(exchange);
    if (withdrawn) this.proceed(now);
    return withdrawn;
  }

  /** The first record of `exchange` could not be stored: as if it had never been accepted. */
  rejectFirstPut(exchange: PublishExchange, error: StoreError, now: number): void {
    this.#outbound.rejectFirstPut(exchange, error);
    this.proceed(now);
  }

  /** Sent at once when connected, also before `startPublishing`, and an identifier is free. */
  request(request: ControlRequest): void {
    this.#requests.add(request);
  }

  /** True when taken back: it was not sent on this connection. */
  withdrawRequest(request: ControlRequest): boolean {
    return this.#requests.withdraw(request);
  }

  /** The application's answer to a message. Without effect when there was one, or when the session of the message is gone. */
  acknowledge(exchange: InboundExchange, reasonCode: AckReasonCode): void {
    this.#inbound.acknowledge(exchange, reasonCode);
  }

  /** Everything accepted and unfinished: QoS 1 and 2 in send order, then QoS 0 that waits for room. */
  exchanges(): Iterable<PublishExchange> {
    return this.#outbound.exchanges();
  }

  /** Our DISCONNECT ends the session: everything unfinished is rejected with SESSION_LOST, all state is dropped. */
  endSession(now: number): void {
    this.#ownership.end();
    this.#endConnection(now);
    this.#inbound.lose();
    const requests = this.#requests.takeAll();
    this.#freeTaken();
    this.#session.reject();
    this.#core.journal.putMeta();
    this.#requests.end(requests, { error: mqttError('CLOSED', 'The client was closed') });
  }

  /** Identifiers that had to stay taken, and what could not be read, were of the session that is gone. */
  #freeTaken(): void {
    const { identifiers, journal } = this.#core;
    for (const [packetIdentifier, owner] of identifiers.entries()) {
      if (owner.kind !== 'taken') continue;
      journal.deleteOutbound(packetIdentifier);
      identifiers.release(packetIdentifier);
    }
    journal.deleteDamaged();
  }

  // -- Producers

  /** What became of the exchange a producer started, maybe in an earlier process. */
  adopt(ref: ProducerRef): Adoption | undefined {
    return this.#outbound.producers.find(ref);
  }

  /** The producer has settled durably: its outcome is not needed any more (I-08). */
  releaseCompleted(ref: ProducerRef): void {
    if (this.#outbound.producers.release(ref)) this.#core.journal.deleteCompleted(ref);
  }

  producerRefs(): Iterable<ProducerRef> {
    return this.#outbound.producers.refs();
  }

  // -- To be looked at

  /**
   * Whether anything depends on the instant: an unfinished message can expire. While it is false, packets may be handled and
   * messages without an expiry published at any.
   */
  get timed(): boolean {
    return this.#outbound.timed;
  }

  get sendQuota(): number {
    return this.#core.connection?.quota.available ?? 0;
  }

  /** Messages that hold a slot of the send quota. */
  get inflight(): number {
    const { connection } = this.#core;
    return connection === undefined ? 0 : connection.quota.inUse;
  }

  /** Accepted and not on their way on this connection. */
  get queued(): number {
    return this.#outbound.list.size - this.inflight + this.#outbound.waitingForRoom;
  }

  get clientId(): string {
    return this.#ownership.clientId;
  }

  /** Number of the session. */
  get epoch(): number {
    return this.#ownership.number;
  }
}

/** §3.1.2.11.7: after Request Problem Information 0 only CONNACK, PUBLISH and DISCONNECT may carry these. */
function unwantedInformation(packet: Packet): Violation | undefined {
  const properties: object | undefined = 'properties' in packet ? packet.properties : undefined;
  if (properties === undefined || !('reasonString' in properties || 'userProperties' in properties)) return undefined;
  const detail = `${packet.type.toUpperCase()} with Reason String or User Property, which were not requested`;
  return { reasonCode: PROTOCOL_ERROR, detail };
}
