// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { fnv1a } from './fnv1a.ts';

test.each([
  ['', 0x811c9dc5],
  ['a', 0xe40c292c],
  ['foobar', 0xbf9cf968],
])('FNV-1a of %j is that of the published test vectors (S-098)', (text, hash) => {
  expect(fnv1a(text)).toBe(hash);
});

test('it hashes UTF-8 bytes, not UTF-16 units', () => {
  // 0xC3 0xA9 by hand.
  const byHand = Math.imul(Math.imul(0x811c9dc5 ^ 0xc3, 0x01000193) ^ 0xa9, 0x01000193) >>> 0;
  expect(fnv1a('é')).toBe(byHand);
});
