// SPDX-License-Identifier: Apache-2.0

import type { PacketCodec } from './codec.ts';

/**
 * Server to client: yes.
 * @see MQTT v5.0 §3.13
 */
export interface PingrespPacket {
  type: 'pingresp';
}

/** @internal */
export const pingresp: PacketCodec<PingrespPacket> = {
  flags: 0,
  maximumLength: 0,
  decode: () => ({ type: 'pingresp' }),
  measure: () => 0,
  write: (_packet, _target, offset) => offset,
};
