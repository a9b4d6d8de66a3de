// SPDX-License-Identifier: Apache-2.0

import { reasonCodeSet } from '../reason-code-set.ts';
import { ackCodec, type AckProperties } from './ack.ts';
import type { PacketCodec } from './codec.ts';

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

// §3.4.2.1 [MQTT-3.4.2-1]
const CODES = reasonCodeSet('PUBACK', {
  either: [0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  server: [0x10], // No matching subscribers
});

/** @internal */
export const puback: PacketCodec<PubackPacket> = ackCodec('puback', 0, CODES);
