// SPDX-License-Identifier: Apache-2.0

import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { isMqttError } from '@mqttv5/core';
import type { QueueEntry } from '@mqttv5/core';
import { publisherQueueContract } from '@mqttv5/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryDirectory } from '@mqttv5/support/temporary-directory';
import { FilePublisherQueue } from './file-publisher-queue.ts';
import type { FilePublisherQueueOptions } from './open-options.ts';

const NOBODY = 65_534;
const unbounded = { maximumSize: Number.POSITIVE_INFINITY, overflow: 'dropNewest', keep: new Set<number>() } as const;

function entry(id: string, bytes: number = 3): Omit<QueueEntry, 'sequence' | 'dead'> {
  return {
    id,
    topic: `t/${id}`,
    payload: new Uint8Array(bytes).fill(7),
    options: { qos: 1 },
    enqueuedAt: 1.5,
    expiresAt: undefined,
  };
}

async function opened(
  directory: string,
  options: Omit<FilePublisherQueueOptions, 'directory'> = {},
): Promise<FilePublisherQueue> {
  const queue = await FilePublisherQueue.open({ directory, ...options });
  onTestFinished(async () => await queue.close());
  return queue;
}

async function codeOf(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
  } catch (error) {
    return isMqttError(error) ? error.code : `not an MqttError: ${String(error)}`;
  }
  return 'no error';
}

async function idsIn(queue: FilePublisherQueue): Promise<readonly string[]> {
  return (await queue.peek(0, 1_000_000)).map(({ id }) => id);
}

function logBytes(directory: string): number {
  const names = readdirSync(directory).filter((name) => name.endsWith('.log'));
  return names.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

describe.each([{ sync: 'group' }, { sync: 'always' }, { sync: 'none' }, { sync: 'none', segmentBytes: 4096 }] as const)(
  '%o',
  (options) => {
    let directory = '';
    const cases = publisherQueueContract(
      async () => await FilePublisherQueue.open({ directory: (directory = temporaryDirectory()), ...options }),
      { reopen: async () => await FilePublisherQueue.open({ directory, ...options }) },
    );
    test.each([...cases])('$name', async ({ run }) => {
      await expect(run()).resolves.toBeUndefined();
    });
  },
);

describe('the queue', () => {
  test('its id is 128 bits in hex (I-13)', async () => {
    expect((await opened(temporaryDirectory())).id).toMatch(/^[0-9a-f]{32}$/);
  });

  test('user properties given as a record come back as pairs', async () => {
    const queue = await opened(temporaryDirectory());
    const given = { ...entry('a'), options: { userProperties: { b: '2', a: '' } } };
    const { entry: stored } = await queue.enqueue(given, unbounded);
    expect(stored.options.userProperties).toEqual([
      ['b', '2'],
      ['a', ''],
    ]);
    expect(await queue.peek(0, 1)).toEqual([stored]);
  });

  test('a payload of 3 MiB and its small neighbours come back', async () => {
    const directory = temporaryDirectory();
    const queue = await opened(directory, { segmentBytes: 4096 });
    for (const [id, bytes] of [
      ['a', 1],
      ['b', 3 << 20],
      ['c', 1],
    ] as const)
      await queue.enqueue(entry(id, bytes), unbounded);
    await queue.close();
    const reopened = await opened(directory);
    expect((await reopened.peek(0, 3)).map(({ payload }) => payload.length)).toEqual([1, 3 << 20, 1]);
  });

  test('calls made before close are completed by it', async () => {
    const directory = temporaryDirectory();
    const queue = await opened(directory);
    const enqueued = [queue.enqueue(entry('a'), unbounded), queue.enqueue(entry('b'), unbounded)];
    await queue.close();
    expect((await Promise.all(enqueued)).map(({ existed }) => existed)).toEqual([false, false]);
    expect(await idsIn(await opened(directory))).toEqual(['a', 'b']);
  });

  test('closing twice, and disposing, is harmless', async () => {
    const queue = await opened(temporaryDirectory());
    await Promise.all([queue.close(), queue.close(), queue[Symbol.asyncDispose]()]);
    expect(await codeOf(() => queue.remove(1))).toBe('QUEUE_CLOSED');
  });

  test('opening, looking and closing changes nothing in the log (Q-10)', async () => {
    const directory = temporaryDirectory();
    const queue = await opened(directory);
    await queue.enqueue(entry('a'), unbounded);
    await queue.close();
    const [name = ''] = readdirSync(directory).filter((one) => one.endsWith('.log'));
    const before = readFileSync(join(directory, name));
    const reopened = await opened(directory);
    await reopened.peek(0, 10);
    expect(readFileSync(join(directory, name))).toEqual(before);
  });

  test('an id whose removal is under way is inserted anew, behind the removal', async () => {
    const queue = await opened(temporaryDirectory());
    const { entry: first } = await queue.enqueue(entry('a'), unbounded);
    const [, second] = await Promise.all([queue.remove(first.sequence), queue.enqueue(entry('a'), unbounded)]);
    expect(second.existed).toBe(false);
    expect(await queue.peek(0, 10)).toEqual([second.entry]);
  });
});

describe('200,000 messages', () => {
  const many = 200_000;

  test('asked for at once are taken in seconds, and can be read in one look', { timeout: 60_000 }, async () => {
    const queue = await opened(temporaryDirectory(), { sync: 'none' });
    const before = performance.now();
    await Promise.all(Array.from({ length: many }, (_, index) => queue.enqueue(entry(`${index}`), unbounded)));
    // A second or three; in time that grows with the square of the number it was 25.
    expect(performance.now() - before).toBeLessThan(15_000);
    expect(await queue.peek(0, Number.MAX_SAFE_INTEGER)).toHaveLength(many);
  });
});

describe('maximumBytes', () => {
  test('refuses with QUEUE_FULL what does not fit, and takes it once there is room', async () => {
    const queue = await opened(temporaryDirectory(), { maximumBytes: 3000 });
    const { entry: first } = await queue.enqueue(entry('a', 1000), unbounded);
    await queue.enqueue(entry('b', 1000), unbounded);
    expect(await codeOf(() => queue.enqueue(entry('c', 1000), unbounded))).toBe('QUEUE_FULL');
    expect(await idsIn(queue)).toEqual(['a', 'b']);
    await queue.remove(first.sequence);
    await queue.enqueue(entry('c', 1000), unbounded);
    expect(await idsIn(queue)).toEqual(['b', 'c']);
    expect(queue.bytes).toBeLessThanOrEqual(3000);
  });

  test('holds among calls that were not waited for', async () => {
    const queue = await opened(temporaryDirectory(), { maximumBytes: 10_000 });
    const calls = Array.from({ length: 30 }, (_, index) =>
      codeOf(() => queue.enqueue(entry(`id-${index}`, 1000), unbounded)),
    );
    const codes = await Promise.all(calls);
    expect(codes.filter((code) => code === 'no error')).toHaveLength(9);
    expect(codes.filter((code) => code === 'QUEUE_FULL')).toHaveLength(21);
    expect(queue.bytes).toBeLessThanOrEqual(10_000);
  });

  test('an eviction that makes no room in bytes is not made', async () => {
    const queue = await opened(temporaryDirectory(), { maximumBytes: 1500 });
    await queue.enqueue(entry('a', 1000), unbounded);
    const limit = { maximumSize: 1, overflow: 'dropOldest', keep: new Set<number>() } as const;
    expect(await codeOf(() => queue.enqueue(entry('b', 1000), limit))).toBe('QUEUE_FULL');
    expect(await queue.peek(0, 10)).toMatchObject([{ id: 'a', dead: undefined }]);
    expect(queue.size).toBe(1);
  });
});

describe('the lock', () => {
  test('a second open is LOCKED, until the first is closed', async () => {
    const directory = temporaryDirectory();
    const first = await opened(directory);
    expect(await codeOf(() => FilePublisherQueue.open({ directory }))).toBe('LOCKED');
    expect(await codeOf(() => FilePublisherQueue.open({ directory: join(directory, '.', 'x', '..') }))).toBe('LOCKED');
    await first.close();
    expect(await codeOf(() => opened(directory))).toBe('no error');
  });

  test('of many opened at once one succeeds at most, and all others are LOCKED', async () => {
    const directory = temporaryDirectory();
    const codes = await Promise.all(Array.from({ length: 8 }, () => codeOf(() => opened(directory))));
    expect(codes.filter((code) => code === 'no error').length).toBeLessThanOrEqual(1);
    expect(codes.filter((code) => code !== 'no error' && code !== 'LOCKED')).toEqual([]);
  });

  test('a directory whose path is longer than any socket address can be locked too', async () => {
    const directory = join(temporaryDirectory(), 'd'.repeat(120));
    const first = await opened(directory);
    expect(await codeOf(() => FilePublisherQueue.open({ directory }))).toBe('LOCKED');
    await first.close();
    expect(await codeOf(() => opened(directory))).toBe('no error');
  });

  test('the directory holds plain files only, and can be copied while it is open', async () => {
    const directory = temporaryDirectory();
    const queue = await opened(directory);
    await queue.enqueue(entry('a'), unbounded);
    for (const name of readdirSync(directory))
      expect([name, statSync(join(directory, name)).isFile()]).toEqual([name, true]);
    const copy = join(temporaryDirectory(), 'copy');
    cpSync(directory, copy, { recursive: true });
    expect(await idsIn(await opened(copy))).toEqual(['a']);
  });

  test('whoever is succeeded in spite of the lock writes no more', async () => {
    const directory = temporaryDirectory();
    const queue = await opened(directory);
    await queue.enqueue(entry('a'), unbounded);
    const bytes = logBytes(directory);
    // As from a container that sees the directory and not the lock.
    rmSync(join(directory, 'owner'));
    writeFileSync(join(directory, 'owner'), 'another container');
    await expect(queue.enqueue(entry('b'), unbounded)).rejects.toThrow(/Another process has opened/);
    await expect(queue.remove(1)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await queue.close();
    expect(logBytes(directory)).toBe(bytes);
    expect(readFileSync(join(directory, 'owner'), 'utf8')).toBe('another container');
  });

  test('an open that fails leaves no lock behind', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'segment-0000000000000001.log'), newerVersion());
    expect(await codeOf(() => FilePublisherQueue.open({ directory }))).toBe('STORE_FAILED');
    expect(readdirSync(directory)).toEqual(['segment-0000000000000001.log']);
  });
});

describe('the files', () => {
  test.skipIf(process.platform === 'win32')('only the owner reads them, and the directory made for them', async () => {
    const directory = join(temporaryDirectory(), 'made', 'for it');
    const queue = await opened(directory);
    await queue.enqueue(entry('a'), unbounded);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    const logs = readdirSync(directory).filter((name) => name.endsWith('.log'));
    expect(logs.map((name) => statSync(join(directory, name)).mode & 0o777)).toEqual([0o600]);
  });

  test('a drained queue gives its space back at once', async () => {
    const directory = temporaryDirectory();
    const queue = await opened(directory, { sync: 'none', segmentBytes: 65_536 });
    const entries = await Promise.all(
      Array.from({ length: 1000 }, (_, index) => queue.enqueue(entry(`id-${index}`, 500), unbounded)),
    );
    expect(logBytes(directory)).toBeGreaterThan(500_000);
    await Promise.all(entries.map((one) => queue.remove(one.entry.sequence)));
    await queue.enqueue(entry('last'), unbounded);
    expect(logBytes(directory)).toBeLessThan(2 * 65_536);
    expect(await idsIn(queue)).toEqual(['last']);
  });

  test('one old entry does not hold back what came after it: the log is compacted', async () => {
    const directory = temporaryDirectory();
    const options = { sync: 'none', segmentBytes: 16_384 } as const;
    const queue = await opened(directory, options);
    await queue.enqueue(entry('old'), unbounded);
    const { entry: doomed } = await queue.enqueue(entry('dead'), unbounded);
    await queue.markDead(doomed.sequence, 'PUBLISH_REFUSED');
    for (let index = 0; index < 1000; index++) {
      const { entry: one } = await queue.enqueue(entry(`id-${index}`, 500), unbounded);
      if (index % 100 !== 0) await queue.remove(one.sequence);
      expect(logBytes(directory)).toBeLessThan(5 * 16_384 + 2 * queue.bytes);
    }
    const expected = ['old', 'dead', ...Array.from({ length: 10 }, (_, index) => `id-${index * 100}`)];
    expect(await idsIn(queue)).toEqual(expected);
    await queue.close();
    const reopened = await opened(directory, options);
    expect(await idsIn(reopened)).toEqual(expected);
    expect(await reopened.peek(doomed.sequence - 1, 1)).toMatchObject([{ id: 'dead', dead: 'PUBLISH_REFUSED' }]);
    expect(reopened.size).toBe(11);
    expect(reopened.damaged).toEqual([]);
  });

  test('a random life ends as a simple list does, whatever compaction and reopening did', {
    timeout: 30_000,
  }, async () => {
    const directory = temporaryDirectory();
    const options = { sync: 'none', segmentBytes: 4096 } as const;
    const model: { sequence: number; id: string; dead: string | undefined }[] = [];
    let random = 12345;
    const next = (below: number): number => (random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff) % below;
    let queue = await opened(directory, options);
    for (let step = 0; step < 3000; step++) {
      const chosen = model[next(model.length + 1)];
      const action = next(100);
      if (action < 48) {
        const { entry: one } = await queue.enqueue(entry(`id-${step}`, next(300)), unbounded);
        model.push({ sequence: one.sequence, id: one.id, dead: undefined });
      } else if (action < 94 && chosen !== undefined) {
        await queue.remove(chosen.sequence);
        model.splice(model.indexOf(chosen), 1);
      } else if (action < 98 && chosen !== undefined) {
        await queue.markDead(chosen.sequence, 'MESSAGE_EXPIRED');
        chosen.dead = 'MESSAGE_EXPIRED';
      } else if (action === 99) {
        await queue.close();
        queue = await opened(directory, options);
      }
      if (step % 50 !== 0) continue;
      const found = (await queue.peek(0, 10_000)).map(({ sequence, id, dead }) => ({ sequence, id, dead }));
      expect(found).toEqual(model);
      expect(queue.size).toBe(model.filter(({ dead }) => dead === undefined).length);
    }
    expect(queue.damaged).toEqual([]);
  });
});

describe('opening', () => {
  test('a segment of a newer version is a StoreError and stays as it is', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'segment-0000000000000001.log');
    writeFileSync(path, newerVersion());
    await expect(FilePublisherQueue.open({ directory })).rejects.toThrow(/format version 2/);
    expect(readFileSync(path)).toEqual(newerVersion());
  });

  test('a segment under another number than its own is a StoreError', async () => {
    const [a, b] = [temporaryDirectory(), temporaryDirectory()];
    for (const directory of [a, b]) await (await opened(directory)).close();
    writeFileSync(join(a, 'segment-0000000000000002.log'), readFileSync(join(b, 'segment-0000000000000001.log')));
    await expect(FilePublisherQueue.open({ directory: a })).rejects.toThrow(/renamed/);
  });

  test('a file in place of the directory is a StoreError', async () => {
    const directory = join(temporaryDirectory(), 'file');
    writeFileSync(directory, '');
    expect(await codeOf(() => FilePublisherQueue.open({ directory }))).toBe('STORE_FAILED');
  });

  test.skipIf(process.platform === 'win32')('a directory that may not be written is a StoreError', async () => {
    const parent = temporaryDirectory();
    const directory = join(parent, 'read-only');
    mkdirSync(directory, { mode: 0o500 });
    // Root may write everywhere, so for this it is somebody else.
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) {
      for (const path of [parent, directory]) chownSync(path, NOBODY, NOBODY);
      process.seteuid?.(NOBODY);
    }
    try {
      const opening = FilePublisherQueue.open({ directory });
      await expect(opening).rejects.toMatchObject({ code: 'STORE_FAILED', cause: { code: 'EACCES' } });
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  test('files that are not the queue’s are left alone, half-made segments of its own are not', async () => {
    const directory = temporaryDirectory();
    await (await opened(directory)).close();
    for (const name of ['notes.txt', 'segment-1.log', 'segment-0000000000000002.log.tmp'])
      writeFileSync(join(directory, name), 'x');
    await opened(directory);
    expect(existsSync(join(directory, 'notes.txt'))).toBe(true);
    expect(existsSync(join(directory, 'segment-1.log'))).toBe(true);
    expect(existsSync(join(directory, 'segment-0000000000000002.log.tmp'))).toBe(false);
  });

  test.each([
    [{}, /directory must name/],
    [{ directory: '' }, /directory must name/],
    [{ directory: 'a\0b' }, /U\+0000/],
    [{ directory: 'a', sync: 'full' }, /"group", "always" or "none", not "full"/],
    [{ directory: 'a', maximumBytes: 0 }, /maximumBytes must be a positive integer, not 0/],
    [{ directory: 'a', maximumBytes: 1.5 }, /maximumBytes/],
    [{ directory: 'a', segmentBytes: 100 }, /segmentBytes/],
    [{ directory: 'a', onDamage: true }, /onDamage must be a function/],
    [{ path: 'a' }, /"path".*options are directory, sync/],
    [{ directory: 'a', maxBytes: 1 }, /"maxBytes"/],
    [{ directory: 'a', synchronous: 'full' }, /"synchronous".*did you mean sync\?/],
    [undefined, /options object/],
  ])('%j is INVALID_OPTION', async (options, message) => {
    // What a program in JavaScript can pass.
    const open = () => FilePublisherQueue.open(options as unknown as FilePublisherQueueOptions);
    await expect(open()).rejects.toThrow(message);
    expect(await codeOf(open)).toBe('INVALID_OPTION');
  });
});

/** A header that begins as every version's does and says 2. */
function newerVersion(): Buffer {
  const bytes = Buffer.alloc(64);
  Buffer.from([0x8f, 0x4d, 0x51, 0x35, 0x51, 0x0d, 0x0a, 0x1a]).copy(bytes);
  bytes.writeUInt16LE(2, 8);
  return bytes;
}
