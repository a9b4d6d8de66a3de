// SPDX-License-Identifier: Apache-2.0

import type { Packet } from './types.ts';

/**
 * Wire values by packet name: `PacketType[packet.type]` is the upper half of the first byte.
 * The type of the same name is the name: `"connect" | "connack" | …`.
 * @see MQTT v5.0 §2.1.2, table 2-1
 */
export const PacketType: {
  readonly connect: 1;
  readonly connack: 2;
  readonly publish: 3;
  readonly puback: 4;
  readonly pubrec: 5;
  readonly pubrel: 6;
  readonly pubcomp: 7;
  readonly subscribe: 8;
  readonly suback: 9;
  readonly unsubscribe: 10;
  readonly unsuback: 11;
  readonly pingreq: 12;
  readonly pingresp: 13;
  readonly disconnect: 14;
  readonly auth: 15;
} = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
};

/** The standard's name of a wire value other than 0: `PUBACK`. */
export function packetTypeName(value: number): string {
  return String(Object.keys(PacketType)[value - 1]).toUpperCase();
}

/** The name of a packet type, as in `packet.type`. */
export type PacketType = Packet['type'];
