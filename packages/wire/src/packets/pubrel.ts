// SPDX-License-Identifier: Apache-2.0

import type { AckProperties } from './ack.ts';

/**
 * Answer to a PUBREC.
 * @see MQTT v5.0 §3.6
 */
export interface PubrelPacket {
  type: 'pubrel';
  /** 1 to 65535. */
  packetIdentifier: number;
  reasonCode: number;
  properties?: AckProperties;
}
