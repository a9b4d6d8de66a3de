// SPDX-License-Identifier: Apache-2.0

import type { ConnackInfo } from '../api/connect.ts';
import type { ControlRequest } from '../session/effects.ts';
import type { AskedFilter, SubscribeCall } from './broker-subscription.ts';
import { obstacleTo, type Obstacle, tooLarge } from './capabilities.ts';
import { splitFilters } from './packet-splitting.ts';
import type { SubscriptionIdentifiers } from './subscription-identifiers.ts';

/** What one call becomes at one broker. */
export interface SubscribePlan {
  readonly packets: readonly { readonly asked: readonly AskedFilter[]; readonly request: ControlRequest }[];
  /** What this broker need not be asked for. */
  readonly obstacles: ReadonlyMap<AskedFilter, Obstacle>;
}

/** One SUBSCRIBE per identifier, or per call where the broker has none; more where its Maximum Packet Size says so. */
export function planSubscribe(
  call: SubscribeCall,
  wanted: readonly AskedFilter[],
  broker: ConnackInfo,
  identifiers: SubscriptionIdentifiers,
): SubscribePlan {
  const obstacles = new Map<AskedFilter, Obstacle>();
  const packets: { asked: readonly AskedFilter[]; request: ControlRequest }[] = [];
  const possible = wanted.filter((asked) => {
    const obstacle = obstacleTo(asked.target.filter, broker);
    if (obstacle !== undefined) obstacles.set(asked, obstacle);
    return obstacle === undefined;
  });
  const { userProperties } = call.subscription.options;
  for (const [group, asked] of broker.subscriptionIdentifierAvailable
    ? byGroup(possible)
    : ([[undefined, possible]] as const)) {
    const subscriptionIdentifier = group === undefined ? undefined : identifierOf(call, group, identifiers);
    const common = { subscriptionIdentifier, userProperties };
    const split = splitFilters(asked, filterOf, OPTIONS_BYTES, common, broker.maximumPacketSize);
    for (const each of split.tooLarge) obstacles.set(each, tooLarge(filterOf(each), broker.maximumPacketSize));
    for (const each of split.packets)
      packets.push({ asked: each, request: toRequest(call, each, subscriptionIdentifier) });
  }
  return { packets, obstacles };
}

/** Beside each filter (§3.8.3.1). */
const OPTIONS_BYTES = 1;

function filterOf(asked: AskedFilter): string {
  return asked.target.filter;
}

function byGroup(asked: readonly AskedFilter[]): Map<string, AskedFilter[]> {
  const groups = new Map<string, AskedFilter[]>();
  for (const each of asked) {
    const group = groups.get(each.group);
    if (group === undefined) groups.set(each.group, [each]);
    else group.push(each);
  }
  return groups;
}

function identifierOf(call: SubscribeCall, group: string, identifiers: SubscriptionIdentifiers): number {
  let identifier = call.identifiers.get(group);
  if (identifier === undefined) {
    const filters = call.asked.filter((asked) => asked.group === group).map(filterOf);
    identifier = identifiers.allocate(filters, call.subscription.serial);
    call.identifiers.set(group, identifier);
  }
  return identifier;
}

function toRequest(
  call: SubscribeCall,
  asked: readonly AskedFilter[],
  subscriptionIdentifier: number | undefined,
): ControlRequest {
  const { userProperties } = call.subscription.options;
  return {
    type: 'subscribe',
    filters: asked.map(({ options, target, askedBefore }) => ({
      topicFilter: options.filter,
      qos: options.qos,
      noLocal: options.noLocal,
      retainAsPublished: options.retainAsPublished,
      // Asked again in doubt: where the broker still has it, it is no new subscription, and its retained messages were sent.
      retainHandling: askedBefore && target.atBroker && options.retainHandling === 0 ? 1 : options.retainHandling,
    })),
    subscriptionIdentifier,
    userProperties: userProperties.length === 0 ? undefined : userProperties,
    suspicion: call.suspicionOf(asked[0]?.target.filter ?? ''),
  };
}
