// SPDX-License-Identifier: Apache-2.0

/** The Castagnoli polynomial 0x1EDC6F41 with its bits reversed, as the right-shifting form needs it. */
const POLYNOMIAL = 0x82f63b78;

/** Eight tables, so that eight bytes are taken at once: about five times as fast as one table. */
const [T0, T1, T2, T3, T4, T5, T6, T7] = makeTables();

/**
 * CRC-32C (Castagnoli, as in iSCSI and ext4) of `bytes[start, end)`. `seed` is the result for the bytes before: the CRC of
 * a whole is the chain over its parts.
 */
export function crc32c(bytes: Uint8Array, start: number = 0, end: number = bytes.length, seed: number = 0): number {
  let crc = ~seed;
  let at = start;
  // Indices stay below `end`, and those of the tables are masked to a byte: none of the reads is undefined.
  for (; at + 8 <= end; at += 8) {
    const low = crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    crc =
      T7[low & 0xff]! ^
      T6[(low >>> 8) & 0xff]! ^
      T5[(low >>> 16) & 0xff]! ^
      T4[low >>> 24]! ^
      T3[bytes[at + 4]!]! ^
      T2[bytes[at + 5]!]! ^
      T1[bytes[at + 6]!]! ^
      T0[bytes[at + 7]!]!;
  }
  for (; at < end; at++) crc = T0[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

type Tables = readonly [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];

function makeTables(): Tables {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    return crc;
  });
  const after = (table: Uint32Array): Uint32Array => table.map((crc) => first[crc & 0xff]! ^ (crc >>> 8));
  const second = after(first);
  const third = after(second);
  const fourth = after(third);
  const fifth = after(fourth);
  const sixth = after(fifth);
  const seventh = after(sixth);
  return [first, second, third, fourth, fifth, sixth, seventh, after(seventh)];
}
