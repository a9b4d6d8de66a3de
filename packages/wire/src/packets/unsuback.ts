// SPDX-License-Identifier: Apache-2.0

import type { AckProperties } from './ack.ts';

/**
 * Answer to UNSUBSCRIBE: one Reason Code per filter, in its order.
 * @see MQTT v5.0 §3.11
 */
export interface UnsubackPacket {
  type: 'unsuback';
  /** 1 to 65535. */
  packetIdentifier: number;
  /** At least one. */
  reasonCodes: readonly number[];
  properties?: AckProperties;
}
