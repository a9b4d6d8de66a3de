// SPDX-License-Identifier: Apache-2.0
//
// Who gets a message: subscriptions and retained messages of the whole broker.
import type { QoS } from '@mqttv5/wire';
import { FilterTrie } from './filter-trie.ts';
import { detached } from './message.ts';
import type { Message } from './message.ts';
import { RetainedMessages } from './retained-messages.ts';
import type { Session } from './session.ts';
import { SharedGroup } from './shared-group.ts';
import type { Subscription } from './subscription.ts';

/** Everything subscribed with one topic filter. */
interface FilterEntry {
  readonly subscriptions: Map<Session, Subscription>;
  readonly groups: Map<string, SharedGroup>;
}

/** Topics whose matches are remembered; a publisher mostly repeats its topics, and matching is the costly part. */
const maximumCachedTopics = 4096;

export class Router {
  readonly retained: RetainedMessages = new RetainedMessages();
  readonly #filters = new FilterTrie<FilterEntry>();
  /** Matches by topic name. Holds entries, so only a filter that comes or goes makes it wrong, not a subscriber. */
  readonly #matches = new Map<string, readonly FilterEntry[]>();

  /** True if the session had no subscription with this filter before (§3.8.4). */
  subscribe(subscription: Subscription): boolean {
    const { session, fullFilter, shareName, topicFilter } = subscription;
    const isNew = !session.subscriptions.has(fullFilter);
    session.subscriptions.set(fullFilter, subscription);
    let entry = this.#filters.get(topicFilter);
    if (entry === undefined) {
      entry = { subscriptions: new Map(), groups: new Map() };
      this.#filters.set(topicFilter, entry);
      this.#matches.clear();
    }
    if (shareName === undefined) {
      entry.subscriptions.set(session, subscription);
    } else {
      let group = entry.groups.get(shareName);
      if (group === undefined) entry.groups.set(shareName, (group = new SharedGroup()));
      group.set(session, subscription);
    }
    return isNew;
  }

  /** False if the session has no subscription with exactly this filter [MQTT-3.10.4-1]. */
  unsubscribe(session: Session, fullFilter: string): boolean {
    const subscription = session.subscriptions.get(fullFilter);
    if (subscription === undefined) return false;
    session.subscriptions.delete(fullFilter);
    const { shareName, topicFilter } = subscription;
    const entry = this.#filters.get(topicFilter);
    if (entry === undefined) return true;
    if (shareName === undefined) {
      entry.subscriptions.delete(session);
    } else {
      const group = entry.groups.get(shareName);
      group?.delete(session);
      if (group?.size === 0) entry.groups.delete(shareName);
    }
    if (entry.subscriptions.size === 0 && entry.groups.size === 0) {
      this.#filters.delete(topicFilter);
      this.#matches.clear();
    }
    return true;
  }

  /** Ends all subscriptions of a session, and offers what it leaves behind of shared ones to the others. */
  removeSession(session: Session): void {
    for (const fullFilter of session.subscriptions.keys()) this.unsubscribe(session, fullFilter);
    for (const { message, group } of session.deliveries.end()) {
      if (group !== undefined) deliverShared(group, message);
    }
  }

  /** Retains the message if it asks for it, and gives it to everyone whose subscription matches: how many that is. */
  route(published: Message): number {
    if (published.retain) this.retained.store(published);
    const entries = this.#match(published.topicName);
    if (entries.length === 0) return 0;
    // Copied once here for all the queues it may wait in; QoS 0 is never queued.
    const message = published.qos === 0 ? published : detached(published);
    let receivers = 0;
    for (const entry of entries) {
      for (const group of entry.groups.values()) if (deliverShared(group, message)) receivers++;
    }
    const [only] = entries;
    if (only !== undefined && entries.length === 1) {
      for (const subscription of only.subscriptions.values()) if (deliverLive(message, subscription)) receivers++;
      return receivers;
    }
    return receivers + deliverOverlapping(message, entries);
  }

  #match(topicName: string): readonly FilterEntry[] {
    let entries = this.#matches.get(topicName);
    if (entries === undefined) {
      entries = this.#filters.match(topicName);
      if (this.#matches.size >= maximumCachedTopics) this.#matches.clear();
      this.#matches.set(topicName, entries);
    }
    return entries;
  }
}

/**
 * One copy per session, at the highest QoS granted [MQTT-3.3.4-2], with the identifiers of all its matching subscriptions
 * [MQTT-3.3.4-4]. RETAIN survives if any of them asked for it as published.
 */
function deliverOverlapping(message: Message, entries: readonly FilterEntry[]): number {
  const bySession = new Map<Session, Subscription[]>();
  for (const entry of entries) {
    for (const [session, subscription] of entry.subscriptions) {
      if (isOwn(message, subscription)) continue;
      const matching = bySession.get(session);
      if (matching === undefined) bySession.set(session, [subscription]);
      else matching.push(subscription);
    }
  }
  for (const [session, subscriptions] of bySession) {
    const identifiers = subscriptions.flatMap(({ identifier }) => (identifier === undefined ? [] : [identifier]));
    session.deliver({
      message,
      qos: lower(
        message.qos,
        subscriptions.reduce((highest, { qos }) => higher(highest, qos), 0 as QoS),
      ),
      retain: message.retain && subscriptions.some(({ retainAsPublished }) => retainAsPublished),
      subscriptionIdentifiers: identifiers.length === 0 ? undefined : identifiers,
      group: undefined,
    });
  }
  return bySession.size;
}

function deliverLive(message: Message, subscription: Subscription): boolean {
  if (isOwn(message, subscription)) return false;
  subscription.session.deliver({
    message,
    qos: lower(message.qos, subscription.qos),
    retain: message.retain && subscription.retainAsPublished,
    subscriptionIdentifiers: subscription.identifier === undefined ? undefined : [subscription.identifier],
    group: undefined,
  });
  return true;
}

/** [MQTT-4.8.2-3]: within the QoS granted to the member that gets it. */
function deliverShared(group: SharedGroup, message: Message): boolean {
  const subscription = group.pick(message.qos > 0);
  if (subscription === undefined) return false;
  subscription.session.deliver({
    message,
    qos: lower(message.qos, subscription.qos),
    retain: message.retain && subscription.retainAsPublished,
    subscriptionIdentifiers: subscription.identifier === undefined ? undefined : [subscription.identifier],
    group,
  });
  return true;
}

/** A retained message sent because of a subscribe: RETAIN 1, whatever Retain As Published says (§3.3.1.3). */
export function deliverRetained(message: Message, subscription: Subscription): void {
  if (isOwn(message, subscription)) return;
  subscription.session.deliver({
    message,
    qos: lower(message.qos, subscription.qos),
    retain: true,
    subscriptionIdentifiers: subscription.identifier === undefined ? undefined : [subscription.identifier],
    group: undefined,
  });
}

/** [MQTT-3.8.3-3] */
function isOwn(message: Message, subscription: Subscription): boolean {
  return subscription.noLocal && message.publisher === subscription.session.clientId;
}

function lower(a: QoS, b: QoS): QoS {
  return a < b ? a : b;
}

function higher(a: QoS, b: QoS): QoS {
  return a > b ? a : b;
}
