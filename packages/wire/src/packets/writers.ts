// SPDX-License-Identifier: Apache-2.0

import type { PacketType } from '../packet-type.ts';
import { auth } from './auth.ts';
import type { PacketWriter, PlainPacket } from './codec.ts';
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

// A writer takes the packets of its own type only; that it gets no other is what the table is for.
const WRITERS: {
  readonly [T in Exclude<PacketType, 'publish'>]: PacketWriter<Extract<PlainPacket, { type: T }>>;
} = {
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
const BY_NAME = new Map<string, PacketWriter<PlainPacket>>(Object.entries(WRITERS));

/** Writes packets like this one; undefined when its `type` names none (a caller without types). @internal */
export function writerFor(packet: PlainPacket): PacketWriter<PlainPacket> | undefined {
  return BY_NAME.get(packet.type);
}
