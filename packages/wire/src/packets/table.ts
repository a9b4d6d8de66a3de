// SPDX-License-Identifier: Apache-2.0

import type { PacketType } from '../packet-type.ts';
import type { Packet } from '../types.ts';
import { auth } from './auth.ts';
import type { PacketCodec } from './codec.ts';
import { connack } from './connack.ts';
import { connect } from './connect.ts';
import { disconnect } from './disconnect.ts';
import { pingreq } from './pingreq.ts';
import { pingresp } from './pingresp.ts';
import { puback } from './puback.ts';
import { pubcomp } from './pubcomp.ts';
import { pubrec } from './pubrec.ts';
import { pubrel } from './pubrel.ts';
import { suback } from './suback.ts';
import { subscribe } from './subscribe.ts';
import { unsuback } from './unsuback.ts';
import { unsubscribe } from './unsubscribe.ts';

/** Every packet but PUBLISH, which has a path of its own in both directions. */
export type PlainPacket = Exclude<Packet, { type: 'publish' }>;

// A codec takes the packets of its own type only; that it gets no other is what the two tables are for.
const CODECS: { readonly [T in Exclude<PacketType, 'publish'>]: PacketCodec<Extract<Packet, { type: T }>> } = {
  connect,
  connack,
  puback,
  pubrec,
  pubrel,
  pubcomp,
  subscribe,
  suback,
  unsubscribe,
  unsuback,
  pingreq,
  pingresp,
  disconnect,
  auth,
};
const BY_NAME = new Map<string, PacketCodec<PlainPacket>>(Object.entries(CODECS));

/** The codec of a packet, or undefined when `type` names none (a caller without types). */
export function codecFor(packet: PlainPacket): PacketCodec<PlainPacket> | undefined {
  return BY_NAME.get(packet.type);
}

/** By wire value; undefined at 0 (reserved) and 3 (PUBLISH). */
export const CODECS_BY_VALUE: readonly (PacketCodec<PlainPacket> | undefined)[] = [
  undefined,
  connect,
  connack,
  undefined,
  puback,
  pubrec,
  pubrel,
  pubcomp,
  subscribe,
  suback,
  unsubscribe,
  unsuback,
  pingreq,
  pingresp,
  disconnect,
  auth,
];
