// SPDX-License-Identifier: Apache-2.0

import { reasonCodeSet } from '../reason-code-set.ts';
import type { AckProperties } from './ack.ts';
import type { PacketCodec } from './codec.ts';
import { codeListCodec } from './code-list.ts';

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

// §3.11.3 [MQTT-3.11.3-2]
const CODES = reasonCodeSet('UNSUBACK', {
  server: [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91],
});

/** @internal */
export const unsuback: PacketCodec<UnsubackPacket> = codeListCodec('unsuback', CODES);
