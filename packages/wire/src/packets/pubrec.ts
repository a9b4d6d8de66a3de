// SPDX-License-Identifier: Apache-2.0

import type { AckProperties } from './ack.ts';

/**
 * First answer to a PUBLISH of QoS 2.
 * @see MQTT v5.0 §3.5
 */
export interface PubrecPacket {
  type: 'pubrec';
  /** 1 to 65535. */
  packetIdentifier: number;
  reasonCode: number;
  properties?: AckProperties;
}
