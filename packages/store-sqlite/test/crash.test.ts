// SPDX-License-Identifier: Apache-2.0
//
// What is left when the process, or the power, goes away: real files, real processes, SIGKILL.

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { SqliteSessionStore } from '@mqttv5/store-sqlite';
import { describe, expect, test } from 'vitest';
import { Child } from '@mqttv5/support/child';
import { batchOf, lastBatchOf } from './numbered-batches.ts';
import { temporaryDirectory, temporaryDirectoryInMemory } from '@mqttv5/support/temporary-directory';

/** Times a process is killed under each setting; more with MQTTV5_KILLS. */
const KILLS = Number(process.env['MQTTV5_KILLS'] ?? 8);
const PROGRAM = new URL('commit-forever.ts', import.meta.url);
/** §4.2 of the SQLite file format: what stands before the frames of a log, and before the page of each frame. */
const LOG_HEADER = 32;
const FRAME_HEADER = 24;

function contentsOf(path: string): number {
  const store = SqliteSessionStore.open({ path });
  try {
    return lastBatchOf(store.load());
  } finally {
    store.close();
  }
}

describe.each(['full', 'normal'] as const)('a process killed between commits, synchronous: %s', (synchronous) => {
  test(`${KILLS} times: every commit that had returned is there, and nothing of half a batch`, {
    timeout: 60_000 + KILLS * 1_000,
  }, async () => {
    const path = join(temporaryDirectory(), 'session.db');
    let committed = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const child = Child.run(PROGRAM, path, synchronous);
      expect(await child.line(), child.errors).toBe('open');
      // A different place each time: between two batches, or in the middle of whatever the child did meanwhile.
      for (let batch = 0; batch <= (kill * 7) % 23; batch++) committed = Number(await child.line());
      await child.kill();
      for (const line of await child.rest()) committed = Number(line);
      expect(contentsOf(path)).toBeGreaterThanOrEqual(committed);
    }
    expect(committed).toBeGreaterThanOrEqual(KILLS);
  });

  test('in the middle of a transaction: the batch has not happened', async () => {
    const path = join(temporaryDirectory(), 'session.db');
    const child = Child.run(PROGRAM, path, synchronous, '5');
    expect(await child.rest()).toEqual(['open', '1', '2', '3', '4']);
    expect(await child.ended()).toBe('SIGKILL');
    expect(contentsOf(path)).toBe(4);
  });
});

describe('the lock of another process', () => {
  test('is LOCKED here while it lives, and gone when it is killed', async () => {
    const path = join(temporaryDirectory(), 'session.db');
    const child = Child.run(PROGRAM, path, 'normal');
    expect(await child.line(), child.errors).toBe('open');
    expect(() => SqliteSessionStore.open({ path })).toThrow(expect.objectContaining({ code: 'LOCKED' }));
    await child.kill();
    expect(contentsOf(path)).toBeGreaterThanOrEqual(0);
  });

  test('ours is LOCKED there', async () => {
    const path = join(temporaryDirectory(), 'session.db');
    const store = SqliteSessionStore.open({ path });
    expect(await Child.run(PROGRAM, path, 'normal').rest()).toEqual(['LOCKED']);
    store.close();
  });
});

test.skipIf(process.platform === 'win32')('a disk that is full fails the commit and keeps what was there', async () => {
  const path = join(temporaryDirectory(), 'session.db');
  const child = Child.runOnSmallDisk(256, PROGRAM, path, 'full');
  const lines = await child.rest();
  expect(lines[0], child.errors).toBe('open');
  expect(lines.at(-1)).toBe('STORE_FAILED');
  expect(lines.length).toBeGreaterThan(3);
  expect(contentsOf(path)).toBe(Number(lines.at(-2)));
});

test('a log cut at any byte of its last frame opens with what was durable before it', { timeout: 120_000 }, () => {
  const directory = temporaryDirectoryInMemory();
  const original = join(directory, 'original.db');
  const store = SqliteSessionStore.open({ path: original, synchronous: 'normal' });
  const lengthOfLog = (): number => readFileSync(`${original}-wal`).length;
  // A log begins in room that it has; what is cut has to be behind that, where each commit makes it longer.
  let before = 0;
  for (const begun = lengthOfLog(); lengthOfLog() === begun; before++) store.commit(batchOf(before + 1));
  const lengths: number[] = [];
  for (let number = before + 1; number <= before + 6; number++) {
    store.commit(batchOf(number));
    lengths.push(lengthOfLog());
  }
  const database = join(directory, 'database');
  copyFileSync(original, database);
  const log = readFileSync(`${original}-wal`);
  store.close();
  const pageSize = readFileSync(database).readUInt16BE(16);
  expect((log.length - LOG_HEADER) % (pageSize + FRAME_HEADER)).toBe(0);

  const path = join(directory, 'cut.db');
  const start = lengths[4] ?? 0;
  for (let length = start; length <= log.length; length++) {
    copyFileSync(database, path);
    writeFileSync(`${path}-wal`, log.subarray(0, length));
    const durable = before + lengths.filter((end) => end <= length).length;
    expect(contentsOf(path), `cut at ${length} of ${log.length}`).toBe(durable);
  }
});
