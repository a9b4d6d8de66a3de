// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { owned } from './owned-payload.ts';

test.each([0, 1, 1024, 1025, 100_000])('a copy of %d bytes does not change with the original', (length) => {
  const original = new Uint8Array(length).fill(1);
  const copy = owned(original);
  original.fill(2);
  expect(copy).toEqual(new Uint8Array(length).fill(1));
});

test.each([100, 5000])('a Buffer of %d bytes is copied too, though its slice() is a view', (length) => {
  const original = Buffer.alloc(length, 1);
  const copy = owned(original);
  original.fill(2);
  expect(copy.every((byte) => byte === 1)).toBe(true);
});

test('copies do not overlap, across slabs too', () => {
  const copies = Array.from({ length: 100 }, (_, index) => owned(new Uint8Array(500).fill(index)));
  expect(copies.every((copy, index) => copy.every((byte) => byte === index))).toBe(true);
});

test('a Buffer that is a view is copied as the view, not as what is beneath it', () => {
  expect(owned(new Uint8Array([1, 2, 3, 4]).subarray(1, 3))).toEqual(new Uint8Array([2, 3]));
});

test('a string becomes UTF-8', () => {
  expect(owned('é')).toEqual(new Uint8Array([0xc3, 0xa9]));
});
