// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { Counters } from './stats.ts';

test('a snapshot has every counter and does not change with them', () => {
  const counters = new Counters();
  counters.bytesSent += 5;
  const before = counters.snapshot();
  counters.bytesSent += 5;
  expect(before.bytesSent).toBe(5);
  expect(counters.snapshot().bytesSent).toBe(10);
  expect(Object.keys(before)).toHaveLength(26);
  expect(Object.values(before).every((value) => typeof value === 'number')).toBe(true);
});
