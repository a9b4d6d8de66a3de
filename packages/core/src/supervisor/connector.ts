// SPDX-License-Identifier: Apache-2.0
//
// Attempts to connect, one after the other: which broker, when, and whether there is another one. What a connection is used for
// is the supervisor's business.

import type { ConnackInfo, ServerDisconnectInfo } from '../api/connect.ts';
import { orAborted, sleep } from '../abort.ts';
import type { BrokerAddress } from '../broker-url.ts';
import type { Link } from '../connection/link.ts';
import { type AnyMqttError, isMqttError, joinErrors, mqttError } from '../errors.ts';
import type { ResolvedClientOptions } from '../options/client-options.ts';
import type { Counters } from '../stats.ts';
import { type AttemptResult, attemptConnect } from './attempt.ts';
import { BrokerList } from './broker-list.ts';
import type { Environment } from './environment.ts';
import type { EventHub } from './event-hub.ts';
import { attemptError, disconnectInfo } from './failures.ts';
import type { Life } from './life.ts';
import { followRedirect, isRedirect } from './redirects.ts';
import { RetrySchedule } from './retry-schedule.ts';
import type { SessionHost } from './session-host.ts';

export interface ConnectorParts {
  readonly options: ResolvedClientOptions;
  readonly environment: Environment;
  readonly counters: Counters;
  readonly events: EventHub;
  readonly host: SessionHost;
}

export interface ConnectionTaker {
  /** Takes a connection whose CONNACK was 0x00. Throws when the session refuses it, and then it is closed. */
  bind(life: Life, broker: BrokerAddress, result: AttemptResult): ConnackInfo;
}

export class Connector {
  readonly #parts: ConnectorParts;
  readonly #taker: ConnectionTaker;
  readonly #brokers: BrokerList;
  readonly #schedule: RetrySchedule;

  constructor(parts: ConnectorParts, taker: ConnectionTaker) {
    this.#parts = parts;
    this.#taker = taker;
    this.#brokers = new BrokerList(parts.options.brokers);
    this.#schedule = new RetrySchedule(parts.options, parts.events);
  }

  setBrokers(brokers: readonly BrokerAddress[]): void {
    this.#brokers.replace(brokers);
  }

  /** Tries each broker once, then gives up or, with `retryInitialConnect`, goes on like after a loss. */
  async first(life: Life): Promise<ConnackInfo> {
    this.#schedule.reset();
    const errors: AnyMqttError[] = [];
    for (let left = this.#brokers.length, attempt = 1; ; attempt += 1) {
      // A detour is nobody's turn.
      if (this.#brokers.redirect !== 'detour') left -= 1;
      const broker = this.#brokers.take();
      try {
        return await this.#attempt(life, broker, attempt);
      } catch (error) {
        errors.push(this.#attemptFailed(life, error, broker, attempt));
      }
      const last = joinErrors(errors);
      // Another broker would be asked to resume what nobody here knows, too.
      if (last.code === 'SESSION_STATE_MISSING') throw last;
      const redirect = this.#brokers.redirect;
      if (redirect === 'move') left = this.#brokers.length;
      if (redirect !== undefined) await this.#waitForTurn(life, last);
      else if (left <= 0) {
        if (!this.#parts.options.retryInitialConnect || !this.allows(last)) throw last;
        return await this.retry(life, last);
      }
    }
  }

  /** Goes on until there is a connection, or no further attempt is allowed: then it throws the last error. */
  async retry(life: Life, failure: AnyMqttError): Promise<ConnackInfo> {
    for (let last = failure; ; ) {
      await this.#waitForTurn(life, last);
      const broker = this.#brokers.take();
      try {
        return await this.#attempt(life, broker, this.#schedule.attempt);
      } catch (error) {
        last = this.#attemptFailed(life, error, broker, this.#schedule.attempt);
      }
      if (!this.allows(last)) throw last;
    }
  }

  /** There is a connection: its broker is kept. */
  connected(): void {
    this.#brokers.succeeded();
    this.#schedule.connected(this.#parts.host.now());
  }

  connectionLost(): void {
    this.#schedule.connectionLost(this.#parts.host.now());
  }

  /** Follows where a broker points, as far as the application allows it, and reports it in either case. */
  redirect(said: Partial<ServerDisconnectInfo>, from: BrokerAddress): void {
    const { reasonCode, serverReference, reasonString, userProperties } = said;
    if (reasonCode === undefined || !isRedirect(reasonCode)) return;
    const info = disconnectInfo(reasonCode, { serverReference, reasonString, userProperties });
    let followed = false;
    try {
      followed = followRedirect(this.#brokers, info, from, this.#parts.options.followServerRedirects);
    } catch (error) {
      this.#parts.events.report('mqtt: followServerRedirects failed', error);
    }
    this.#parts.events.emit('serverRedirect', { ...info, followed });
  }

  /** Whether there is another attempt. */
  allows(error: AnyMqttError): boolean {
    return this.#schedule.allows(error);
  }

  async #waitForTurn(life: Life, last: AnyMqttError): Promise<void> {
    const { events, environment } = this.#parts;
    const delayMs = this.#schedule.next(last.code === 'SESSION_TAKEN_OVER');
    const broker = new URL(this.#brokers.peek().href);
    events.emit('reconnecting', { attempt: this.#schedule.attempt, broker, delayMs });
    await sleep(environment.clock, delayMs, life.signal);
  }

  async #attempt(life: Life, broker: BrokerAddress, attempt: number): Promise<ConnackInfo> {
    const { options, environment, counters, host } = this.#parts;
    const engine = await this.#engine(life);
    const plan = engine.planConnect(broker.shown, host.now());
    let written = false;
    let result: AttemptResult;
    try {
      result = await attemptConnect(options, environment, counters, {
        broker,
        attempt,
        plan,
        life,
        beforeConnect: () => host.runner.committed(),
        connectWritten: () => {
          written = true;
          engine.handleConnectWritten();
        },
      });
      this.#assertCanPause(result.link);
    } catch (error) {
      const reasonCode = isMqttError(error) && error.code === 'CONNECT_REFUSED' ? error.reasonCode : undefined;
      engine.handleConnectFailed({ written, connackReceived: reasonCode !== undefined, reasonCode }, host.now());
      // Its first refusal of an identifier that another broker assigned: asked at once for one of its own.
      if (plan.clientId !== '' && engine.asksForIdentifier(broker.shown)) return this.#attempt(life, broker, attempt);
      throw error;
    }
    try {
      return this.#taker.bind(life, broker, result);
    } catch (error) {
      await this.#whenClosed(life, result.link);
      throw error;
    }
  }

  /** What the session has refused is being closed: whoever is told of it finds nothing left behind. */
  async #whenClosed(life: Life, link: Link): Promise<void> {
    try {
      await orAborted(link.disconnect({ type: 'disconnect', reasonCode: 0x00 }), life.signal);
    } catch (reason) {
      link.destroy(mqttError('CLOSED', 'The attempt to connect was aborted', { cause: reason }));
    }
  }

  /** A default that this transport cannot keep is refused, never quietly replaced. */
  #assertCanPause(link: Link): void {
    if (this.#parts.options.overflow !== 'pause' || link.canPause) return;
    const error = mqttError('INVALID_OPTION', 'overflow "pause" needs a connection that can pause; this one cannot');
    link.destroy(error);
    throw error;
  }

  /** The engine may have gone with its store between two attempts. */
  async #engine(life: Life) {
    const engine = this.#parts.host.open();
    return engine instanceof Promise ? await orAborted(engine, life.signal) : engine;
  }

  #attemptFailed(life: Life, cause: unknown, broker: BrokerAddress, attempt: number): AnyMqttError {
    if (life.stopped) throw life.signal.reason;
    const { counters, events, options } = this.#parts;
    const error = attemptError(cause);
    counters.connectFailures += 1;
    this.#brokers.failed();
    options.logger?.warn('mqtt: connect failed', { broker: broker.shown, attempt, error });
    events.emit('connectError', { error, attempt, broker: new URL(broker.href) });
    if ('serverReference' in error || 'reasonCode' in error) this.redirect(error, broker);
    return error;
  }
}
