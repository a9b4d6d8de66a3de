// SPDX-License-Identifier: Apache-2.0

import type { QoS, RetainHandling, UserProperties } from '../types.ts';

/** @see MQTT v5.0 §3.8.2.1 */
export interface SubscribeProperties {
  /** 1 to 268,435,455. */
  subscriptionIdentifier?: number;
  userProperties?: UserProperties;
}

/** @see MQTT v5.0 §3.8.3 */
export interface SubscribeFilter {
  topicFilter: string;
  /** The highest QoS wanted. */
  qos: QoS;
  /** Do not send back what this client publishes. Not with `$share/…` [MQTT-3.8.3-4]. */
  noLocal: boolean;
  /** Keep the RETAIN flag as it was published. */
  retainAsPublished: boolean;
  retainHandling: RetainHandling;
}

/** @see MQTT v5.0 §3.8 */
export interface SubscribePacket {
  type: 'subscribe';
  /** 1 to 65535. */
  packetIdentifier: number;
  /** At least one [MQTT-3.8.3-2]. */
  filters: readonly SubscribeFilter[];
  properties?: SubscribeProperties;
}
