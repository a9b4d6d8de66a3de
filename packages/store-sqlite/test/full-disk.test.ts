// SPDX-License-Identifier: Apache-2.0
//
// A disk without a byte to spare.

import { join } from 'node:path';
import { SqliteSessionStore } from '@mqttv5/store-sqlite';
import { describe, expect, test } from 'vitest';
import { batchOf, lastBatchOf } from './numbered-batches.ts';
import { canMount, SmallDisk } from '@mqttv5/support/small-disk';

describe.skipIf(!canMount)('on a full disk', () => {
  test('a session of some kilobytes goes on, new or old: what its log holds is not needed for long', () => {
    const disk = new SmallDisk(2048);
    const path = join(disk.path, 'session.db');
    let number = 0;
    for (let life = 0; life < 2; life++) {
      const store = SqliteSessionStore.open({ path });
      expect(lastBatchOf(store.load())).toBe(number);
      disk.fill();
      for (let commits = 0; commits < 500; commits++) store.commit(batchOf((number += 1)));
      disk.free();
      store.close();
    }
  });

  test('what needs more room fails, changes nothing, and fits once there is room', () => {
    const disk = new SmallDisk(2048);
    const store = SqliteSessionStore.open({ path: join(disk.path, 'session.db') });
    store.commit(batchOf(1));
    disk.fill();
    const large = { type: 'put', key: 'large', value: new Uint8Array(800_000).fill(1) } as const;
    const refused = expect.objectContaining({
      code: 'STORE_FAILED',
      cause: expect.objectContaining({ code: 'SQLITE_FULL' }),
    });
    for (let attempt = 0; attempt < 3; attempt++) {
      expect(() => store.commit([...batchOf(2), large])).toThrow(refused);
      expect(() => store.commit([large])).toThrow(refused);
      expect(lastBatchOf(store.load())).toBe(1);
    }
    disk.free();
    store.commit([...batchOf(2), large]);
    expect([...store.load()].find(([key]) => key === 'large')?.[1]).toEqual(large.value);
    store.commit([{ type: 'delete', key: 'large' }]);
    expect(lastBatchOf(store.load())).toBe(2);
    store.close();
  });

  test('a new store is refused with a StoreError, and made once there is room', () => {
    const disk = new SmallDisk(256);
    disk.fill();
    const path = join(disk.path, 'deeper', 'session.db');
    expect(() => SqliteSessionStore.open({ path })).toThrow(expect.objectContaining({ code: 'STORE_FAILED' }));
    disk.free();
    const store = SqliteSessionStore.open({ path });
    store.commit(batchOf(1));
    expect(lastBatchOf(store.load())).toBe(1);
    store.close();
  });
});
