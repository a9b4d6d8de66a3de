// SPDX-License-Identifier: Apache-2.0

// Variable Byte Integers: seven bits per byte, least significant first, the top bit says that another byte follows.
// One to four bytes, always the shortest form [MQTT-1.5.5-1]. (§1.5.5)

/** The largest value four bytes can hold, 268,435,455. @internal */
export const MAXIMUM_VARIABLE_BYTE_INTEGER = 0x0fffffff;

/** Bytes of the largest packet there can be: five of fixed header, and that much (§2.1.4). @internal */
export const LARGEST_PACKET: number = 5 + MAXIMUM_VARIABLE_BYTE_INTEGER;

/** Bytes that `value` takes: 1 to 4. */
export function variableByteIntegerLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  return value < 0x200000 ? 3 : 4;
}

/** Writes `value` (0 to 268,435,455) and returns the offset after it. @internal */
export function writeVariableByteInteger(value: number, target: Uint8Array, offset: number): number {
  let rest = value;
  let position = offset;
  while (rest > 0x7f) {
    target[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[position++] = rest;
  return position;
}
