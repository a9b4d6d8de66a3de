// SPDX-License-Identifier: Apache-2.0
//
// Which subscriptions get a PUBLISH: by its Subscription Identifiers where they are ours, by its topic otherwise.

import type { BrokerSubscription } from './broker-subscription.ts';
import type { LocalSubscription } from './local-subscription.ts';
import type { ReceivedPublish } from './message.ts';
import { MatchCache } from './match-cache.ts';
import type { Addressed, SubscriptionIdentifiers } from './subscription-identifiers.ts';
import { TopicTrie } from './topic-trie.ts';

type Targets = readonly LocalSubscription[];

/** What matches a topic. Thrown away when anything changes. */
interface Match {
  readonly filters: readonly BrokerSubscription[];
  /** Everyone who holds one of them, once. */
  readonly targets: Targets;
  /** Of copies with one identifier of ours. */
  byIdentifier: Map<number, Targets> | undefined;
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

  /** Somebody joined or left a filter, or identifiers were forgotten. */
  changed(): void {
    this.#matches.clear();
  }

  /** Who gets a copy. Hot path: benchmarks/src/receive. */
  targets(packet: ReceivedPublish, topic: string): Targets {
    const match = this.#match(topic);
    // Read only where they can matter: it decodes the properties.
    const identifiers = this.#identifiers.unused ? undefined : packet.properties?.subscriptionIdentifiers;
    if (identifiers === undefined) return match.targets;
    const [identifier] = identifiers;
    if (identifier === undefined || identifiers.length > 1) return this.#ofSeveral(match, identifiers);
    const known = match.byIdentifier?.get(identifier);
    if (known !== undefined) return known;
    const addressed = this.#identifiers.lookUp(identifier);
    if (addressed === undefined) return match.targets;
    const targets = this.#meant(match, addressed);
    match.byIdentifier ??= new Map();
    match.byIdentifier.set(identifier, targets);
    return targets;
  }

  /** §3.3.4: one copy may stand for several subscriptions. Those of which all identifiers are unknown go by topic. */
  #ofSeveral(match: Match, identifiers: readonly number[]): Targets {
    let all: Set<LocalSubscription> | undefined;
    for (const identifier of identifiers) {
      const addressed = this.#identifiers.lookUp(identifier);
      if (addressed === undefined) continue;
      all ??= new Set();
      for (const target of this.#meant(match, addressed)) all.add(target);
    }
    return all === undefined ? match.targets : inOrder(all);
  }

  #meant(match: Match, addressed: Addressed): Targets {
    const ofTopic = match.filters.filter(({ filter }) => addressed.filters.has(filter));
    // None matches: it has ended, or the broker rewrites topics. Then the identifier alone says whose message it is.
    const filters = ofTopic.length > 0 ? ofTopic : [...addressed.filters].map((filter) => this.#filters.get(filter));
    const meant = new Set<LocalSubscription>();
    for (const each of filters) {
      for (const holder of each?.holders ?? []) if (holder.serial <= addressed.serial) meant.add(holder);
    }
    return inOrder(meant);
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
  if (only === undefined) return { filters, targets: NOBODY, byIdentifier: undefined };
  if (filters.length === 1) return { filters, targets: only.holders, byIdentifier: undefined };
  const all = new Set<LocalSubscription>();
  for (const { holders } of filters) for (const holder of holders) all.add(holder);
  return { filters, targets: inOrder(all), byIdentifier: undefined };
}

/** Oldest first, whatever order the trie has. */
function inOrder(targets: Iterable<LocalSubscription>): Targets {
  return [...targets].sort((a, b) => a.serial - b.serial);
}
