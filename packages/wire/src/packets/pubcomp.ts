// SPDX-License-Identifier: Apache-2.0

import { reasonCodeSet } from '../reason-code-set.ts';
import { ackCodec, type AckProperties } from './ack.ts';
import type { PacketCodec } from './codec.ts';

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

// §3.7.2.1 [MQTT-3.7.2-1]
const CODES = reasonCodeSet('PUBCOMP', {
  either: [0x00, 0x92],
});

/** @internal */
export const pubcomp: PacketCodec<PubcompPacket> = ackCodec('pubcomp', 0, CODES);
