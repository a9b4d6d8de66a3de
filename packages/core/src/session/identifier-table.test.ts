// SPDX-License-Identifier: Apache-2.0

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IdentifierTable } from './identifier-table.ts';

const identifier = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constantFrom(63, 64, 65, 127, 128, 65_534, 65_535));

test('a table holds what a Map holds, whatever is set and deleted', () => {
  const step = fc.record({ identifier, value: fc.option(fc.integer(), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const table = new IdentifierTable<number>();
      const model = new Map<number, number>();
      for (const { identifier: at, value } of steps) {
        if (value === undefined) {
          table.delete(at);
          model.delete(at);
        } else {
          table.set(at, value);
          model.set(at, value);
        }
        expect(table.get(at)).toBe(model.get(at));
        expect(table.size).toBe(model.size);
      }
      expect([...table.entries()]).toEqual([...model].toSorted(([a], [b]) => a - b));
    }),
    { numRuns: 200 },
  );
});

test('entries may be deleted while they are listed', () => {
  const table = new IdentifierTable<string>();
  for (let at = 1; at <= 300; at += 1) table.set(at, `of ${at}`);
  const seen: number[] = [];
  for (const [at] of table.entries()) {
    seen.push(at);
    table.delete(at);
    table.delete(at + 1);
  }
  expect(seen).toEqual(Array.from({ length: 150 }, (_, i) => 2 * i + 1));
  expect(table.size).toBe(0);
});

test('all 65,535 identifiers can be in use', () => {
  const table = new IdentifierTable<number>();
  for (let at = 65_535; at >= 1; at -= 1) table.set(at, at);
  expect(table.size).toBe(65_535);
  expect([table.get(0), table.get(1), table.get(65_535)]).toEqual([undefined, 1, 65_535]);
});
