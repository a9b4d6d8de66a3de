// SPDX-License-Identifier: Apache-2.0

import type { ConnackInfo } from '../api/connect.ts';
import { type AnyMqttError, mqttError } from '../errors.ts';

/** Why a filter is not even asked for, and the code the broker would give. */
export interface Obstacle {
  readonly reasonCode: number;
  readonly error: AnyMqttError;
}

export const PACKET_TOO_LARGE_CODE = 0x95;

/** What this broker has said it does not do. @see MQTT v5.0 §3.2.2.3.11, §3.2.2.3.13 */
export function obstacleTo(filter: string, broker: ConnackInfo): Obstacle | undefined {
  const shared = filter.startsWith('$share/');
  if (shared && !broker.sharedSubscriptionAvailable) {
    const text = `The broker has no shared subscriptions: ${filter}`;
    return { reasonCode: 0x9e, error: mqttError('SHARED_SUBSCRIPTIONS_UNSUPPORTED', text) };
  }
  if (!broker.wildcardSubscriptionAvailable && /[+#]/.test(filter)) {
    const text = `The broker has no wildcard subscriptions: ${filter}`;
    return { reasonCode: 0xa2, error: mqttError('WILDCARD_SUBSCRIPTIONS_UNSUPPORTED', text) };
  }
  return undefined;
}

export function tooLargeError(filter: string, maximumPacketSize: number | undefined): AnyMqttError {
  const name = filter.length > 100 ? `${filter.slice(0, 100)}…` : filter;
  const text = `A packet with the filter ${name} exceeds the broker's Maximum Packet Size of ${maximumPacketSize ?? 'any packet'}`;
  return mqttError('PACKET_TOO_LARGE', text);
}
