// SPDX-License-Identifier: Apache-2.0

import { reasonCodeSet } from '../reason-code-set.ts';
import { ackCodec, type AckProperties } from './ack.ts';
import type { PacketCodec } from './codec.ts';

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

// §3.6.2.1 [MQTT-3.6.2-1]
const CODES = reasonCodeSet('PUBREL', {
  either: [0x00, 0x92],
});

// Flags 0010 [MQTT-3.6.1-1].
/** @internal */
export const pubrel: PacketCodec<PubrelPacket> = ackCodec('pubrel', 0b0010, CODES);
