// SPDX-License-Identifier: Apache-2.0

import type { UserProperties } from '@mqttv5/wire';

import { LARGEST_PACKET, utf8Length, variableByteIntegerLength } from '@mqttv5/wire/client-side';

const PACKET_IDENTIFIER_BYTES = 2;

/** What stands in every SUBSCRIBE or UNSUBSCRIBE of a call. */
export interface CommonProperties {
  readonly subscriptionIdentifier: number | undefined;
  readonly userProperties: UserProperties;
}

export interface Split<T> {
  /** In order, each within the limit. */
  readonly packets: readonly (readonly T[])[];
  /** Too long even alone. */
  readonly tooLarge: readonly T[];
}

/**
 * Divides filters over as few packets as the broker's Maximum Packet Size allows (§3.2.2.3.6).
 *
 * @param extraBytes - per filter, beside its length and text: the options byte of a SUBSCRIBE
 */
export function splitFilters<T>(
  entries: readonly T[],
  filterOf: (entry: T) => string,
  extraBytes: number,
  properties: CommonProperties,
  maximumPacketSize: number | undefined,
): Split<T> {
  const limit = Math.min(maximumPacketSize ?? LARGEST_PACKET, LARGEST_PACKET);
  const overhead = PACKET_IDENTIFIER_BYTES + propertiesLength(properties);
  const packets: T[][] = [];
  const tooLarge: T[] = [];
  let current: T[] = [];
  let length = overhead;
  for (const entry of entries) {
    const bytes = 2 + utf8Length(filterOf(entry)) + extraBytes;
    if (packetLength(overhead + bytes) > limit) {
      tooLarge.push(entry);
      continue;
    }
    if (current.length > 0 && packetLength(length + bytes) > limit) {
      packets.push(current);
      current = [];
      length = overhead;
    }
    current.push(entry);
    length += bytes;
  }
  if (current.length > 0) packets.push(current);
  return { packets, tooLarge };
}

function packetLength(remainingLength: number): number {
  return 1 + variableByteIntegerLength(remainingLength) + remainingLength;
}

function propertiesLength({ subscriptionIdentifier, userProperties }: CommonProperties): number {
  let length = subscriptionIdentifier === undefined ? 0 : 1 + variableByteIntegerLength(subscriptionIdentifier);
  for (const [name, value] of userProperties) length += 5 + utf8Length(name) + utf8Length(value);
  return variableByteIntegerLength(length) + length;
}
