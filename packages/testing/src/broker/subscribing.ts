// SPDX-License-Identifier: Apache-2.0
//
// SUBSCRIBE and UNSUBSCRIBE (§3.8.4, §3.10.4).
import { ReasonCode } from '@mqttv5/wire';
import type { SubscribeFilter, SubscribePacket, UnsubscribePacket } from '@mqttv5/wire';
import { askAuthorize } from './ask.ts';
import type { BrokerState } from './broker-state.ts';
import type { Channel } from './channel.ts';
import { deliverRetained } from './router.ts';
import type { Session } from './session.ts';
import type { Limits } from './settings.ts';
import { makeSubscription, splitShared } from './subscription.ts';
import type { Subscription } from './subscription.ts';

export function handleSubscribe(
  broker: BrokerState,
  channel: Channel,
  session: Session,
  packet: SubscribePacket,
): void {
  const { limits, clock } = broker.settings;
  const { packetIdentifier } = packet;
  const identifier = packet.properties?.subscriptionIdentifier;
  const violation = violatedLimit(packet, limits);
  if (violation !== undefined) {
    channel.stage.fail(violation.reasonCode, violation.message);
    return;
  }
  const isTaken = session.unreleased.has(packetIdentifier);
  const withRetained: Subscription[] = [];
  const reasonCodes = packet.filters.map((filter) => {
    if (isTaken) return ReasonCode.PacketIdentifierInUse;
    const refusal = refusalOf(broker, session, filter);
    if (refusal !== 0) return refusal;
    const subscription = makeSubscription(session, filter, limits.maximumQoS, identifier);
    const isNew = broker.router.subscribe(subscription);
    // §3.8.3.1: 0 always, 1 only for a new subscription, 2 never; §4.8.2: a shared one gets none.
    const wantsRetained = filter.retainHandling === 0 || (filter.retainHandling === 1 && isNew);
    if (wantsRetained && subscription.shareName === undefined) withRetained.push(subscription);
    return subscription.qos;
  });
  // [MQTT-3.8.4-5]: one answer to all, before what the subscriptions bring.
  channel.send({ type: 'suback', packetIdentifier, reasonCodes });
  for (const subscription of withRetained) {
    const messages = broker.router.retained.matching(subscription.topicFilter, clock.now());
    for (const message of messages) deliverRetained(message, subscription);
  }
}

export function handleUnsubscribe(
  broker: BrokerState,
  channel: Channel,
  session: Session,
  packet: UnsubscribePacket,
): void {
  const { packetIdentifier } = packet;
  const isTaken = session.unreleased.has(packetIdentifier);
  const reasonCodes = packet.topicFilters.map((topicFilter) => {
    if (isTaken) return ReasonCode.PacketIdentifierInUse;
    const existed = broker.router.unsubscribe(session, topicFilter);
    return existed ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted;
  });
  channel.send({ type: 'unsuback', packetIdentifier, reasonCodes });
}

/** A feature CONNACK said is not there costs the connection (§3.2.2.3.11 to .13). What no SUBSCRIBE may say is the decoder's to find. */
function violatedLimit(
  packet: SubscribePacket,
  limits: Limits,
): { readonly reasonCode: number; readonly message: string } | undefined {
  if (packet.properties?.subscriptionIdentifier !== undefined && !limits.subscriptionIdentifierAvailable) {
    return {
      reasonCode: ReasonCode.SubscriptionIdentifiersNotSupported,
      message: 'Subscription Identifiers are not available',
    };
  }
  for (const { topicFilter } of packet.filters) {
    const { shareName, topicFilter: matched } = splitShared(topicFilter);
    if (shareName !== undefined && !limits.sharedSubscriptionAvailable) {
      return {
        reasonCode: ReasonCode.SharedSubscriptionsNotSupported,
        message: 'Shared Subscriptions are not available',
      };
    }
    if (!limits.wildcardSubscriptionAvailable && /[+#]/.test(matched)) {
      return {
        reasonCode: ReasonCode.WildcardSubscriptionsNotSupported,
        message: 'Wildcard Subscriptions are not available',
      };
    }
  }
  return undefined;
}

function refusalOf(broker: BrokerState, session: Session, filter: SubscribeFilter): number {
  const { clientId, username } = session;
  const topic = splitShared(filter.topicFilter).topicFilter;
  const code = askAuthorize(broker.settings, { clientId, username, action: 'subscribe', topic });
  return code === 0 || subscribeRefusals.has(code) ? code : ReasonCode.ImplementationSpecificError;
}

/** SUBACK codes that refuse (§3.9.3) [MQTT-3.9.3-2]. */
const subscribeRefusals: ReadonlySet<number> = new Set([0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]);
