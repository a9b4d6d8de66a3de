// SPDX-License-Identifier: Apache-2.0
//
// Which subscriptions get a PUBLISH: by its Subscription Identifiers where they are ours, by its topic otherwise.

import type { BrokerSubscription } from './broker-subscription.ts';
import type { LocalSubscription } from './local-subscription.ts';
import { MatchCache } from './match-cache.ts';
import type { SubscriptionIdentifiers } from './subscription-identifiers.ts';
import { TopicTrie } from './topic-trie.ts';

type Targets = readonly LocalSubscription[];

interface Match {
  readonly filters: readonly BrokerSubscription[];
  /** Everyone who holds one of them, once. */
  readonly targets: Targets;
  /** All of them have the same holders: whichever the broker means, the targets are these. */
  readonly unanimous: boolean;
}

const NOBODY: Targets = Object.freeze([]);

/** @internal */
export class Routes {
  readonly #identifiers: SubscriptionIdentifiers;
  readonly #filters = new Map<string, BrokerSubscription>();
  readonly #trie = new TopicTrie<BrokerSubscription>();
  readonly #matches = new MatchCache<Match>();

  constructor(identifiers: SubscriptionIdentifiers) {
    this.#identifiers = identifiers;
  }

  /** The broker subscription of this very filter. */
  get(filter: string): BrokerSubscription | undefined {
    return this.#filters.get(filter);
  }

  add(subscription: BrokerSubscription): void {
    this.#filters.set(subscription.filter, subscription);
    this.#trie.add(subscription.routedBy, subscription);
    this.#matches.clear();
  }

  remove(subscription: BrokerSubscription): void {
    if (this.#filters.get(subscription.filter) !== subscription) return;
    this.#filters.delete(subscription.filter);
    this.#trie.remove(subscription.routedBy, subscription);
    this.#matches.clear();
  }

  /** Somebody joined or left a filter. */
  holdersChanged(): void {
    this.#matches.clear();
  }

  all(): IterableIterator<BrokerSubscription> {
    return this.#filters.values();
  }

  /**
   * Who gets a copy. Hot path: benchmarks/receive.
   *
   * @param identifiers - reads the PUBLISH's Subscription Identifiers; only called when they can make a difference
   */
  targets(topic: string, identifiers: readonly number[] | undefined): Targets {
    const match = this.#match(topic);
    if (identifiers === undefined || identifiers.length === 0) return match.targets;
    return this.#addressed(match, identifiers);
  }

  #addressed(match: Match, identifiers: readonly number[]): Targets {
    let known = false;
    let ofTopic: Set<LocalSubscription> | undefined;
    for (const identifier of identifiers) {
      const filters = this.#identifiers.filtersOf(identifier);
      if (filters === undefined) continue;
      known = true;
      for (const candidate of match.filters) {
        if (!filters.has(candidate.filter)) continue;
        if (match.unanimous) return match.targets;
        ofTopic ??= new Set();
        for (const holder of candidate.holders) ofTopic.add(holder);
      }
    }
    if (!known) return match.targets;
    return ofTopic === undefined ? this.#rewritten(identifiers) : [...ofTopic];
  }

  /** The topic matches none of the filters these identifiers are for: a broker that rewrites topics, or they have ended. */
  #rewritten(identifiers: readonly number[]): Targets {
    let holders: Set<LocalSubscription> | undefined;
    for (const identifier of identifiers) {
      for (const filter of this.#identifiers.filtersOf(identifier) ?? []) {
        for (const holder of this.#filters.get(filter)?.holders ?? []) (holders ??= new Set()).add(holder);
      }
    }
    return holders === undefined ? NOBODY : [...holders];
  }

  #match(topic: string): Match {
    const cached = this.#matches.get(topic);
    if (cached !== undefined) return cached;
    const filters: BrokerSubscription[] = [];
    this.#trie.match(topic, filters);
    const match = toMatch(filters);
    this.#matches.set(topic, match);
    return match;
  }
}

function toMatch(filters: readonly BrokerSubscription[]): Match {
  const [only] = filters;
  if (only === undefined) return { filters, targets: NOBODY, unanimous: true };
  if (filters.length === 1) return { filters, targets: only.holders, unanimous: true };
  const all = new Set<LocalSubscription>();
  for (const { holders } of filters) for (const holder of holders) all.add(holder);
  // Oldest first, whatever order the trie has.
  const targets = [...all].sort((a, b) => a.serial - b.serial);
  return { filters, targets, unanimous: filters.every(({ holders }) => holders.length === targets.length) };
}
