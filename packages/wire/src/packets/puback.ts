// SPDX-License-Identifier: Apache-2.0

import type { AckProperties } from './ack.ts';

/**
 * Answer to a PUBLISH of QoS 1.
 * @see MQTT v5.0 §3.4
 */
export interface PubackPacket {
  type: 'puback';
  /** 1 to 65535. */
  packetIdentifier: number;
  reasonCode: number;
  properties?: AckProperties;
}
