// SPDX-License-Identifier: Apache-2.0

import type { ResolvedFilter } from '../options/subscribe-options.ts';
import { newSuspicion, type Suspicion } from '../session/effects.ts';
import type { LocalSubscription } from './local-subscription.ts';

const SHARE = '$share/';

/**
 * What the broker has, or is asked for, under one exact filter. The broker knows a filter once per session (§3.8.4), so all
 * subscriptions of the client with this filter hold this one.
 */
export class BrokerSubscription {
  readonly filter: string;
  /** The filter that topics are matched with. @see MQTT v5.0 §4.8.2 */
  readonly routedBy: string;
  /** Oldest first. Replaced, never changed: a delivery may be going over the old one. */
  #holders: readonly LocalSubscription[] = [];
  /** Whose options and identifier it is asked for with: the newest that was not refused. */
  owner: AskedFilter | undefined;
  /** By all calls that have not been forgotten. */
  readonly asked: Set<AskedFilter> = new Set();

  constructor(filter: string) {
    this.filter = filter;
    this.routedBy = withoutShare(filter);
  }

  get holders(): readonly LocalSubscription[] {
    return this.#holders;
  }

  join(subscription: LocalSubscription): void {
    this.#holders = [...this.#holders, subscription];
  }

  leave(subscription: LocalSubscription): void {
    this.#holders = this.#holders.filter((each) => each !== subscription);
  }
}

/** One filter of one call. */
export interface AskedFilter {
  readonly call: SubscribeCall;
  readonly target: BrokerSubscription;
  readonly options: ResolvedFilter;
  /** In a SUBSCRIBE that has not been answered. */
  open: boolean;
  /** Granted in the session of now. */
  granted: boolean;
  /** In a session before, or in this one. */
  askedBefore: boolean;
}

/** One call of `subscribe` or `declare`: what shares a Subscription Identifier, and a SUBSCRIBE as far as it fits into one. */
export class SubscribeCall {
  readonly subscription: LocalSubscription;
  readonly asked: readonly AskedFilter[];
  /** Once a broker that has identifiers was asked. */
  identifier: number | undefined;
  /** Its subscription was given up while the broker was asked: what it grants is given back. */
  abandoned = false;
  /** By the first filter of each packet. They outlive sessions. */
  readonly #suspicions = new Map<string, Suspicion>();

  constructor(subscription: LocalSubscription, targets: readonly (readonly [BrokerSubscription, ResolvedFilter])[]) {
    this.subscription = subscription;
    this.asked = targets.map(([target, options]) => ({
      call: this,
      target,
      options,
      open: false,
      granted: false,
      askedBefore: false,
    }));
  }

  suspicionOf(firstFilter: string): Suspicion {
    let suspicion = this.#suspicions.get(firstFilter);
    if (suspicion === undefined) {
      suspicion = newSuspicion();
      this.#suspicions.set(firstFilter, suspicion);
    }
    return suspicion;
  }
}

/** `$share/name/filter` selects among consumers; only `filter` selects topics. */
function withoutShare(filter: string): string {
  return filter.startsWith(SHARE) ? filter.slice(filter.indexOf('/', SHARE.length) + 1) : filter;
}
