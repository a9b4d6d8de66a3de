// SPDX-License-Identifier: Apache-2.0
//
// What is asked of the broker: SUBSCRIBE for calls, in the order of the calls, UNSUBSCRIBE for filters nobody holds any more.
// Knows, for the session of now, what was asked, granted and is still owed.

import type { SubackPacket, UnsubackPacket } from '@mqttv5/wire';

import type { ConnackInfo } from '../api/connect.ts';
import type { SubscribeResult } from '../api/receive.ts';
import type { AnyMqttError } from '../errors.ts';
import { type ControlRequest, newSuspicion, type RequestOutcome } from '../session/effects.ts';
import { type AskedFilter, BrokerSubscription, SubscribeCall } from './broker-subscription.ts';
import { obstacleTo, type Obstacle, PACKET_TOO_LARGE_CODE, tooLargeError } from './capabilities.ts';
import { judge } from './judgement.ts';
import type { LocalSubscription } from './local-subscription.ts';
import { splitFilters } from './packet-splitting.ts';
import type { SubscriptionPort } from './port.ts';
import type { Routes } from './routes.ts';
import type { SubscriptionIdentifiers } from './subscription-identifiers.ts';
import { UnsubscribeCall } from './unsubscribe-call.ts';

/** Whom the answer concerns: who made the call, or everyone who holds the filter. */
type Audience = 'caller' | 'holders';

type OpenRequest =
  | { readonly kind: 'subscribe'; readonly asked: readonly AskedFilter[]; readonly audience: Audience }
  | { readonly kind: 'unsubscribe'; readonly filters: readonly string[]; readonly call: UnsubscribeCall };

/** How a connection began, as far as subscriptions are concerned. @internal */
export interface SessionStart {
  readonly fate: 'new' | 'lost' | 'resumed';
  readonly inDoubt: boolean;
  readonly info: ConnackInfo;
}

/** @internal */
export class SubscriptionRequests {
  readonly #port: SubscriptionPort;
  readonly #routes: Routes;
  readonly #identifiers: SubscriptionIdentifiers;
  /** Oldest first. A call stays while its subscription lives or a filter is held under its identifier. */
  readonly #calls = new Set<SubscribeCall>();
  readonly #callOf = new Map<LocalSubscription, SubscribeCall>();
  readonly #open = new Map<ControlRequest, OpenRequest>();
  /** Filters given up while there was no connection: unsubscribed when the session is resumed. */
  readonly #owed = new Set<string>();
  #broker: ConnackInfo | undefined;

  constructor(port: SubscriptionPort, routes: Routes, identifiers: SubscriptionIdentifiers) {
    this.#port = port;
    this.#routes = routes;
    this.#identifiers = identifiers;
  }

  get broker(): ConnackInfo | undefined {
    return this.#broker;
  }

  subscriptions(): readonly LocalSubscription[] {
    return [...this.#callOf.keys()];
  }

  get count(): number {
    return this.#callOf.size;
  }

  // Asked by the application ------------------------------------------------------------------------------------------------

  /** From here on the subscription is routed to. The broker is asked now, or when there is one. */
  add(subscription: LocalSubscription): void {
    const call = new SubscribeCall(
      subscription,
      subscription.filters.map((options) => [this.#join(options.filter, subscription), options]),
    );
    for (const asked of call.asked) {
      asked.target.asked.add(asked);
      // The newest options win (§3.8.4: a SUBSCRIBE replaces the one of the same filter).
      asked.target.owner = asked;
    }
    this.#routes.holdersChanged();
    this.#calls.add(call);
    this.#callOf.set(subscription, call);
    if (this.#broker !== undefined) this.#ask(call, call.asked, 'caller', this.#broker);
  }

  /** Takes it out. Resolves when the broker has answered for the filters that nobody else holds. */
  async unsubscribe(subscription: LocalSubscription): Promise<void> {
    const filters = this.#release(subscription, true);
    if (filters.length > 0) await this.#unsubscribe(filters);
  }

  /** Takes it out although its call is still open: what is granted to it later is given back. */
  abandon(subscription: LocalSubscription): void {
    const filters = this.#release(subscription, false);
    if (filters.length > 0) this.#giveBack(filters);
  }

  // What became of it -------------------------------------------------------------------------------------------------------

  settle(request: ControlRequest, outcome: RequestOutcome): void {
    const open = this.#open.get(request);
    if (open === undefined) return;
    this.#open.delete(request);
    if (open.kind === 'unsubscribe') open.call.settle(open.filters, unsubscribeOutcome(open.filters, outcome));
    else this.#settleSubscribe(open.asked, open.audience, outcome);
  }

  handleConnected({ fate, inDoubt, info }: SessionStart): void {
    this.#broker = info;
    if (fate === 'resumed') this.#unsubscribeOwed();
    else this.#forgetSession();
    for (const call of this.#calls) {
      // Granted in this session is granted, unless a CONNACK was lost: the broker may have begun anew (§3.1.2.4).
      const asked = call.asked.filter((each) => isOwner(each) && !each.open && (inDoubt || !each.granted));
      if (asked.length > 0) this.#ask(call, asked, 'holders', info);
    }
  }

  handleConnectionLost(): void {
    this.#broker = undefined;
    for (const [request, open] of this.#open) {
      if (open.kind !== 'subscribe' || !open.asked.every(({ call }) => call.abandoned)) continue;
      // Nobody wants it any more: instead of being sent again it is taken back at the broker, which may have granted it.
      if (!this.#port.withdrawRequest(request)) continue;
      this.#open.delete(request);
      for (const asked of open.asked) {
        asked.open = false;
        this.#oweIfUnheld(asked.target.filter);
      }
    }
  }

  /** The client stops. Returns whether the session has subscriptions that no object here stands for any more. */
  end(): boolean {
    this.#broker = undefined;
    let left = this.#owed.size > 0;
    for (const call of this.#calls) {
      for (const { target, granted, open } of call.asked) {
        left ||= granted || open;
        this.#routes.remove(target);
      }
      this.#retire(call);
    }
    for (const open of this.#open.values()) {
      if (open.kind !== 'unsubscribe') continue;
      for (const filter of open.filters) this.#owed.add(filter);
    }
    this.#calls.clear();
    this.#callOf.clear();
    return left;
  }

  /** `subscription` holds `filter` no more: the broker has refused it. */
  leave(subscription: LocalSubscription, filter: string): void {
    const target = this.#routes.get(filter);
    if (target === undefined) return;
    target.leave(subscription);
    if (target.holders.length === 0) this.#routes.remove(target);
    this.#routes.holdersChanged();
  }

  // SUBSCRIBE ---------------------------------------------------------------------------------------------------------------

  #join(filter: string, subscription: LocalSubscription): BrokerSubscription {
    let target = this.#routes.get(filter);
    if (target === undefined) {
      target = new BrokerSubscription(filter);
      this.#routes.add(target);
    }
    target.join(subscription);
    return target;
  }

  #ask(call: SubscribeCall, wanted: readonly AskedFilter[], audience: Audience, broker: ConnackInfo): void {
    const obstacles = new Map<AskedFilter, Obstacle>();
    for (const asked of wanted) {
      const obstacle = obstacleTo(asked.target.filter, broker);
      if (obstacle !== undefined) obstacles.set(asked, obstacle);
    }
    if (broker.subscriptionIdentifierAvailable) {
      call.identifier ??= this.#identifiers.allocate(call.asked.map(({ target }) => target.filter));
    }
    const subscriptionIdentifier = broker.subscriptionIdentifierAvailable ? call.identifier : undefined;
    const { userProperties } = call.subscription.options;
    const { packets, tooLarge } = splitFilters(
      wanted.filter((asked) => !obstacles.has(asked)),
      (asked) => asked.target.filter,
      1,
      { subscriptionIdentifier, userProperties },
      broker.maximumPacketSize,
    );
    for (const asked of tooLarge) {
      obstacles.set(asked, {
        reasonCode: PACKET_TOO_LARGE_CODE,
        error: tooLargeError(asked.target.filter, broker.maximumPacketSize),
      });
    }
    // Whole or nothing: what cannot be whole is not begun.
    const hopeless = obstacles.size > 0 && call.subscription.wholeOrNothing && !call.subscription.grants.settled;
    if (!hopeless) for (const asked of packets) this.#send(call, asked, audience, subscriptionIdentifier);
    this.#refuseLocally(obstacles, audience);
  }

  #send(
    call: SubscribeCall,
    asked: readonly AskedFilter[],
    audience: Audience,
    subscriptionIdentifier: number | undefined,
  ): void {
    const { userProperties } = call.subscription.options;
    const request: ControlRequest = {
      type: 'subscribe',
      filters: asked.map((each) => ({
        topicFilter: each.options.filter,
        qos: each.options.qos,
        noLocal: each.options.noLocal,
        retainAsPublished: each.options.retainAsPublished,
        // In doubt: where the broker still has it, it is no new subscription, and retained messages were sent.
        retainHandling: each.granted && each.options.retainHandling === 0 ? 1 : each.options.retainHandling,
      })),
      subscriptionIdentifier,
      userProperties: userProperties.length === 0 ? undefined : userProperties,
      suspicion: call.suspicionOf(asked[0]?.target.filter ?? ''),
    };
    if (asked.some((each) => each.askedBefore)) this.#port.counters.resubscribes++;
    for (const each of asked) {
      each.open = true;
      each.granted = false;
      each.askedBefore = true;
    }
    this.#open.set(request, { kind: 'subscribe', asked, audience });
    this.#port.request(request);
  }

  #refuseLocally(obstacles: ReadonlyMap<AskedFilter, Obstacle>, audience: Audience): void {
    if (obstacles.size === 0) return;
    const [first] = obstacles.values();
    const answers = [...obstacles].map(([asked, { reasonCode }]) => ({
      asked,
      result: { filter: asked.target.filter, reasonCode },
    }));
    this.#answer(answers, audience, first?.error);
  }

  #settleSubscribe(asked: readonly AskedFilter[], audience: Audience, outcome: RequestOutcome): void {
    for (const each of asked) each.open = false;
    // A new session: `handleConnected` asks anew.
    if ('sessionLost' in outcome) return;
    if ('packet' in outcome) {
      this.#answer(
        asked.map((each, i) => ({ asked: each, result: resultOf(each.target.filter, outcome.packet, i) })),
        audience,
        undefined,
      );
      return;
    }
    const { error } = outcome;
    // The client stops, and has ended or will end its subscriptions.
    if (error.code === 'CLOSED') return;
    const reasonCode = 'reasonCode' in error && error.reasonCode >= 0x80 ? error.reasonCode : 0x80;
    this.#answer(
      asked.map((each) => ({ asked: each, result: { filter: each.target.filter, reasonCode } })),
      audience,
      error,
    );
  }

  /** `failure`: why, when the broker has not said so by a Reason Code. */
  #answer(
    answers: readonly { readonly asked: AskedFilter; readonly result: SubscribeResult }[],
    audience: Audience,
    failure: AnyMqttError | undefined,
  ): void {
    const concerned = new Map<LocalSubscription, SubscribeResult[]>();
    const unwanted: string[] = [];
    for (const { asked, result } of answers) {
      const refused = result.reasonCode >= 0x80;
      asked.granted = !refused;
      const { target, call } = asked;
      if (refused) this.#fallBack(asked);
      else if (call.abandoned && this.#routes.get(target.filter) === undefined) unwanted.push(target.filter);
      for (const subscription of audienceOf(asked, audience, refused)) {
        subscription.grants.note(result);
        const refusals = concerned.get(subscription) ?? [];
        concerned.set(subscription, refusals);
        if (refused) refusals.push(result);
      }
    }
    for (const [subscription, refusals] of concerned) judge(subscription, refusals, failure, this, this.#port);
    if (unwanted.length > 0) this.#giveBack(unwanted);
    for (const { asked } of answers) this.#retireIfDone(asked.call);
  }

  /** The broker keeps what it had granted before under this filter, if anything. */
  #fallBack(refused: AskedFilter): void {
    const { target } = refused;
    if (target.owner !== refused) return;
    for (const asked of target.asked) if (asked !== refused && (asked.granted || asked.open)) target.owner = asked;
  }

  // UNSUBSCRIBE -------------------------------------------------------------------------------------------------------------

  /**
   * Returns the filters that the broker has, or may have soon, and nobody holds. `openToo`: those in an unanswered SUBSCRIBE
   * as well; otherwise they are given back when they are granted.
   */
  #release(subscription: LocalSubscription, openToo: boolean): string[] {
    const call = this.#callOf.get(subscription);
    if (call === undefined) return [];
    this.#callOf.delete(subscription);
    call.abandoned = !openToo;
    const unheld: BrokerSubscription[] = [];
    for (const { target } of call.asked) {
      target.leave(subscription);
      if (target.holders.length > 0 || this.#routes.get(target.filter) !== target) continue;
      this.#routes.remove(target);
      unheld.push(target);
    }
    this.#routes.holdersChanged();
    this.#withdraw(call);
    const filters = unheld.filter((target) => isAtBroker(target, openToo)).map((target) => target.filter);
    for (const target of unheld) for (const asked of target.asked) this.#retireIfDone(asked.call);
    this.#retireIfDone(call);
    return filters;
  }

  /** What was never sent need not be taken back. */
  #withdraw(call: SubscribeCall): void {
    for (const [request, open] of this.#open) {
      if (open.kind !== 'subscribe' || open.asked[0]?.call !== call) continue;
      if (open.asked.some(({ target }) => target.holders.length > 0)) continue;
      // Without a connection it may have been sent on the last one, so the broker may have it all the same.
      const sentBefore = this.#broker === undefined;
      if (!this.#port.withdrawRequest(request)) continue;
      this.#open.delete(request);
      for (const asked of open.asked) {
        asked.open = false;
        asked.granted ||= sentBefore;
      }
    }
  }

  #unsubscribe(filters: readonly string[]): Promise<void> {
    if (this.#broker === undefined) {
      for (const filter of filters) this.#owed.add(filter);
      return Promise.resolve();
    }
    const properties = { subscriptionIdentifier: undefined, userProperties: [] };
    const limit = this.#broker.maximumPacketSize;
    const { packets, tooLarge } = splitFilters(filters, (filter) => filter, 0, properties, limit);
    const call = new UnsubscribeCall(packets.length);
    // Not possible after a SUBSCRIBE that did fit, unless the limit was lowered by another connection of the session.
    for (const filter of tooLarge) call.fail(tooLargeError(filter, limit));
    for (const packet of packets) {
      const request: ControlRequest = {
        type: 'unsubscribe',
        filters: packet.map(unsubscribeFilter),
        suspicion: newSuspicion(),
      };
      this.#open.set(request, { kind: 'unsubscribe', filters: packet, call });
      this.#port.request(request);
    }
    return call.done;
  }

  /** Nobody waits for the answer, and there is nothing to do about a refusal. */
  #giveBack(filters: readonly string[]): void {
    this.#unsubscribe(filters).catch(() => undefined);
  }

  #unsubscribeOwed(): void {
    const filters = [...this.#owed];
    this.#owed.clear();
    if (filters.length > 0) this.#giveBack(filters);
  }

  #oweIfUnheld(filter: string): void {
    if (this.#routes.get(filter) === undefined) this.#owed.add(filter);
  }

  // Session -----------------------------------------------------------------------------------------------------------------

  #forgetSession(): void {
    this.#owed.clear();
    this.#identifiers.forgetRetired();
    for (const call of this.#calls) {
      for (const asked of call.asked) {
        asked.granted = false;
        asked.open = false;
      }
    }
  }

  #retireIfDone(call: SubscribeCall): void {
    if (!this.#calls.has(call) || this.#callOf.has(call.subscription)) return;
    if (call.asked.some((asked) => asked.open || isOwner(asked))) return;
    this.#calls.delete(call);
    this.#retire(call);
  }

  #retire(call: SubscribeCall): void {
    for (const asked of call.asked) asked.target.asked.delete(asked);
    if (call.identifier !== undefined) this.#identifiers.retire(call.identifier);
  }
}

/** The broker is asked for the filter with these options. */
function isOwner(asked: AskedFilter): boolean {
  return asked.target.owner === asked && asked.target.holders.length > 0;
}

function isAtBroker(target: BrokerSubscription, openToo: boolean): boolean {
  for (const { granted, open } of target.asked) if (granted || (open && openToo)) return true;
  return false;
}

function audienceOf(asked: AskedFilter, audience: Audience, refused: boolean): readonly LocalSubscription[] {
  const { target, call } = asked;
  if (audience === 'caller') return target.holders.includes(call.subscription) ? [call.subscription] : [];
  if (!refused) return target.holders;
  // Who has the filter by an earlier grant keeps it.
  const granted = new Set<LocalSubscription>();
  for (const each of target.asked) if (each.granted) granted.add(each.call.subscription);
  return target.holders.filter((holder) => !granted.has(holder));
}

function resultOf(filter: string, packet: SubackPacket | UnsubackPacket, index: number): SubscribeResult {
  // The engine has counted them.
  const reasonCode = packet.reasonCodes[index] ?? 0x80;
  const reasonString = packet.properties?.reasonString;
  return reasonCode < 0x80 || reasonString === undefined
    ? { filter, reasonCode }
    : { filter, reasonCode, reasonString };
}

function unsubscribeOutcome(
  filters: readonly string[],
  outcome: RequestOutcome,
): readonly SubscribeResult[] | AnyMqttError {
  if ('error' in outcome) return outcome.error;
  // Nothing is left to be unsubscribed in a new session.
  if ('sessionLost' in outcome) return filters.map((filter) => ({ filter, reasonCode: 0x00 }));
  return filters.map((filter, i) => resultOf(filter, outcome.packet, i));
}

function unsubscribeFilter(topicFilter: string): ControlRequest['filters'][number] {
  return { topicFilter, qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 };
}
