// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { crc32c } from './crc32c.ts';

const ascending = Uint8Array.from({ length: 32 }, (_, index) => index);

test.each([
  ['nothing', new Uint8Array(0), 0],
  ['"123456789"', new TextEncoder().encode('123456789'), 0xe3069283],
  ['32 zeros (RFC 3720 B.4)', new Uint8Array(32), 0x8a9136aa],
  ['32 ones (RFC 3720 B.4)', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['0 to 31 (RFC 3720 B.4)', ascending, 0x46dd794e],
  ['31 to 0 (RFC 3720 B.4)', ascending.toReversed(), 0x113fdb5c],
])('CRC-32C of %s', (_, bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected);
});

test('the CRC of a whole is the chain over its parts, wherever it is cut and wherever it stands', () => {
  const buffer = Uint8Array.from({ length: 200 }, (_, index) => (index * 37) & 0xff);
  const whole = crc32c(buffer.slice(13, 113));
  for (let cut = 13; cut <= 113; cut++) expect(crc32c(buffer, cut, 113, crc32c(buffer, 13, cut))).toBe(whole);
});
