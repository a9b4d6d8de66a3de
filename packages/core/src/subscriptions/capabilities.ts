// SPDX-License-Identifier: Apache-2.0

import type { ConnackInfo } from '../api/connect.ts';
import { type AnyMqttError, mqttError } from '../errors.ts';

/** Why a filter is not even asked for, and the code the broker would give. */
export interface Obstacle {
  readonly reasonCode: number;
  readonly error: AnyMqttError;
}

/** What this broker has said it does not do. @see MQTT v5.0 §3.2.2.3.11, §3.2.2.3.13 */
export function obstacleTo(filter: string, broker: ConnackInfo): Obstacle | undefined {
  if (!broker.sharedSubscriptionAvailable && filter.startsWith('$share/')) {
    const text = `The broker has no shared subscriptions: ${filter}`;
    return { reasonCode: 0x9e, error: mqttError('SHARED_SUBSCRIPTIONS_UNSUPPORTED', text) };
  }
  if (!broker.wildcardSubscriptionAvailable && /[+#]/.test(filter)) {
    const text = `The broker has no wildcard subscriptions: ${filter}`;
    return { reasonCode: 0xa2, error: mqttError('WILDCARD_SUBSCRIPTIONS_UNSUPPORTED', text) };
  }
  return undefined;
}

/** A filter that does not fit into a packet even alone. @see MQTT v5.0 §3.2.2.3.6 */
export function tooLarge(filter: string, maximumPacketSize: number | undefined): Obstacle {
  const name = filter.length > 100 ? `${filter.slice(0, 100)}…` : filter;
  const limit =
    maximumPacketSize === undefined
      ? 'any packet can have'
      : `the broker's Maximum Packet Size of ${maximumPacketSize}`;
  return {
    reasonCode: 0x95,
    error: mqttError('PACKET_TOO_LARGE', `A packet with the filter ${name} exceeds ${limit}`),
  };
}
