// SPDX-License-Identifier: Apache-2.0
//
// The receiving side of one client: what was asked for, who gets what arrives, and what the broker is told about both.

import type { ConnackInfo } from '../api/connect.ts';
import type { AckReasonCode, MessageHandler, Subscription, SubscriptionHandle } from '../api/receive.ts';
import { type AnyMqttError, mqttError } from '../errors.ts';
import type { ResolvedFilter, ResolvedSubscribeOptions } from '../options/subscribe-options.ts';
import type { ControlRequest, InboundExchange, RequestOutcome } from '../session/effects.ts';
import { type Deferred, deferred, orAborted } from './abortable.ts';
import { AckStall } from './ack-stall.ts';
import { CallbackSubscription } from './callback-subscription.ts';
import type { LocalSubscription, SubscriptionHost } from './local-subscription.ts';
import { type Answer, type MessageOwner, ReceivedMessage, type ReceivedPublish } from './message.ts';
import { PauseControl } from './pause-control.ts';
import type { SubscriptionPort } from './port.ts';
import { Routes } from './routes.ts';
import { SharedDelivery } from './shared-delivery.ts';
import { StreamSubscription } from './subscription.ts';
import { SubscriptionIdentifiers } from './subscription-identifiers.ts';
import { SubscriptionRequests } from './subscription-requests.ts';
import { UnmatchedHold } from './unmatched-hold.ts';

export type { SubscriptionPort } from './port.ts';

/** The options of the client that concern all its subscriptions. @internal */
export interface SubscriptionDefaults {
  readonly ackStallMs: number;
  readonly unmatchedHoldMs: number;
  readonly receiveMaximum: number;
}

/** How a connection began. @internal */
export interface SubscriptionStart {
  readonly fate: 'new' | 'lost' | 'resumed';
  readonly inDoubt: boolean;
  readonly info: ConnackInfo;
  /** Resumed a session in which this Client object has not subscribed. */
  readonly resumedForeign: boolean;
}

/** @internal */
export class SubscriptionRegistry implements SubscriptionHost, MessageOwner {
  readonly port: SubscriptionPort;
  readonly pause: PauseControl;
  /** Of messages that no subscription took. */
  readonly subscription = undefined;
  readonly #identifiers: SubscriptionIdentifiers;
  readonly #routes: Routes;
  readonly #requests: SubscriptionRequests;
  readonly #stall: AckStall;
  readonly #unmatched: UnmatchedHold;
  #serial = 0;
  /** Handlers running and messages in hand. */
  #work = 0;
  /** Present while draining. */
  #drained: Deferred<void> | undefined;
  /** The session has subscriptions whose objects `end` has ended. */
  #orphaned = false;
  /** Whoever disposes of a subscription waits no longer than this connection. */
  #connection: Deferred<void> | undefined;

  constructor(port: SubscriptionPort, defaults: SubscriptionDefaults) {
    this.port = port;
    this.pause = new PauseControl(port);
    this.#identifiers = new SubscriptionIdentifiers(port.random);
    this.#routes = new Routes(this.#identifiers);
    this.#requests = new SubscriptionRequests(port, this.#routes, this.#identifiers);
    const { ackStallMs, receiveMaximum } = defaults;
    this.#stall = new AckStall(port.clock, ackStallMs, receiveMaximum, (event) => port.emitAckStalled(event));
    this.#unmatched = new UnmatchedHold(port.clock, defaults.unmatchedHoldMs, receiveMaximum, (message) =>
      this.#reportUnmatched(message.packet, message.topic, message.exchange),
    );
  }

  get subscriptionCount(): number {
    return this.#requests.count;
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
    options.signal?.throwIfAborted();
    this.#assertUsable();
    const subscription = this.#open(filters, options, handler, true);
    try {
      await orAborted(this.brokerWait(subscription.grants.wait()), options.signal);
    } catch (error) {
      this.#abandon(subscription);
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
    this.#requests.add(subscription);
    this.#giveHeld();
    return subscription;
  }

  /** Nobody has it: the call was aborted or refused. */
  #abandon(subscription: LocalSubscription): void {
    subscription.closeUnsubscribed();
    this.#requests.abandon(subscription);
  }

  #assertUsable(): void {
    const { state } = this.port;
    if (state === 'idle') throw mqttError('NOT_CONNECTED', 'subscribe() needs connect() first; declare() does not');
    if (state === 'closing' || state === 'closed') throw mqttError('CLOSED', 'The client is closed');
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
    this.#connection = deferred();
    if (start.fate !== 'resumed') this.#forgetSession();
    if (start.resumedForeign || this.#orphaned || this.#unmatched.size > 0) this.#unmatched.start();
    this.pause.handleConnected();
    for (const subscription of this.#requests.subscriptions()) {
      if (!this.#refusesPause(subscription)) continue;
      this.#requests.abandon(subscription);
      if (subscription.error !== undefined) this.port.emitSubscribeError(subscription, subscription.error);
    }
    this.#requests.handleConnected(start);
    this.#stall.handleConnected();
  }

  handleConnectionLost(): void {
    this.pause.handleConnectionLost();
    this.#stall.handleConnectionLost();
    this.#unmatched.suspend();
    this.#requests.handleConnectionLost();
    this.#connection?.resolve();
    this.#connection = undefined;
  }

  /** `connect()` has given up: whoever waits for a grant is told. What was declared stays for the next `connect()`. */
  handleConnectFailed(error: AnyMqttError): void {
    for (const subscription of this.#requests.subscriptions()) {
      if (subscription.grants.settled) continue;
      if (subscription.wholeOrNothing) {
        subscription.closeUnsubscribed(error);
        this.#requests.abandon(subscription);
      } else subscription.grants.rejectWaiting(error);
    }
  }

  handleRequestSettled(request: ControlRequest, outcome: RequestOutcome): void {
    this.#requests.settle(request, outcome);
  }

  /**
   * Every subscription ends at once: normally, or with `error`. What the broker waits for stays unanswered.
   */
  end(error: AnyMqttError | undefined): void {
    const subscriptions = this.#requests.subscriptions();
    // Routes first: what a drop listener does must not find them.
    this.#orphaned = this.#requests.end() || this.#orphaned;
    this.handleConnectionLost();
    this.#stall.clear();
    this.#unmatched.clear();
    for (const subscription of subscriptions) subscription.closeEnded(error);
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  /** Gives nothing more out. Resolves when running handlers and messages in hand are done, or the client ends. */
  drain(): Promise<void> {
    this.#drained ??= deferred();
    if (this.#work === 0) this.#drained.resolve();
    return this.#drained.promise;
  }

  brokerWaitBegin(): void {
    this.pause.brokerWaitBegin();
  }

  brokerWaitEnd(): void {
    this.pause.brokerWaitEnd();
  }

  #forgetSession(): void {
    this.#orphaned = false;
    this.#stall.clear();
    this.#unmatched.clear();
    for (const subscription of this.#requests.subscriptions()) subscription.handleSessionLost();
  }

  // Messages ----------------------------------------------------------------------------------------------------------------

  /** An application message for whoever subscribed to it. Hot path: benchmarks/receive. */
  deliver(packet: ReceivedPublish, topic: string, exchange: InboundExchange | undefined): void {
    const targets = this.#routes.targets(topic, this.#identifiersOf(packet));
    const only = targets[0];
    if (only === undefined) this.#deliverToNobody(packet, topic, exchange);
    else if (targets.length === 1) this.#deliverToOne(only, packet, topic, exchange);
    else this.#deliverToAll(targets, packet, topic, exchange);
  }

  #deliverToOne(
    target: LocalSubscription,
    packet: ReceivedPublish,
    topic: string,
    exchange: InboundExchange | undefined,
  ): void {
    const message = target.receiveCopy(packet, topic, exchange);
    if (exchange !== undefined) this.#stall.track(exchange.qos, message);
    target.deliver(message);
  }

  #deliverToAll(
    targets: readonly LocalSubscription[],
    packet: ReceivedPublish,
    topic: string,
    exchange: InboundExchange | undefined,
  ): void {
    if (exchange === undefined) {
      for (const target of targets) target.deliver(target.receiveCopy(packet, topic, undefined));
      return;
    }
    const shared = new SharedDelivery(exchange, targets.length);
    this.#stall.track(exchange.qos, shared);
    const copies = targets.map((target) => target.receiveCopy(packet, topic, shared));
    for (const copy of copies) shared.add(copy);
    targets.forEach((target, i) => {
      const copy = copies[i];
      if (copy !== undefined) target.deliver(copy);
    });
  }

  #deliverToNobody(packet: ReceivedPublish, topic: string, exchange: InboundExchange | undefined): void {
    if (exchange !== undefined && this.#unmatched.hold({ packet, topic, exchange })) return;
    this.#reportUnmatched(packet, topic, exchange);
  }

  /** Reported while it is unanswered; a listener may refuse it. */
  #reportUnmatched(packet: ReceivedPublish, topic: string, exchange: InboundExchange | undefined): void {
    const message = new ReceivedMessage(packet, topic, this, exchange);
    this.port.emitUnmatched(message);
    message.ack();
  }

  /** Somebody has subscribed: what was held for that is given out. */
  #giveHeld(): void {
    const held = this.#unmatched.take(
      ({ packet, topic }) => this.#routes.targets(topic, this.#identifiersOf(packet)).length > 0,
    );
    for (const { packet, topic, exchange } of held) this.deliver(packet, topic, exchange);
  }

  #identifiersOf(packet: ReceivedPublish): readonly number[] | undefined {
    return this.#identifiers.unused ? undefined : packet.properties?.subscriptionIdentifiers;
  }

  // For the subscriptions ---------------------------------------------------------------------------------------------------

  nextSerial(): number {
    return ++this.#serial;
  }

  get draining(): boolean {
    return this.#drained !== undefined;
  }

  workBegins(): void {
    this.#work++;
  }

  workEnds(): void {
    this.#work--;
    if (this.#work === 0) this.#drained?.resolve();
  }

  passOn(answer: Answer, reasonCode: AckReasonCode): void {
    if (!(answer instanceof SharedDelivery)) {
      this.#answer(answer, reasonCode);
      return;
    }
    const common = answer.answer(reasonCode);
    if (common !== undefined) this.#answer(answer.exchange, common);
  }

  /** Of a message that no subscription took. */
  answered(_message: ReceivedMessage, answer: Answer | undefined, reasonCode: AckReasonCode): void {
    if (answer !== undefined) this.passOn(answer, reasonCode);
  }

  #answer(exchange: InboundExchange, reasonCode: AckReasonCode): void {
    // Its session may be gone, or the broker may have used its identifier again: then nobody waits for it.
    const awaited = !exchange.acknowledged;
    this.port.acknowledge(exchange, reasonCode);
    if (awaited) this.#stall.answered(exchange.qos);
  }

  async unsubscribe(subscription: LocalSubscription): Promise<void> {
    // The stream ends at once, whatever becomes of the UNSUBSCRIBE.
    const answered = this.#requests.unsubscribe(subscription);
    subscription.closeUnsubscribed();
    return this.brokerWait(answered);
  }

  async brokerWait<T>(operation: Promise<T>): Promise<T> {
    this.pause.brokerWaitBegin();
    try {
      return await operation;
    } finally {
      this.pause.brokerWaitEnd();
    }
  }

  connectionLost(): Promise<void> {
    return this.#connection?.promise ?? Promise.resolve();
  }
}
