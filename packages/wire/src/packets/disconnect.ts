// SPDX-License-Identifier: Apache-2.0

import type { UserProperties } from '../types.ts';

/** @see MQTT v5.0 §3.14.2.2 */
export interface DisconnectProperties {
  /** Seconds. From clients only [MQTT-3.14.2-2]. */
  sessionExpiryInterval?: number;
  reasonString?: string;
  userProperties?: UserProperties;
  /** From servers only. */
  serverReference?: string;
}

/**
 * Last packet of either side.
 * @see MQTT v5.0 §3.14
 */
export interface DisconnectPacket {
  type: 'disconnect';
  reasonCode: number;
  properties?: DisconnectProperties;
}
