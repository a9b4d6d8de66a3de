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
  /** Granted in the session of now, as far as answers tell, and no UNSUBSCRIBE has followed. */
  atBroker = false;

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

  /** The broker has it, or will have it when it comes to an unanswered SUBSCRIBE. */
  get mayBeAtBroker(): boolean {
    if (this.atBroker) return true;
    for (const { open, revoked } of this.asked) if (open && !revoked) return true;
    return false;
  }

  /** An UNSUBSCRIBE follows whatever was asked so far. */
  revoke(): void {
    this.atBroker = false;
    for (const asked of this.asked) if (asked.open) asked.revoked = true;
  }
}

/** One filter of one call. */
export interface AskedFilter {
  readonly call: SubscribeCall;
  readonly target: BrokerSubscription;
  readonly options: ResolvedFilter;
  /**
   * The holders its filter had when the call was made. Filters of one group share an identifier; two groups do not, or a copy
   * for one filter could not be told from a copy for another that has other holders.
   */
  readonly group: string;
  /** In a SUBSCRIBE that has not been answered. */
  open: boolean;
  /** Granted in the session of now. */
  granted: boolean;
  /** In this session or one before. */
  askedBefore: boolean;
  /** An UNSUBSCRIBE has followed: what is granted is not for long. */
  revoked: boolean;
}

/** One call of `subscribe` or `declare`. */
export class SubscribeCall {
  readonly subscription: LocalSubscription;
  readonly asked: readonly AskedFilter[];
  /** Subscription Identifiers by group, once a broker that has them was asked. */
  readonly identifiers: Map<string, number> = new Map();
  /** By the first filter of each packet. They outlive sessions. */
  readonly #suspicions = new Map<string, Suspicion>();

  constructor(subscription: LocalSubscription, targets: readonly (readonly [BrokerSubscription, ResolvedFilter])[]) {
    this.subscription = subscription;
    this.asked = targets.map(([target, options]) => ({
      call: this,
      target,
      options,
      group: targets.length === 1 ? '' : target.holders.map(({ serial }) => serial).join(' '),
      open: false,
      granted: false,
      askedBefore: false,
      revoked: false,
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

/** The broker is asked for the filter with these options. */
export function isOwner(asked: AskedFilter): boolean {
  return asked.target.owner === asked && asked.target.holders.length > 0;
}

/** `$share/name/filter` selects among consumers; only `filter` selects topics. */
function withoutShare(filter: string): string {
  return filter.startsWith(SHARE) ? filter.slice(filter.indexOf('/', SHARE.length) + 1) : filter;
}
