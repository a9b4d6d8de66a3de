// SPDX-License-Identifier: Apache-2.0

import { reasonCodeSet } from '../reason-code-set.ts';
import type { AckProperties } from './ack.ts';
import type { PacketCodec } from './codec.ts';
import { codeListCodec } from './code-list.ts';

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

// §3.9.3 [MQTT-3.9.3-2]
const CODES = reasonCodeSet('SUBACK', {
  server: [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
});

/** @internal */
export const suback: PacketCodec<SubackPacket> = codeListCodec('suback', CODES);
