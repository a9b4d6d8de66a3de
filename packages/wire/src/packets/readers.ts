// SPDX-License-Identifier: Apache-2.0

// Who may send what. A list for each side, so that who reads one side only has no reader of what the other sends.

import { auth } from './auth.ts';
import type { PacketReader, PlainPacket } from './codec.ts';
import { connack } from './connack.ts';
import { connectReader } from './connect.ts';
import { disconnect } from './disconnect.ts';
import { pingreqReader } from './pingreq.ts';
import { pingresp } from './pingresp.ts';
import { puback } from './puback.ts';
import { pubcomp } from './pubcomp.ts';
import { pubrec } from './pubrec.ts';
import { pubrel } from './pubrel.ts';
import { suback } from './suback.ts';
import { subscribeReader } from './subscribe.ts';
import { unsuback } from './unsuback.ts';
import { unsubscribeReader } from './unsubscribe.ts';

/** By wire value; undefined where there is none, and at 3 (PUBLISH). */
export type PacketReaders = readonly (PacketReader<PlainPacket> | undefined)[];

const NONE = undefined;
const PUBLISH = undefined;

/** @internal */
export const OF_SERVER: PacketReaders = [
  NONE,
  NONE,
  connack,
  PUBLISH,
  puback,
  pubrec,
  pubrel,
  pubcomp,
  NONE,
  suback,
  NONE,
  unsuback,
  NONE,
  pingresp,
  disconnect,
  auth,
];

/** @internal */
export const OF_CLIENT: PacketReaders = [
  NONE,
  connectReader,
  NONE,
  PUBLISH,
  puback,
  pubrec,
  pubrel,
  pubcomp,
  subscribeReader,
  NONE,
  unsubscribeReader,
  NONE,
  pingreqReader,
  NONE,
  disconnect,
  auth,
];
