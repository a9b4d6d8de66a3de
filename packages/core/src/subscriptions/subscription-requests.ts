// SPDX-License-Identifier: Apache-2.0
//
// What is asked of the broker: SUBSCRIBE for calls, in the order of the calls, UNSUBSCRIBE for filters nobody holds any more;
// and what its answers mean.

import type { ConnackInfo } from '../api/connect.ts';
import type { SubscribeResult } from '../api/receive.ts';
import type { AnyMqttError } from '../errors.ts';
import type { ControlRequest, RequestOutcome } from '../session/effects.ts';
import { type AskedFilter, type BrokerSubscription, isOwner, type SubscribeCall } from './broker-subscription.ts';
import type { Obstacle } from './capabilities.ts';
import { judge } from './judgement.ts';
import type { LocalSubscription } from './local-subscription.ts';
import type { SubscriptionPort } from './port.ts';
import { resultOf } from './results.ts';
import type { Routes } from './routes.ts';
import { planSubscribe } from './subscribe-plan.ts';
import { SubscriptionBook } from './subscription-book.ts';
import type { SubscriptionIdentifiers } from './subscription-identifiers.ts';
import { Unsubscribing } from './unsubscribing.ts';

/** Whom an answer concerns: who made the call, or everyone who holds the filter. */
type Audience = 'caller' | 'holders';

interface OpenSubscribe {
  readonly asked: readonly AskedFilter[];
  audience: Audience;
}

interface Answer {
  readonly asked: AskedFilter;
  readonly result: SubscribeResult;
}

/** How a connection began, as far as subscriptions are concerned. @internal */
export interface SessionStart {
  readonly fate: 'new' | 'lost' | 'resumed';
  readonly inDoubt: boolean;
  readonly info: ConnackInfo;
}

/** @internal */
export class SubscriptionRequests {
  readonly #port: SubscriptionPort;
  readonly #identifiers: SubscriptionIdentifiers;
  readonly #book: SubscriptionBook;
  readonly #unsubscribing: Unsubscribing;
  readonly #open = new Map<ControlRequest, OpenSubscribe>();
  #broker: ConnackInfo | undefined;

  constructor(port: SubscriptionPort, routes: Routes, identifiers: SubscriptionIdentifiers) {
    this.#port = port;
    this.#identifiers = identifiers;
    this.#book = new SubscriptionBook(routes, identifiers);
    this.#unsubscribing = new Unsubscribing(port);
  }

  get count(): number {
    return this.#book.count;
  }

  subscriptions(): readonly LocalSubscription[] {
    return this.#book.subscriptions();
  }

  // The application ---------------------------------------------------------------------------------------------------------

  /** From here on the subscription is routed to. The broker is asked now, or when there is one. */
  add(subscription: LocalSubscription): void {
    const call = this.#book.add(subscription);
    if (this.#broker !== undefined) this.#ask(call, call.asked, 'caller', this.#broker);
  }

  /** Takes it out. Resolves when the broker has answered for the filters that nobody else holds, at once without one. */
  async unsubscribe(subscription: LocalSubscription): Promise<void> {
    const unheld = this.#release(subscription);
    const filters = unheld.filter((target) => target.mayBeAtBroker).map(({ filter }) => filter);
    this.#book.revoke(unheld);
    if (filters.length === 0) return;
    if (this.#broker === undefined) this.#unsubscribing.owe(filters);
    else await this.#unsubscribing.ask(filters, this.#broker);
  }

  /** Takes it out although its call may still be open: what is granted to it later is given back. */
  abandon(subscription: LocalSubscription): void {
    this.#giveBack(this.#release(subscription));
  }

  /** `subscription` holds `filter` no more: the broker has refused it. */
  leave(subscription: LocalSubscription, filter: string): void {
    const target = this.#book.leave(subscription, filter);
    // Somebody who has given up since may have been granted it.
    if (target !== undefined) this.#giveBack([target]);
  }

  // The broker --------------------------------------------------------------------------------------------------------------

  settle(request: ControlRequest, outcome: RequestOutcome): void {
    if (this.#unsubscribing.settle(request, outcome)) return;
    const open = this.#open.get(request);
    if (open === undefined) return;
    this.#open.delete(request);
    for (const asked of open.asked) asked.open = false;
    if ('packet' in outcome) {
      const { packet } = outcome;
      this.#answer(open, (asked, i) => resultOf(asked.target.filter, packet, i), undefined);
    } else if ('error' in outcome && !this.#isAskedAnew(outcome.error)) {
      const { error } = outcome;
      const reasonCode = 'reasonCode' in error && error.reasonCode >= 0x80 ? error.reasonCode : 0x80;
      this.#answer(open, (asked) => ({ filter: asked.target.filter, reasonCode }), error);
    }
    // Else a new session, where `handleConnected` asks anew.
    for (const { call } of open.asked) this.#book.forgetIfDone(call);
  }

  /** The end of the client ends its subscriptions too; a broker that has lowered its limit is asked in smaller packets. */
  #isAskedAnew(error: AnyMqttError): boolean {
    return error.code === 'CLOSED' || (error.code === 'PACKET_TOO_LARGE' && this.#broker === undefined);
  }

  /** After the engine has sent what was open again, if the session was resumed. */
  handleConnected({ fate, inDoubt, info }: SessionStart): void {
    this.#broker = info;
    if (fate === 'resumed') {
      this.#doubtOvertaken();
      this.#unsubscribing.handleResumed(info);
    } else this.#forgetSession();
    if (inDoubt) this.#doubtGrants();
    for (const call of this.#book.calls) {
      const asked = call.asked.filter((each) => isOwner(each) && !each.open && !each.granted);
      if (asked.length > 0) this.#ask(call, asked, 'holders', info);
    }
  }

  handleConnectionLost(): void {
    this.#broker = undefined;
    for (const [request, { asked }] of this.#open) {
      if (asked.some(({ target }) => target.holders.length > 0) || !this.#port.withdrawRequest(request)) continue;
      // Nobody wants it any more: instead of being sent again it is taken back at the broker, which may have granted it.
      this.#open.delete(request);
      this.#unsubscribing.owe(asked.filter(({ revoked }) => !revoked).map(({ target }) => target.filter));
      for (const each of asked) {
        each.open = false;
        each.target.atBroker = false;
        this.#book.forgetIfDone(each.call);
      }
    }
  }

  /** The client stops. Returns whether the session has subscriptions that no object here stands for any more. */
  end(): boolean {
    this.#broker = undefined;
    this.#open.clear();
    this.#unsubscribing.end();
    // Both have to end.
    const left = this.#book.end();
    return left || this.#unsubscribing.owing;
  }

  // SUBSCRIBE ---------------------------------------------------------------------------------------------------------------

  #ask(call: SubscribeCall, wanted: readonly AskedFilter[], audience: Audience, broker: ConnackInfo): void {
    const { packets, obstacles } = planSubscribe(call, wanted, broker, this.#identifiers);
    const { wholeOrNothing, grants } = call.subscription;
    // Whole or nothing: what cannot be whole is not begun.
    const hopeless = obstacles.size > 0 && wholeOrNothing && !grants.settled;
    if (!hopeless) for (const { asked, request } of packets) this.#send(request, { asked, audience });
    this.#refuse(obstacles, audience);
  }

  #send(request: ControlRequest, open: OpenSubscribe): void {
    if (open.asked.some((asked) => asked.askedBefore)) this.#port.counters.resubscribes++;
    for (const asked of open.asked) {
      asked.open = true;
      asked.granted = false;
      asked.askedBefore = true;
    }
    this.#open.set(request, open);
    this.#port.request(request);
  }

  #refuse(obstacles: ReadonlyMap<AskedFilter, Obstacle>, audience: Audience): void {
    const [first] = obstacles.values();
    if (first === undefined) return;
    const codeOf = (asked: AskedFilter): number => obstacles.get(asked)?.reasonCode ?? first.reasonCode;
    const asked = [...obstacles.keys()];
    const result = (each: AskedFilter): SubscribeResult => ({ filter: each.target.filter, reasonCode: codeOf(each) });
    this.#answer({ asked, audience }, result, first.error);
  }

  /** `failure`: why, where no Reason Code of the broker says it. */
  #answer(
    { asked, audience }: OpenSubscribe,
    result: (asked: AskedFilter, index: number) => SubscribeResult,
    failure: AnyMqttError | undefined,
  ): void {
    const answers = asked.map((each, i): Answer => ({ asked: each, result: result(each, i) }));
    const refusalsOf = new Map<LocalSubscription, SubscribeResult[]>();
    for (const answer of answers) {
      const refused = answer.result.reasonCode >= 0x80;
      const { asked: filter } = answer;
      filter.granted = !refused;
      if (refused) fallBack(filter);
      else if (!filter.revoked) filter.target.atBroker = true;
      for (const subscription of audienceOf(answer, audience)) {
        subscription.grants.note(answer.result);
        const refusals = refusalsOf.get(subscription) ?? [];
        if (refused) refusals.push(answer.result);
        refusalsOf.set(subscription, refusals);
      }
    }
    for (const [subscription, refusals] of refusalsOf) judge(subscription, refusals, failure, this, this.#port);
    // Whoever asked for it may have given it up meanwhile.
    this.#giveBack(asked.map(({ target }) => target));
  }

  // Giving back -------------------------------------------------------------------------------------------------------------

  /** Returns what nobody holds any more. */
  #release(subscription: LocalSubscription): readonly BrokerSubscription[] {
    const released = this.#book.release(subscription);
    if (released === undefined) return [];
    this.#withdraw(released.call);
    this.#book.tidy(released);
    return released.unheld;
  }

  /** What was never sent need not be taken back. */
  #withdraw(call: SubscribeCall): void {
    for (const [request, { asked }] of this.#open) {
      if (asked[0]?.call !== call || asked.some(({ target }) => target.holders.length > 0)) continue;
      if (!this.#port.withdrawRequest(request)) continue;
      this.#open.delete(request);
      for (const each of asked) {
        each.open = false;
        // Without a connection it may have been sent on the last one: the broker may have it all the same.
        each.target.atBroker ||= this.#broker === undefined;
      }
    }
  }

  /** Unsubscribes what the broker has granted and nobody holds. What it has yet to answer is looked at then. */
  #giveBack(targets: readonly BrokerSubscription[]): void {
    const unwanted = targets.filter((target) => target.atBroker && target.holders.length === 0);
    const filters = unwanted.map(({ filter }) => filter);
    this.#book.revoke(unwanted);
    this.#unsubscribing.giveBack(filters, this.#broker);
  }

  // Sessions ----------------------------------------------------------------------------------------------------------------

  /** A CONNACK was lost: the broker may have begun a new session with it (§3.1.2.4). */
  #doubtGrants(): void {
    this.#book.doubtGrants();
    // What the engine has sent again now stands for all who hold the filter.
    for (const open of this.#open.values()) open.audience = 'holders';
  }

  /** What the engine has sent again stands behind what was answered before it, and has undone that where the filter is the same. */
  #doubtOvertaken(): void {
    for (const filter of this.#unsubscribing.openFilters()) this.#book.doubtNewest(filter);
    for (const { asked } of this.#open.values()) for (const { target } of asked) this.#book.doubtNewest(target.filter);
  }

  #forgetSession(): void {
    this.#unsubscribing.handleSessionLost();
    this.#book.forgetSession();
  }
}

/** The broker keeps what it had granted before under this filter, if anything. */
function fallBack(refused: AskedFilter): void {
  const { target } = refused;
  if (target.owner !== refused) return;
  for (const asked of target.asked) if (asked !== refused && (asked.granted || asked.open)) target.owner = asked;
}

function audienceOf({ asked, result }: Answer, audience: Audience): readonly LocalSubscription[] {
  const { target, call } = asked;
  if (audience === 'caller') return target.holders.includes(call.subscription) ? [call.subscription] : [];
  if (result.reasonCode < 0x80) return target.holders;
  // Who has the filter by another grant keeps it; who has asked for it gets an answer of its own.
  const others = new Set<LocalSubscription>();
  for (const each of target.asked) if (each.granted || each.open) others.add(each.call.subscription);
  return target.holders.filter((holder) => !others.has(holder));
}
