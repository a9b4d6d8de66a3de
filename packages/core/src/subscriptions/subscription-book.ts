// SPDX-License-Identifier: Apache-2.0
//
// Who holds which filter, by which call: the client's side of what the broker is asked for.

import { BrokerSubscription, isOwner, SubscribeCall } from './broker-subscription.ts';
import type { LocalSubscription } from './local-subscription.ts';
import type { Routes } from './routes.ts';
import type { SubscriptionIdentifiers } from './subscription-identifiers.ts';

/** A subscription that was taken out. */
export interface Released {
  readonly call: SubscribeCall;
  /** Nobody holds them any more. */
  readonly unheld: readonly BrokerSubscription[];
}

/** @internal */
export class SubscriptionBook {
  readonly #routes: Routes;
  readonly #identifiers: SubscriptionIdentifiers;
  /** Oldest first. A call stays while its subscription lives, a filter is held under its options, or an answer is due. */
  readonly calls: Set<SubscribeCall> = new Set();
  readonly #callOf = new Map<LocalSubscription, SubscribeCall>();
  /** By filter: what is held, asked for, or left at the broker. */
  readonly #targets = new Map<string, BrokerSubscription>();

  constructor(routes: Routes, identifiers: SubscriptionIdentifiers) {
    this.#routes = routes;
    this.#identifiers = identifiers;
  }

  get count(): number {
    return this.#callOf.size;
  }

  subscriptions(): readonly LocalSubscription[] {
    return [...this.#callOf.keys()];
  }

  add(subscription: LocalSubscription): SubscribeCall {
    const call = new SubscribeCall(
      subscription,
      subscription.filters.map((options) => [this.#join(options.filter, subscription), options]),
    );
    for (const asked of call.asked) {
      asked.target.asked.add(asked);
      // The newest options win (§3.8.4: a SUBSCRIBE replaces the one of the same filter).
      asked.target.owner = asked;
    }
    this.#routes.changed();
    this.calls.add(call);
    this.#callOf.set(subscription, call);
    return call;
  }

  /** Undefined: it is out already. To be followed by `tidy`. */
  release(subscription: LocalSubscription): Released | undefined {
    const call = this.#callOf.get(subscription);
    if (call === undefined) return undefined;
    this.#callOf.delete(subscription);
    const held = call.asked.map(({ target }) => target).filter((target) => target.holders.includes(subscription));
    for (const target of held) this.#leave(subscription, target);
    this.#routes.changed();
    return { call, unheld: held.filter((target) => target.holders.length === 0) };
  }

  /** Forgets the calls that nothing needs after a release. */
  tidy({ call, unheld }: Released): void {
    for (const target of unheld) for (const asked of target.asked) this.forgetIfDone(asked.call);
    this.forgetIfDone(call);
  }

  leave(subscription: LocalSubscription, filter: string): BrokerSubscription | undefined {
    const target = this.#targets.get(filter);
    if (target !== undefined) this.#leave(subscription, target);
    this.#routes.changed();
    return target;
  }

  /** An UNSUBSCRIBE follows for each. */
  revoke(targets: readonly BrokerSubscription[]): void {
    for (const target of targets) {
      target.revoke();
      this.#forgetTargetIfDone(target);
    }
  }

  /** Its subscription is gone, no filter stands under its options, no answer is due. */
  forgetIfDone(call: SubscribeCall): void {
    if (this.#callOf.has(call.subscription) || !this.calls.has(call)) return;
    if (!call.asked.some((asked) => asked.open || isOwner(asked))) this.#forget(call);
  }

  // Sessions ----------------------------------------------------------------------------------------------------------------

  doubtGrants(): void {
    for (const target of this.#targets.values()) for (const asked of target.asked) asked.granted = false;
  }

  /** An older request for the filter may stand in its place: unless it is open itself, it is to be asked for again. */
  doubtNewest(filter: string): void {
    const owner = this.#targets.get(filter)?.owner;
    if (owner?.open === false) owner.granted = false;
  }

  /** The broker knows nothing of it any more. What is held stays. */
  forgetSession(): void {
    this.#identifiers.forgetRetired();
    this.#routes.changed();
    for (const target of this.#targets.values()) {
      target.atBroker = false;
      for (const asked of target.asked) {
        asked.granted = false;
        asked.open = false;
      }
      this.#forgetTargetIfDone(target);
    }
  }

  /** Everything goes. Returns whether the broker may have any of it. */
  end(): boolean {
    let left = false;
    for (const target of this.#targets.values()) {
      left ||= target.mayBeAtBroker;
      this.#routes.remove(target);
    }
    for (const call of this.calls) this.#forget(call);
    this.#callOf.clear();
    this.#targets.clear();
    // What the session still brings under them is for whoever declares a matching filter before the next connection.
    this.#identifiers.forgetRetired();
    return left;
  }

  #join(filter: string, subscription: LocalSubscription): BrokerSubscription {
    let target = this.#targets.get(filter);
    if (target === undefined) {
      target = new BrokerSubscription(filter);
      this.#targets.set(filter, target);
    }
    if (target.holders.length === 0) this.#routes.add(target);
    target.join(subscription);
    return target;
  }

  #leave(subscription: LocalSubscription, target: BrokerSubscription): void {
    target.leave(subscription);
    if (target.holders.length === 0) this.#routes.remove(target);
  }

  #forget(call: SubscribeCall): void {
    this.calls.delete(call);
    for (const identifier of call.identifiers.values()) this.#identifiers.retire(identifier);
    for (const asked of call.asked) {
      asked.target.asked.delete(asked);
      this.#forgetTargetIfDone(asked.target);
    }
  }

  #forgetTargetIfDone(target: BrokerSubscription): void {
    if (target.holders.length > 0 || target.asked.size > 0 || target.atBroker) return;
    if (this.#targets.get(target.filter) === target) this.#targets.delete(target.filter);
  }
}
