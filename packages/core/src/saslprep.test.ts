// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';

import { saslprep } from './saslprep.ts';

describe('saslprep', () => {
  // RFC 4013 §3.
  test.each([
    ['I\u00adX', 'IX'],
    ['user', 'user'],
    ['USER', 'USER'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
  ])('%j becomes %j, as the RFC shows', (input, output) => {
    expect(saslprep(input, 'password')).toBe(output);
  });

  test.each([
    ['a control character', '\u0007'],
    ['right-to-left text that ends in a digit', '\u06271'],
    ['both writing directions', '\u0627a\u0628'],
    ['private use', '\ue000'],
    ['a non-character', '\ufffe'],
    ['a lone surrogate', '\ud800'],
    ['a tag', '\u{e0041}'],
    ['a non-character beyond the first plane', '\u{1ffff}'],
    ['nothing left', '\u00ad'],
  ])('%s is refused', (_name, input) => {
    expect(() => saslprep(input, 'password')).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });

  test('other spaces become a space, and right-to-left text passes', () => {
    expect(saslprep('a\u00a0b\u3000c', 'password')).toBe('a b c');
    expect(saslprep('\u05d0\u05d1', 'password')).toBe('\u05d0\u05d1');
    expect(saslprep('\u05d0', 'password')).toBe('\u05d0');
  });
});
