// SPDX-License-Identifier: Apache-2.0

import type { PacketReader, PacketWriter } from './codec.ts';

/**
 * Client to server: are you there.
 * @see MQTT v5.0 §3.12
 */
export interface PingreqPacket {
  type: 'pingreq';
}

/** @internal */
export const pingreq: PacketWriter<PingreqPacket> = {
  flags: 0,
  measure: () => 0,
  write: (_packet, _target, offset) => offset,
};

/** For servers. @internal */
export const pingreqReader: PacketReader<PingreqPacket> = {
  flags: 0,
  maximumLength: 0,
  decode: () => ({ type: 'pingreq' }),
};
