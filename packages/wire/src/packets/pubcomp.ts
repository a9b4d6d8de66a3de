// SPDX-License-Identifier: Apache-2.0

import type { AckProperties } from './ack.ts';

/**
 * Answer to a PUBREL: end of a QoS 2 exchange.
 * @see MQTT v5.0 §3.7
 */
export interface PubcompPacket {
  type: 'pubcomp';
  /** 1 to 65535. */
  packetIdentifier: number;
  reasonCode: number;
  properties?: AckProperties;
}
