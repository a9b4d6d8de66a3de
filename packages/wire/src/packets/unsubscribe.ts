// SPDX-License-Identifier: Apache-2.0

import type { UserProperties } from '../types.ts';

/** @see MQTT v5.0 §3.10.2.1 */
export interface UnsubscribeProperties {
  userProperties?: UserProperties;
}

/** @see MQTT v5.0 §3.10 */
export interface UnsubscribePacket {
  type: 'unsubscribe';
  /** 1 to 65535. */
  packetIdentifier: number;
  /** At least one [MQTT-3.10.3-2]. */
  topicFilters: readonly string[];
  properties?: UnsubscribeProperties;
}
