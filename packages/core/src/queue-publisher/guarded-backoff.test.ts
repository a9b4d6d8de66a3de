// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import type { Backoff } from '../api/options.ts';
import { guardedBackoff } from './guarded-backoff.ts';

function guarded(backoff: Backoff) {
  const said: unknown[] = [];
  return { said, delayOf: guardedBackoff(backoff, (...line) => void said.push(line)) };
}

const failed = 'mqtt: retryBackoff failed; 1 s applies';

test('a delay is passed on, and nothing is said', () => {
  const { said, delayOf } = guarded((attempt) => 250 * (attempt - 1));
  expect([delayOf(1), delayOf(2)]).toEqual([0, 250]);
  expect(said).toEqual([]);
});

test.each([Number.NaN, -1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  '%d is no delay: 1 s applies, each time, and that is said once',
  (nonsense) => {
    const { said, delayOf } = guarded(() => nonsense);
    expect([delayOf(3), delayOf(4)]).toEqual([1000, 1000]);
    expect(said).toEqual([[failed, expect.objectContaining({ code: 'INVALID_OPTION' })]]);
    expect(said).toEqual([[failed, expect.objectContaining({ message: expect.stringContaining(`${nonsense}`) })]]);
  },
);

test('so does 1 s when it throws', () => {
  const error = new TypeError('no such attempt');
  const { said, delayOf } = guarded(() => {
    throw error;
  });
  expect([delayOf(1), delayOf(2)]).toEqual([1000, 1000]);
  expect(said).toEqual([[failed, error]]);
});

test('what it throws and what it gives are two mistakes, each said once', () => {
  const { said, delayOf } = guarded((attempt) => {
    if (attempt % 2 === 0) throw new TypeError('no even ones');
    return attempt === 1 ? Number.NaN : -attempt;
  });
  for (const attempt of [1, 2, 3, 4]) expect(delayOf(attempt)).toBe(1000);
  expect(said).toEqual([
    [failed, expect.objectContaining({ code: 'INVALID_OPTION' })],
    [failed, expect.any(TypeError)],
  ]);
});

test('what is no number at all is shown as what it is', () => {
  // What a program without types may give.
  const { said, delayOf } = guarded((() => '5') as unknown as Backoff);
  expect(delayOf(1)).toBe(1000);
  expect(said).toEqual([[failed, expect.objectContaining({ message: expect.stringContaining('"5"') })]]);
});
