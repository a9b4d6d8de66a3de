// SPDX-License-Identifier: Apache-2.0

/** Castagnoli's polynomial, bits reversed. */
const POLYNOMIAL = 0x82f63b78;

/** Four tables, so that four bytes are folded in at a time ("slicing by four"): about three times as fast as one table. */
const TABLES: readonly Uint32Array[] = makeTables();

/** CRC-32C of `bytes` behind those `previous` is the CRC-32C of. */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  const [first, second, third, fourth] = TABLES as readonly [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  const length = bytes.length;
  let crc = ~previous;
  let index = 0;
  // Every index below is within the tables (masked to a byte) and within `bytes` (guarded by the loop).
  for (const end = length - 3; index < end; index += 4) {
    crc ^=
      (bytes[index] as number) |
      ((bytes[index + 1] as number) << 8) |
      ((bytes[index + 2] as number) << 16) |
      ((bytes[index + 3] as number) << 24);
    crc =
      (fourth[crc & 0xff] as number) ^
      (third[(crc >>> 8) & 0xff] as number) ^
      (second[(crc >>> 16) & 0xff] as number) ^
      (first[crc >>> 24] as number);
  }
  for (; index < length; index += 1) {
    crc = (first[(crc ^ (bytes[index] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}

function makeTables(): Uint32Array[] {
  const tables = [0, 1, 2, 3].map(() => new Uint32Array(256));
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (const table of tables) {
      for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
      table[byte] = crc;
    }
  }
  return tables;
}
