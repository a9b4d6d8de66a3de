// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';

import { constantBackoff, exponentialBackoff } from './backoff.ts';

const invalid = expect.objectContaining({ code: 'INVALID_OPTION' });

describe('exponentialBackoff (S-047, S-140)', () => {
  test('doubles from 1 s to 30 s by default', () => {
    const backoff = exponentialBackoff({ random: () => 0.5 });
    expect([1, 2, 3, 4, 5].map(backoff)).toEqual([1000, 2000, 4000, 8000, 16_000]);
    // Only the half below the maximum is there to pick from.
    expect([6, 7, 100, 5000].map(backoff)).toEqual([29_900, 29_900, 29_900, 29_900]);
  });

  test('moves each delay by at most jitterMs, and never above the maximum', () => {
    const least = exponentialBackoff({ random: () => 0 });
    const most = exponentialBackoff({ random: () => 1 });
    expect([1, 2, 6].map(least)).toEqual([800, 1800, 29_800]);
    expect([1, 2, 6].map(most)).toEqual([1200, 2200, 30_000]);
  });

  test('"full" spreads over the whole delay', () => {
    const options = { initialMs: 100, maximumMs: 300, jitterMs: 'full' } as const;
    expect([1, 2, 3].map(exponentialBackoff({ ...options, random: () => 0 }))).toEqual([0, 0, 0]);
    expect([1, 2, 3].map(exponentialBackoff({ ...options, random: () => 0.5 }))).toEqual([50, 100, 150]);
  });

  test('jitter larger than the delay does not make it negative', () => {
    expect(exponentialBackoff({ initialMs: 10, jitterMs: 200, random: () => 0 })(1)).toBe(0);
  });

  test('is random without being told to be', () => {
    const backoff = exponentialBackoff();
    const delays = Array.from({ length: 20 }, () => backoff(1));
    expect(new Set(delays).size).toBeGreaterThan(1);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(800);
    expect(Math.max(...delays)).toBeLessThanOrEqual(1200);
  });

  test('a longer initial delay lifts the default maximum', () => {
    expect(exponentialBackoff({ initialMs: 60_000, jitterMs: 0 })(3)).toBe(60_000);
  });

  test.each([
    { initialMs: 0 },
    { initialMs: -1 },
    { initialMs: Number.NaN },
    { maximumMs: Number.POSITIVE_INFINITY },
    { initialMs: 1000, maximumMs: 500 },
    { jitterMs: -1 },
    { jitterMs: 'half' },
    { minMs: 1 },
  ])('refuses %j', (options) => {
    expect(() => exponentialBackoff(options as object)).toThrow(invalid);
  });
});

describe('constantBackoff (S-047)', () => {
  test('is the same every time', () => {
    expect([1, 2, 100].map(constantBackoff(250))).toEqual([250, 250, 250]);
    expect(constantBackoff(0)(1)).toBe(0);
  });

  test('refuses what is not a delay', () => {
    expect(() => constantBackoff(-1)).toThrow(invalid);
    expect(() => constantBackoff(Number.NaN)).toThrow(invalid);
  });
});
