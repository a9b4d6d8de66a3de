// SPDX-License-Identifier: Apache-2.0

import type { Reader } from '../reader.ts';
import type { Packet } from '../types.ts';

/** How one packet type is read and written. Everything behind the fixed header; Remaining Length is its size (§2.1.4). */
export interface PacketCodec<P extends Packet> {
  /** The standard's name: `PUBACK`. */
  readonly name: string;
  /** Fixed-header flags, the lower half of the first byte [MQTT-2.1.3-1]. PUBLISH has its own. */
  readonly flags: number;
  /** Who may send it: bits of `sides.ts`. */
  readonly sentBy: number;
  /** Largest Remaining Length, where the packet has a fixed one. */
  readonly maximumLength?: number;
  /** Reads the body; `from` says whose Reason Codes and properties are legal. Must read to the end. */
  decode(reader: Reader, from: number): P;
  /** Remaining Length of the packet. Checks every field: what is measured can be written. */
  measure(packet: P): number;
  /** Writes the body of a packet that `measure` has accepted, and returns the offset after it. */
  write(packet: P, target: Uint8Array, offset: number): number;
}
