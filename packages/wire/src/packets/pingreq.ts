// SPDX-License-Identifier: Apache-2.0

import { CLIENT } from '../sides.ts';
import type { PacketCodec } from './codec.ts';

/**
 * Client to server: are you there.
 * @see MQTT v5.0 §3.12
 */
export interface PingreqPacket {
  type: 'pingreq';
}

export const pingreq: PacketCodec<PingreqPacket> = {
  name: 'PINGREQ',
  flags: 0,
  sentBy: CLIENT,
  maximumLength: 0,
  decode: () => ({ type: 'pingreq' }),
  measure: () => 0,
  write: (_packet, _target, offset) => offset,
};
