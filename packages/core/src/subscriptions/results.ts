// SPDX-License-Identifier: Apache-2.0

import type { SubackPacket, UnsubackPacket } from '@mqttv5/wire';

import type { SubscribeResult } from '../api/receive.ts';

/** What SUBACK or UNSUBACK says to the filter at `index`. Its Reason String is about the refusals. */
export function resultOf(filter: string, packet: SubackPacket | UnsubackPacket, index: number): SubscribeResult {
  // The engine has compared the number of codes with that of the filters.
  const reasonCode = packet.reasonCodes[index] ?? 0x80;
  const reasonString = packet.properties?.reasonString;
  return reasonCode < 0x80 || reasonString === undefined
    ? { filter, reasonCode }
    : { filter, reasonCode, reasonString };
}
