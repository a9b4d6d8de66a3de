// SPDX-License-Identifier: Apache-2.0

import type { AckProperties } from './ack.ts';

/**
 * Answer to SUBSCRIBE: one Reason Code per filter, in its order.
 * @see MQTT v5.0 §3.9
 */
export interface SubackPacket {
  type: 'suback';
  /** 1 to 65535. */
  packetIdentifier: number;
  /** At least one. */
  reasonCodes: readonly number[];
  properties?: AckProperties;
}
