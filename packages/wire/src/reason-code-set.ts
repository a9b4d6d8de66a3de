// SPDX-License-Identifier: Apache-2.0

import { hexByte } from './reason-codes.ts';
import { CLIENT, EITHER, SERVER } from './sides.ts';
import { malformed, protocolError } from './wire-error.ts';

/** The Reason Codes one packet type may carry, and who may send them. */
export interface ReasonCodeSet {
  /** `PUBACK`, …: the subject of error messages. */
  readonly packet: string;
  /** Indexed by code: {@link CLIENT}, {@link SERVER}, both bits, or 0 where the standard's table has no such code. */
  readonly sides: Uint8Array;
}

interface Codes {
  readonly either?: readonly number[];
  readonly client?: readonly number[];
  readonly server?: readonly number[];
}

export function reasonCodeSet(packet: string, codes: Codes): ReasonCodeSet {
  const sides = new Uint8Array(256);
  for (const code of codes.either ?? []) sides[code] = EITHER;
  for (const code of codes.client ?? []) sides[code] = CLIENT;
  for (const code of codes.server ?? []) sides[code] = SERVER;
  return { packet, sides };
}

/**
 * @throws WireError 0x81 for a code the packet's table does not have, 0x82 for one that `from` may not send
 */
export function checkReasonCode(code: number, set: ReasonCodeSet, from: number): void {
  const sides = set.sides[code];
  if (sides !== undefined && (sides & from) !== 0) return;
  if (!sides) throw malformed(`${set.packet} has no Reason Code ${typeof code === 'number' ? hexByte(code) : code}`);
  throw protocolError(`${set.packet} with Reason Code ${hexByte(code)} is for the other side to send`);
}
