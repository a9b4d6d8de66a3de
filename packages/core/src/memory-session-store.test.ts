// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';

import type { SessionOperation } from './api/store.ts';
import { MemorySessionStore } from './memory-session-store.ts';

const put = (key: string, ...bytes: number[]): SessionOperation => ({
  type: 'put',
  key,
  value: Uint8Array.from(bytes),
});
const content = (store: MemorySessionStore) =>
  Object.fromEntries([...store.load()].map(([key, value]) => [key, [...value]]));

describe('MemorySessionStore', () => {
  test('is empty at first (C-01), keeps what is put (C-02) and replaces (C-03)', () => {
    const store = new MemorySessionStore();
    expect(content(store)).toEqual({});
    store.commit([put('a', 1), put('b', 2)]);
    store.commit([put('a', 3)]);
    expect(content(store)).toEqual({ a: [3], b: [2] });
  });

  test('deleting is final, and repeating it is success (C-05)', () => {
    const store = new MemorySessionStore();
    store.commit([put('a', 1), { type: 'delete', key: 'a' }, { type: 'delete', key: 'a' }]);
    expect(content(store)).toEqual({});
  });

  test('copies bytes in and out (C-07)', () => {
    const store = new MemorySessionStore();
    const values = [Uint8Array.of(1), Buffer.of(1)];
    store.commit(values.map((value, index) => ({ type: 'put', key: String(index), value })));
    for (const value of values) value[0] = 9;
    for (const [, loaded] of store.load()) loaded[0] = 9;
    expect(content(store)).toEqual({ 0: [1], 1: [1] });
  });

  test('load is what was there at that moment', () => {
    const store = new MemorySessionStore();
    store.commit([put('a', 1)]);
    const loaded = store.load();
    store.commit([put('b', 2)]);
    expect([...loaded]).toHaveLength(1);
  });

  test('a batch with something wrong in it changes nothing', () => {
    const store = new MemorySessionStore();
    store.commit([put('a', 1)]);
    const wrong: unknown[] = [
      { type: 'put', key: 'b', value: 'text' },
      { type: 'put', key: 5 },
      { type: 'reset', key: 'a' },
    ];
    for (const operation of wrong) {
      const operations = [put('c', 1), { type: 'delete', key: 'a' } as const, operation as SessionOperation];
      expect(() => store.commit(operations)).toThrow(expect.objectContaining({ code: 'STORE_FAILED' }));
    }
    expect(content(store)).toEqual({ a: [1] });
  });

  test('a closed store fails, and may be closed again (C-11)', () => {
    const store = new MemorySessionStore();
    store.close();
    store.close();
    expect(() => store.load()).toThrow(expect.objectContaining({ code: 'STORE_FAILED' }));
    expect(() => store.commit([])).toThrow(expect.objectContaining({ code: 'STORE_FAILED' }));
  });
});

test('a Buffer is copied too, though its slice() is a view', () => {
  const store = new MemorySessionStore();
  const value = Buffer.from([1]);
  store.commit([{ type: 'put', key: 'a', value }]);
  value[0] = 2;
  expect([...store.load()]).toEqual([['a', new Uint8Array([1])]]);
});
