// SPDX-License-Identifier: Apache-2.0
//
// Keeps the client connected. Owns the session over its connections, and the states:
//
//   idle ──connect()──▶ connecting ──CONNACK 0x00──▶ connected ──loss──▶ reconnecting ──CONNACK 0x00──▶ connected
//    ▲                      │                            │                     │
//    └──────failed──────────┘              disconnect(): closing ──▶ closed ◀──┴── given up
//
// From closed, connect() starts again: session, store and queue have stayed.

import type { DisconnectPacket, Packet } from '@mqttv5/wire';
import type { ClientState, ConnackInfo } from '../api/connect.ts';
import type { DisconnectOptions } from '../api/options.ts';
import type { BrokerAddress } from '../broker-url.ts';
import type { Link, LinkEnd, LinkHandlers } from '../connection/link.ts';
import { type AnyMqttError, mqttError, ProtocolError, type StoreError } from '../errors.ts';
import { type ResolvedDisconnectOptions, resolveDisconnectOptions } from '../options/disconnect-options.ts';
import type { RestoreReport } from '../session/effects.ts';
import type { AttemptResult } from './attempt.ts';
import { connackInfo } from './connack-info.ts';
import { ConnectionWaiters } from './connection-waiters.ts';
import { type ConnectionTaker, Connector, type ConnectorParts } from './connector.ts';
import { Ending, type EndingParts } from './ending.ts';
import { abortError, attemptError, disconnectInfo, disconnectPacket, restoreFailure } from './failures.ts';
import { onAbort, orAborted } from '../abort.ts';
import { Life } from './life.ts';

/** The parts of one client, made together and passed in. */
export interface SupervisorParts extends ConnectorParts, EndingParts {
  connected(broker: BrokerAddress, clientId: string): void;
}

export class Supervisor implements LinkHandlers, ConnectionTaker {
  readonly #parts: SupervisorParts;
  readonly #connector: Connector;
  /** Made with the first call that waits. */
  #waiters: ConnectionWaiters | undefined;
  /** Made when the client first ends. */
  #ending: Ending | undefined;
  #state: ClientState = 'idle';
  #life: Life | undefined;
  #link: Link | undefined;
  #info: ConnackInfo | undefined;
  #broker: BrokerAddress | undefined;
  /** Session this object has held subscriptions in since its last `connect()`: any other is resumed as a stranger. */
  #knownEpoch: number | undefined;

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    this.#connector = new Connector(parts, this);
  }

  get state(): ClientState {
    return this.#state;
  }

  get link(): Link | undefined {
    return this.#link;
  }

  /** What the broker granted on this connection; undefined while there is none. */
  get info(): ConnackInfo | undefined {
    return this.#link === undefined ? undefined : this.#info;
  }

  setBrokers(brokers: readonly BrokerAddress[]): void {
    this.#connector.setBrokers(brokers);
  }

  async connect(signal: AbortSignal | undefined): Promise<ConnackInfo> {
    signal?.throwIfAborted();
    while (this.#ending?.closing) await orAborted(this.#ending.closing, signal);
    if (this.#state !== 'idle' && this.#state !== 'closed') {
      throw mqttError('ALREADY_CONNECTED', `connect() was called before: the client is ${this.#state}`);
    }
    const life = new Life();
    this.#life = life;
    const forget = onAbort(signal, (reason) => life.stop(reason));
    this.#setState('connecting');
    try {
      await this.#openSession(life);
      const info = await this.#connector.first(life);
      // Ends early when the store fails over it, with disconnect(), or with the signal.
      const recorded = this.#parts.host.runner.committed();
      if (recorded !== undefined) await orAborted(recorded, life.signal);
      if (life.stopped) throw life.signal.reason;
      this.#rest(life);
      return info;
    } catch (error) {
      const reason: unknown = life.stopped ? life.signal.reason : error;
      this.#connectFailed(life, reason);
      throw reason;
    } finally {
      forget();
    }
  }

  awaitConnection(signal: AbortSignal | undefined): Promise<ConnackInfo> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.info !== undefined && this.#state === 'connected') return Promise.resolve(this.info);
    if (this.#state === 'idle') return Promise.reject(mqttError('NOT_CONNECTED', 'connect() has not been called'));
    if (this.#state !== 'connecting' && this.#state !== 'reconnecting') {
      return Promise.reject(mqttError('CLOSED', 'The client is closed'));
    }
    this.#waiters ??= new ConnectionWaiters();
    return this.#waiters.wait(signal);
  }

  disconnect(options: DisconnectOptions | undefined): Promise<void> {
    let resolved: ResolvedDisconnectOptions;
    try {
      resolved = resolveDisconnectOptions(options, this.#parts.options.sessionExpiryInterval);
    } catch (error) {
      return Promise.reject(error);
    }
    if (resolved.signal?.aborted) return Promise.reject(resolved.signal.reason);
    if (this.#state === 'idle' || this.#state === 'closed') {
      return this.#endWaits(undefined);
    }
    return orAborted(this.#ending?.closing ?? this.#theEnd().begin(() => this.#close(resolved)), resolved.signal);
  }

  // -- Connecting --------------------------------------------------------------------------------------------------------

  async #openSession(life: Life): Promise<void> {
    const engine = this.#parts.host.open();
    if (engine instanceof Promise) await orAborted(engine, life.signal);
  }

  /** From CONNACK to the first packets of the session, in one turn: nothing can come between. */
  bind(life: Life, broker: BrokerAddress, { link, connect, connack }: AttemptResult): ConnackInfo {
    const { host, registry, counters, events, options } = this.#parts;
    const engine = host.engine;
    if (life.stopped || engine === undefined) {
      const reason: unknown = life.stopped ? life.signal.reason : mqttError('CLOSED', 'The session store failed');
      link.destroy(abortError(reason));
      throw reason;
    }
    const info = connackInfo(new URL(broker.href), connect, connack);
    host.runner.bind(link);
    const verdict = engine.handleConnected(connack, info, host.now());
    if ('error' in verdict) {
      host.runner.unbind();
      link.fail('reasonCode' in verdict.error ? verdict.error.reasonCode : 0x00, verdict.error);
      throw verdict.error;
    }
    this.#link = link;
    this.#info = info;
    this.#broker = broker;
    this.#connector.connected();
    if (this.#state === 'reconnecting') counters.reconnects += 1;
    counters.connects += 1;
    this.#setState('connected');
    const resumedForeign = verdict.fate === 'resumed' && engine.epoch !== this.#knownEpoch;
    this.#knownEpoch = engine.epoch;
    registry.handleConnected({
      fate: verdict.fate,
      inDoubt: verdict.fate === 'resumed' && verdict.inDoubt,
      info,
      resumedForeign,
    });
    engine.startPublishing(host.now());
    host.rearm();
    options.logger?.info('mqtt: connected', {
      broker: broker.shown,
      clientId: info.clientId,
      session: verdict.fate,
    });
    events.emit('connect', info);
    this.#parts.connected(broker, info.clientId);
    void this.#resolveWaiters(link, info);
    link.start(this);
    return info;
  }

  // -- LinkHandlers

  /** HOT PATH. */
  packet(packet: Packet): void {
    const { host } = this.#parts;
    host.engine?.handlePacket(packet, host.instant());
  }

  room(): void {
    this.#parts.host.room();
  }

  reauthenticated(): void {
    this.#parts.events.emit('reauthenticated');
  }

  /** The session is recorded before anybody is told; until then the next connection may be the one. */
  async #resolveWaiters(link: Link, info: ConnackInfo): Promise<void> {
    const recorded = this.#parts.host.runner.committed();
    if (recorded !== undefined) await recorded;
    if (this.#link !== link) return;
    this.#waiters?.resolve(info);
  }

  #connectFailed(life: Life, reason: unknown): void {
    if (this.#life !== life) return;
    life.stop(reason);
    this.#life = undefined;
    const error = abortError(reason);
    this.#dropLink(error);
    this.#parts.host.rest();
    this.#parts.publishing.detachAll(error);
    this.#parts.registry.handleConnectFailed(error);
    this.#waiters?.reject(reason);
    this.#setState('idle');
  }

  /** The caller has given up between CONNACK and the commit of the session's record: the connection is not wanted. */
  #dropLink(error: AnyMqttError): void {
    const { host, registry } = this.#parts;
    const link = this.#link;
    if (link === undefined) return;
    this.#link = undefined;
    host.runner.unbind();
    host.engine?.handleConnectionLost({ orderly: false, reasonCode: undefined }, host.now());
    registry.handleConnectionLost();
    link.destroy(error);
  }

  // -- Losing the connection ---------------------------------------------------------------------------------------------

  closed(end: LinkEnd, link: Link): void {
    if (this.#link !== link) return;
    const life = this.#life;
    const { host, registry, counters, events, options } = this.#parts;
    this.#link = undefined;
    host.runner.unbind();
    host.engine?.handleConnectionLost(
      { orderly: end.orderly, reasonCode: end.serverDisconnect?.reasonCode },
      host.now(),
    );
    registry.handleConnectionLost();
    host.rearm();
    this.#ending?.connectionLost();
    if (life === undefined || life.stopped || this.#ending?.closing !== undefined) return;
    counters.disconnects += 1;
    this.#connector.connectionLost();
    options.logger?.warn('mqtt: connection lost', { error: end.error });
    if (end.serverDisconnect) this.#serverDisconnected(end.serverDisconnect);
    const willReconnect = this.#connector.allows(end.error);
    events.emit('disconnect', { error: end.error, willReconnect });
    if (!willReconnect) {
      this.#finish(life, end.error);
      return;
    }
    this.#setState('reconnecting');
    this.#connector.retry(life, end.error).then(
      () => this.#rest(life),
      (error: unknown) => {
        if (!life.stopped) this.#finish(life, attemptError(error));
      },
    );
  }

  /** Not when the connection that was waited for is gone again: then the next wait has begun, and must hear of the end. */
  #rest(life: Life): void {
    if (this.#link !== undefined) life.rest();
  }

  #serverDisconnected({ reasonCode, properties = {} }: DisconnectPacket): void {
    const info = disconnectInfo(reasonCode, properties);
    this.#parts.events.emit('serverDisconnect', info);
    if (this.#broker) this.#connector.redirect(info, this.#broker);
  }

  /** The peer broke the standard. What stands behind the packet is not looked at. */
  violation(reasonCode: number, detail: string): void {
    this.#link?.fail(reasonCode, new ProtocolError(reasonCode, detail));
  }

  restored(report: RestoreReport): void {
    const failure = restoreFailure(report);
    if (failure === undefined) return;
    this.#parts.counters.storeErrors += 1;
    this.#parts.events.emit('storeError', failure);
  }

  /** The store failed for good. */
  crashed(error: StoreError): void {
    this.#parts.events.emit('storeError', error);
    const life = this.#life;
    this.#theEnd().storeFailed(this.#link, error);
    this.#link = undefined;
    if (life !== undefined && !life.stopped && this.#ending?.closing === undefined) this.#finish(life, error);
  }

  /** The client ends by itself. Session, store and queue stay; `connect()` starts again. */
  #finish(life: Life, error: AnyMqttError): void {
    if (this.#life !== life) return;
    life.stop(error);
    this.#life = undefined;
    this.#parts.options.logger?.error('mqtt: closed', { error });
    this.#setState('closed');
    void this.#theEnd().begin(() => this.#endWaits(error));
    this.#parts.events.emit('close', { error });
  }

  // -- Closing -----------------------------------------------------------------------------------------------------------

  async #close(options: ResolvedDisconnectOptions): Promise<void> {
    const { host, events } = this.#parts;
    const life = this.#life;
    this.#setState('closing');
    if (options.drainTimeoutMs > 0 && this.#link) await this.#theEnd().drain(options);
    life?.stop(mqttError('CLOSED', 'disconnect() was called'));
    this.#life = undefined;
    const expiry = options.sessionExpiryInterval ?? this.#info?.sessionExpiryInterval ?? 0;
    // What the DISCONNECT ends is lost; what it leaves is only not waited for any more.
    const endsSession = this.#link !== undefined && expiry === 0;
    if (endsSession) host.engine?.endSession(host.now());
    const ended = this.#endWaits(undefined);
    await this.#theEnd().recorded();
    const link = this.#link;
    this.#link = undefined;
    host.runner.unbind();
    if (!endsSession) host.engine?.handleDisconnected(host.now(), link ? expiry : undefined);
    host.rest();
    await (link?.disconnect(disconnectPacket(options)) ?? this.#ending?.failing);
    await this.#theEnd().recorded();
    await ended;
    this.#setState('closed');
    events.emit('close', {});
  }

  /** Everything that waits for the client ends with it. */
  #endWaits(error: AnyMqttError | undefined): Promise<void> {
    this.#knownEpoch = undefined;
    return this.#theEnd().endWaits(error);
  }

  #theEnd(): Ending {
    this.#ending ??= new Ending(this.#parts, (error) => this.#waiters?.reject(error));
    return this.#ending;
  }

  #setState(state: ClientState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#parts.events.emit('stateChange', state);
  }
}
