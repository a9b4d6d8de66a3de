// SPDX-License-Identifier: Apache-2.0
//
// Whose session it is (reliability.md): when to ask for a clean one, what Session Present means, when nobody can know.
//
//   none ──CONNACK──▶ held ──(expired in a store, or unreadable)──▶ stale
//    ▲                  │                                             │
//    └── ended by us ───┘            both resume or are lost at the next CONNACK

import type { ConnackPacket } from '@mqttv5/wire';
import { CLIENT_IDENTIFIER_NOT_VALID, PROTOCOL_ERROR } from '../api/reason-codes.ts';
import { mqttError, ProtocolError } from '../errors.ts';
import { BrokerHolds } from './broker-holds.ts';
import type { BrokerHold, SessionMeta } from './session-meta.ts';
import type { ConnectedVerdict, ConnectFailure, ConnectPlan, ServerLimits, SessionSettings } from './settings.ts';

/**
 * - `none`: no local state.
 * - `held`: this engine has processed a CONNACK of the session, or the store says so.
 * - `stale`: the store has records of a session that has expired or whose records cannot all be trusted.
 */
type State = 'none' | 'held' | 'stale';

/** A CONNECT under way, and what to put back if it never leaves. */
interface Attempt extends ConnectPlan {
  readonly broker: string;
  readonly inDoubtBefore: boolean;
  readonly holdBefore: BrokerHold | undefined;
  written: boolean;
}

export class SessionOwnership {
  readonly #settings: SessionSettings;
  #state: State = 'none';
  #clientId: string;
  #assignedBy: string | undefined;
  #number = 0;
  #inDoubt = false;
  #doubts = 0;
  readonly #holds = new BrokerHolds();

  #attempt: Attempt | undefined;
  /** Broker of the connection of now. */
  #broker: string | undefined;
  /** An explicit `cleanStart: true` holds until one CONNECT has succeeded. */
  #cleanStartDue: boolean;
  /** Connections from here on are reconnections. */
  #reconnecting = false;
  /** Too much is damaged: the session has to be given up. */
  #givenUp = false;
  /** Brokers that do not take the identifier another one assigned. */
  #refusedAt: Set<string> | undefined;

  constructor(settings: SessionSettings) {
    this.#settings = settings;
    this.#clientId = settings.clientId ?? '';
    this.#cleanStartDue = settings.cleanStart === true;
  }

  get clientId(): string {
    return this.#clientId;
  }

  get number(): number {
    return this.#number;
  }

  get doubts(): number {
    return this.#doubts;
  }

  meta(): SessionMeta {
    return {
      clientId: this.#clientId,
      assignedBy: this.#assignedBy,
      number: this.#number,
      held: this.#state !== 'none',
      inDoubt: this.#inDoubt,
      doubts: this.#doubts,
      unknownUntil: this.#holds.unknownUntil,
      brokers: this.#holds.entries(),
    };
  }

  // -- Restored

  /** @throws MqttError `INVALID_OPTION` for the store of another client identifier */
  checkClientId(meta: SessionMeta): void {
    const { clientId = '' } = this.#settings;
    if (clientId === '' || meta.clientId === '' || clientId === meta.clientId) return;
    const text = `The store holds the session of client identifier "${meta.clientId}", the option clientId is "${clientId}"`;
    throw mqttError('INVALID_OPTION', text);
  }

  restore(meta: SessionMeta, now: number): void {
    if (meta.clientId !== '') this.#clientId = meta.clientId;
    this.#assignedBy = meta.assignedBy;
    this.#number = meta.number;
    this.#inDoubt = meta.inDoubt;
    this.#doubts = meta.doubts;
    this.#holds.unknownUntil = meta.unknownUntil;
    // Every one of those connections ended before now: also one whose end nobody saw, and one that ended in the future
    // because the clock has been set back since.
    for (const [broker, hold] of meta.brokers)
      this.#holds.set(broker, { ...hold, lostAt: Math.min(hold.lostAt ?? now, now) }, now);
    if (meta.held) this.#state = this.#holds.mayBeHeld(meta.number, now) ? 'held' : 'stale';
  }

  /** What is in the store cannot be trusted as a whole: Clean Start 1 next, and sessionLoss for what could be read. */
  giveUp(): void {
    this.#givenUp = true;
    this.#state = 'stale';
  }

  /** Not even whose session it was is known: any broker may hold one. */
  giveUpUnknown(now: number): void {
    this.giveUp();
    const expiryInterval = this.#settings.sessionExpiryInterval;
    this.#holds.unknownUntil = expiryInterval === 0xffff_ffff ? Number.POSITIVE_INFINITY : now + expiryInterval * 1000;
  }

  // -- Connecting

  plan(broker: string, now: number): ConnectPlan {
    // An attempt that nobody reported the end of has ended all the same.
    if (this.#attempt !== undefined) this.fail({ written: this.#attempt.written, connackReceived: false }, now);
    const anew = this.asksForIdentifier(broker);
    const clientId = anew ? '' : this.#clientId;
    const cleanStart = anew || this.#needsCleanStart(broker, now);
    const holdBefore = this.#holds.get(broker);
    this.#attempt = { broker, clientId, cleanStart, inDoubtBefore: this.#inDoubt, holdBefore, written: false };
    // Without an identifier it cannot become a session of ours, unless a broker resumed one all the same.
    if (clientId !== '' || (this.#state !== 'none' && !anew)) this.#beginDoubt(broker, cleanStart, holdBefore, now);
    return { clientId, cleanStart };
  }

  /**
   * From the moment CONNECT is written until its CONNACK is here the session may be another one [MQTT-3.1.2-6], at this broker
   * and at those that share sessions with it: that is the doubt. At this broker it lasts until a CONNACK of its own.
   */
  #beginDoubt(broker: string, cleanStart: boolean, before: BrokerHold | undefined, now: number): void {
    this.#inDoubt = this.#inDoubt || this.#state !== 'none';
    const number = cleanStart || this.#state === 'none' ? 0 : this.#number;
    const expiryInterval = Math.max(this.#settings.sessionExpiryInterval, before?.expiryInterval ?? 0);
    this.#holds.set(broker, { number, expiryInterval, lostAt: undefined, doubted: !cleanStart }, now);
  }

  #needsCleanStart(broker: string, now: number): boolean {
    const { cleanStart, cleanStartOnReconnect, independentBrokers, resumeWithoutState } = this.#settings;
    if (this.#cleanStartDue || this.#givenUp) return true;
    if (cleanStartOnReconnect && this.#reconnecting) return true;
    if (this.#state === 'none') {
      if (cleanStart !== false) return true;
      // Explicit: false. What an earlier session of this object left there is nothing to resume either.
      return !resumeWithoutState && this.#holds.mayHoldKnown(broker, now);
    }
    if (this.#holds.mayHoldOther(broker, this.#number, now)) return true;
    if (this.#state === 'stale' && cleanStart !== false) return true;
    return independentBrokers && !this.#holds.has(broker);
  }

  written(): void {
    if (this.#attempt !== undefined) this.#attempt.written = true;
  }

  /** True when meta has changed. */
  fail({ written, connackReceived, reasonCode }: ConnectFailure, now: number): boolean {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    if (attempt === undefined) return false;
    const { broker, inDoubtBefore, holdBefore } = attempt;
    if (written && !connackReceived) {
      const hold = this.#holds.get(broker);
      if (hold !== undefined) this.#holds.set(broker, { ...hold, lostAt: hold.lostAt ?? now }, now);
      return true;
    }
    this.#inDoubt = inDoubtBefore;
    this.#holds.restore(broker, holdBefore);
    if (reasonCode === CLIENT_IDENTIFIER_NOT_VALID) this.#refusedIdentifier(broker, attempt.clientId);
    return true;
  }

  /** Another broker than the one that assigned it need not take it: there, ask for a new one. */
  #refusedIdentifier(broker: string, clientId: string): void {
    const { clientId: given = '' } = this.#settings;
    if (given !== '' || clientId === '' || broker === this.#assignedBy) return;
    this.#refusedAt ??= new Set();
    this.#refusedAt.add(broker);
  }

  /** `broker` has refused the identifier that another one assigned. */
  asksForIdentifier(broker: string): boolean {
    return this.#refusedAt?.has(broker) === true;
  }

  /** CONNACK 0x00. Changes nothing when the verdict is an error. */
  connected(connack: ConnackPacket, limits: ServerLimits, now: number): ConnectedVerdict {
    const attempt = this.#attempt;
    const refusal = this.#refusal(connack, attempt);
    if (refusal !== undefined) return refusal;
    const inDoubt = attempt !== undefined && (attempt.inDoubtBefore || attempt.holdBefore?.doubted === true);
    const verdict = this.#decide(connack.sessionPresent, inDoubt);
    this.#attempt = undefined;
    this.#inDoubt = false;
    this.#givenUp = false;
    this.#cleanStartDue = false;
    this.#reconnecting = true;
    this.#state = 'held';
    this.#broker = attempt?.broker ?? '';
    this.#nameClient(connack, attempt?.clientId ?? this.#clientId, this.#broker);
    const { sessionExpiryInterval: expiryInterval } = limits;
    this.#holds.set(this.#broker, { number: this.#number, expiryInterval, lostAt: undefined }, now);
    return verdict;
  }

  #refusal({ sessionPresent }: ConnackPacket, attempt: Attempt | undefined): ConnectedVerdict | undefined {
    if (!sessionPresent) return undefined;
    // [MQTT-3.2.2-2], and §3.2.2.1.1 for state we do not have.
    if (attempt?.cleanStart)
      return { error: new ProtocolError(PROTOCOL_ERROR, 'Session Present 1 after Clean Start 1') };
    if (this.#state !== 'none' || this.#settings.resumeWithoutState) return undefined;
    const text = 'The broker resumed a session of which this client has no state';
    return { error: mqttError('SESSION_STATE_MISSING', text) };
  }

  #decide(sessionPresent: boolean, inDoubt: boolean): ConnectedVerdict {
    const before = this.#state;
    if (sessionPresent && before !== 'none') {
      if (inDoubt) {
        this.#doubts += 1;
        // What was resumed may be a new session: then others that hold this number hold an older one.
        this.#holds.doubt(this.#number);
      }
      return { fate: 'resumed', inDoubt };
    }
    this.#number += 1;
    this.#doubts = 0;
    if (sessionPresent) return { fate: 'resumed', inDoubt: false };
    return { fate: before === 'none' ? 'new' : 'lost' };
  }

  #nameClient({ properties }: ConnackPacket, asked: string, broker: string): void {
    const assigned = properties?.assignedClientIdentifier;
    if (assigned !== undefined) this.#assignedBy = broker;
    this.#clientId = assigned ?? asked;
    if (asked === '') this.#refusedAt = undefined;
  }

  // -- Ended

  /** The connection is gone, the session is not; `expiryInterval`: what our DISCONNECT set. */
  lost(now: number, expiryInterval?: number): void {
    const broker = this.#broker;
    this.#broker = undefined;
    if (broker === undefined) return;
    const hold = this.#holds.get(broker);
    if (hold === undefined) return;
    this.#holds.set(broker, { ...hold, expiryInterval: expiryInterval ?? hold.expiryInterval, lostAt: now }, now);
  }

  /** Closed by the application: what comes next is no reconnection. */
  disconnected(): void {
    this.#reconnecting = false;
  }

  /** Ended for good by our DISCONNECT. */
  end(): void {
    if (this.#broker !== undefined) this.#holds.delete(this.#broker);
    this.#broker = undefined;
    this.#state = 'none';
    this.#inDoubt = false;
    this.#doubts = 0;
    this.#reconnecting = false;
  }
}
