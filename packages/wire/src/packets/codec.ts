// SPDX-License-Identifier: Apache-2.0

import type { Reader } from '../reader.ts';
import type { Packet } from '../types.ts';

// Everything behind the fixed header; Remaining Length is its size (§2.1.4). Reading and writing are apart so that a program
// can be without one of them: a client never reads SUBSCRIBE.

/** Every packet but PUBLISH, which has a path of its own in both directions. */
export type PlainPacket = Exclude<Packet, { type: 'publish' }>;

/** How one packet type is read. */
export interface PacketReader<P extends Packet> {
  /** Fixed-header flags, the lower half of the first byte [MQTT-2.1.3-1]. PUBLISH has its own. */
  readonly flags: number;
  /** Largest Remaining Length, where the packet has a fixed one. */
  readonly maximumLength?: number;
  /** Reads the body; `from` says whose Reason Codes and properties are legal. Must read to the end. */
  decode(reader: Reader, from: number): P;
}

/** How one packet type is written. */
export interface PacketWriter<P extends Packet> {
  readonly flags: number;
  /** Remaining Length of the packet. Checks every field: what is measured can be written. */
  measure(packet: P): number;
  /** Writes the body of a packet that `measure` has accepted, and returns the offset after it. */
  write(packet: P, target: Uint8Array, offset: number): number;
}

/** Both, of a packet that either side may have to read. */
export type PacketCodec<P extends Packet> = PacketReader<P> & PacketWriter<P>;
