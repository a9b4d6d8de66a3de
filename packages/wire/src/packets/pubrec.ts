// SPDX-License-Identifier: Apache-2.0

import { reasonCodeSet } from '../reason-code-set.ts';
import { ackCodec, type AckProperties } from './ack.ts';
import type { PacketCodec } from './codec.ts';

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

// §3.5.2.1 [MQTT-3.5.2-1]
const CODES = reasonCodeSet('PUBREC', {
  either: [0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  server: [0x10], // No matching subscribers
});

/** @internal */
export const pubrec: PacketCodec<PubrecPacket> = ackCodec('pubrec', 0, CODES);
