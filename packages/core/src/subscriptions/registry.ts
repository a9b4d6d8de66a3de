// SPDX-License-Identifier: Apache-2.0
//
// The receiving side of one client: what was asked for, who gets what arrives, and what the broker is told about both.

import type { ConnackInfo } from '../api/connect.ts';
import type { AckReasonCode, MessageHandler, Subscription, SubscriptionHandle } from '../api/receive.ts';
import { type AnyMqttError, mqttError, unavailable } from '../errors.ts';
import type { ResolvedFilter, ResolvedSubscribeOptions } from '../options/subscribe-options.ts';
import type { ControlRequest, InboundExchange, RequestOutcome } from '../session/effects.ts';
import { type Deferred, deferred, orAborted } from '../abort.ts';
import { CallbackSubscription } from './callback-subscription.ts';
import { Dispatch, type SubscriptionDefaults } from './dispatch.ts';
import type { LocalSubscription, SubscriptionHost } from './local-subscription.ts';
import type { Answer, ReceivedPublish } from './message.ts';
import { PauseControl } from './pause-control.ts';
import type { SubscriptionPort } from './port.ts';
import { Routes } from './routes.ts';
import { StreamSubscription } from './subscription.ts';
import { SubscriptionIdentifiers } from './subscription-identifiers.ts';
import { type SessionStart, SubscriptionRequests } from './subscription-requests.ts';
import { WorkInHand } from './work-in-hand.ts';

export type { SubscriptionDefaults } from './dispatch.ts';
export type { SubscriptionPort } from './port.ts';

/** How a connection began. @internal */
export interface SubscriptionStart extends SessionStart {
  /** Resumed a session in which this Client object has not subscribed. */
  readonly resumedForeign: boolean;
}

/** @internal */
export class SubscriptionRegistry implements SubscriptionHost {
  readonly port: SubscriptionPort;
  readonly #dispatch: Dispatch;
  // Each made when it is first needed: many clients only publish, and many of those hardly ever.
  #requests: SubscriptionRequests | undefined;
  #pause: PauseControl | undefined;
  #work: WorkInHand | undefined;
  /** Of the connection there is. */
  #broker: ConnackInfo | undefined;
  /** Waits that end with the connection. Not one promise of the connection: it would collect a reaction for each wait. */
  #whileConnected: Set<Deferred<void>> | undefined;
  /** The session has subscriptions whose objects `end` has ended. */
  #orphaned = false;
  /** The session was resumed as a stranger, and nobody has subscribed in it since. */
  #foreign = false;
  #serial = 0;

  constructor(port: SubscriptionPort, defaults: SubscriptionDefaults) {
    this.port = port;
    this.#dispatch = new Dispatch(port, defaults);
  }

  get pause(): PauseControl {
    this.#pause ??= new PauseControl(this.port);
    return this.#pause;
  }

  get work(): WorkInHand {
    this.#work ??= new WorkInHand();
    return this.#work;
  }

  get subscriptionCount(): number {
    return this.#requests?.count ?? 0;
  }

  // The application ---------------------------------------------------------------------------------------------------------

  /** Registers at once; the broker is asked now, or when there is one. */
  declare(filters: readonly ResolvedFilter[], options: ResolvedSubscribeOptions): Subscription;
  declare(
    filters: readonly ResolvedFilter[],
    options: ResolvedSubscribeOptions,
    handler: MessageHandler | undefined,
  ): SubscriptionHandle;
  declare(
    filters: readonly ResolvedFilter[],
    options: ResolvedSubscribeOptions,
    handler?: MessageHandler,
  ): SubscriptionHandle {
    return this.#open(filters, options, handler, false);
  }

  /**
   * Whole or nothing. `options.signal` ends the wait; what is granted afterwards is unsubscribed again.
   *
   * @throws MqttError `NOT_CONNECTED`, `CLOSED`, and what the broker answers
   */
  subscribe(filters: readonly ResolvedFilter[], options: ResolvedSubscribeOptions): Promise<Subscription>;
  subscribe(
    filters: readonly ResolvedFilter[],
    options: ResolvedSubscribeOptions,
    handler: MessageHandler | undefined,
  ): Promise<SubscriptionHandle>;
  async subscribe(
    filters: readonly ResolvedFilter[],
    options: ResolvedSubscribeOptions,
    handler?: MessageHandler,
  ): Promise<SubscriptionHandle> {
    const { state } = this.port;
    if (state !== 'connected' && state !== 'connecting' && state !== 'reconnecting') throw unavailable(state);
    options.signal?.throwIfAborted();
    const subscription = this.#open(filters, options, handler, true);
    try {
      await orAborted(this.brokerWait(subscription.grants.wait()), options.signal);
    } catch (error) {
      // Nobody has it: the call was aborted or refused.
      subscription.closeUnsubscribed();
      this.#requests?.abandon(subscription);
      throw error;
    }
    return subscription;
  }

  #open(
    filters: readonly ResolvedFilter[],
    options: ResolvedSubscribeOptions,
    handler: MessageHandler | undefined,
    wholeOrNothing: boolean,
  ): StreamSubscription | CallbackSubscription {
    const subscription =
      handler === undefined
        ? new StreamSubscription(this, filters, options, wholeOrNothing)
        : new CallbackSubscription(this, filters, options, wholeOrNothing, handler);
    if (this.#refusesPause(subscription)) return subscription;
    this.#requests ??= this.#makeRequests();
    this.#requests.add(subscription);
    if (this.#broker !== undefined) this.#foreign = false;
    this.#dispatch.giveHeld();
    return subscription;
  }

  #makeRequests(): SubscriptionRequests {
    const identifiers = new SubscriptionIdentifiers(this.port.random);
    const routes = new Routes(identifiers);
    this.#dispatch.routes = routes;
    const requests = new SubscriptionRequests(this.port, routes, identifiers);
    if (this.#broker !== undefined) requests.handleConnected({ fate: 'resumed', inDoubt: false, info: this.#broker });
    return requests;
  }

  /** Real back-pressure or none: it is never quietly replaced. */
  #refusesPause(subscription: LocalSubscription): boolean {
    if (subscription.options.overflow !== 'pause' || this.port.canPause !== false) return false;
    subscription.closeFailed(mqttError('INVALID_OPTION', 'overflow "pause": this connection cannot stop reading'));
    return true;
  }

  // Connections and sessions ------------------------------------------------------------------------------------------------

  /** After the engine has resumed or begun the session, before it publishes. */
  handleConnected(start: SubscriptionStart): void {
    this.#broker = start.info;
    if (start.fate !== 'resumed') this.#forgetSession();
    if (start.resumedForeign) this.#foreign = true;
    this.#dispatch.expect(this.#foreign || this.#orphaned);
    this.#pause?.handleConnected();
    for (const subscription of this.#subscriptions()) this.#endUnlessPausable(subscription);
    this.#requests?.handleConnected(start);
    if (this.subscriptionCount > 0) this.#foreign = false;
    this.#dispatch.handleConnected();
  }

  handleConnectionLost(): void {
    this.#broker = undefined;
    this.#pause?.handleConnectionLost();
    this.#dispatch.handleConnectionLost();
    this.#requests?.handleConnectionLost();
    for (const wait of this.#whileConnected ?? []) wait.resolve();
    this.#whileConnected = undefined;
  }

  /** `connect()` has given up: whoever waits for a grant is told. What was declared stays for the next `connect()`. */
  handleConnectFailed(error: AnyMqttError): void {
    for (const subscription of this.#subscriptions()) {
      if (subscription.grants.settled) continue;
      if (subscription.wholeOrNothing) {
        subscription.closeUnsubscribed(error);
        this.#requests?.abandon(subscription);
      } else subscription.grants.rejectWaiting(error);
    }
  }

  handleRequestSettled(request: ControlRequest, outcome: RequestOutcome): void {
    this.#requests?.settle(request, outcome);
  }

  /** Every subscription ends at once: normally, or with `error`. What the broker waits for stays unanswered. */
  end(error: AnyMqttError | undefined): void {
    const subscriptions = this.#subscriptions();
    this.#dispatch.ended = true;
    // Routes first: what a drop listener does must not find them.
    if (this.#requests?.end() === true) this.#orphaned = true;
    this.handleConnectionLost();
    this.#dispatch.forget();
    for (const subscription of subscriptions) subscription.closeEnded(error);
    this.#work?.stopDraining();
  }

  /** Gives nothing more out. Resolves when running handlers and messages in hand are done, or the client ends. */
  drain(): Promise<void> {
    return this.work.drain();
  }

  brokerWaitBegin(): void {
    this.pause.brokerWaitBegin();
  }

  brokerWaitEnd(): void {
    this.pause.brokerWaitEnd();
  }

  #subscriptions(): readonly LocalSubscription[] {
    return this.#requests?.subscriptions() ?? [];
  }

  #endUnlessPausable(subscription: LocalSubscription): void {
    const { grants } = subscription;
    const isTold = !grants.settled && grants.awaited;
    if (!this.#refusesPause(subscription)) return;
    this.#requests?.abandon(subscription);
    const { error } = subscription;
    if (error !== undefined && !isTold) this.port.events.emit('subscribeError', { subscription, error });
  }

  #forgetSession(): void {
    this.#orphaned = false;
    this.#foreign = false;
    this.#dispatch.forget();
    for (const subscription of this.#subscriptions()) subscription.handleSessionLost();
  }

  // Messages ----------------------------------------------------------------------------------------------------------------

  /** An application message, from the engine. */
  deliver(packet: ReceivedPublish, topic: string, exchange: InboundExchange | undefined): void {
    this.#dispatch.deliver(packet, topic, exchange);
  }

  // For the subscriptions ---------------------------------------------------------------------------------------------------

  nextSerial(): number {
    return ++this.#serial;
  }

  passOn(answer: Answer, reasonCode: AckReasonCode): void {
    this.#dispatch.passOn(answer, reasonCode);
  }

  async unsubscribe(subscription: LocalSubscription): Promise<void> {
    // The stream ends at once, whatever becomes of the UNSUBSCRIBE.
    const answered = this.#requests?.unsubscribe(subscription);
    subscription.closeUnsubscribed();
    if (answered !== undefined) await this.brokerWait(answered);
  }

  async brokerWait<T>(operation: Promise<T>): Promise<T> {
    this.pause.brokerWaitBegin();
    try {
      return await operation;
    } finally {
      this.pause.brokerWaitEnd();
    }
  }

  whileConnected(operation: Promise<void>): Promise<void> {
    const wait = deferred<void>();
    const waits = (this.#whileConnected ??= new Set());
    waits.add(wait);
    void operation.then(wait.resolve, wait.reject).finally(() => waits.delete(wait));
    if (this.#broker === undefined) wait.resolve();
    return wait.promise;
  }
}
