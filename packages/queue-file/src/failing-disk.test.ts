// SPDX-License-Identifier: Apache-2.0
//
// What the disk refuses: a file layer whose next write, sync or creation fails when the test says so.

import type { Buffer } from 'node:buffer';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { QueueEntry } from '@mqttv5/core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryDirectory } from '@mqttv5/support/temporary-directory';
import { FilePublisherQueue } from './file-publisher-queue.ts';
import { LogDirectory } from './log-directory.ts';
import type { LogFile } from './log-directory.ts';
import { planOpen } from './open-options.ts';

type Call = 'write' | 'sync' | 'truncate' | 'create' | 'read';

const unbounded = { maximumSize: Number.POSITIVE_INFINITY, overflow: 'dropNewest', keep: new Set<number>() } as const;
const full = (): Error => Object.assign(new RangeError('ENOSPC: no space left on device'), { code: 'ENOSPC' });

function entry(id: string, bytes: number = 100): Omit<QueueEntry, 'sequence' | 'dead'> {
  return { id, topic: 't', payload: new Uint8Array(bytes), options: {}, enqueuedAt: 0, expiresAt: undefined };
}

class FailingDirectory extends LogDirectory {
  readonly failing = new Set<Call>();
  readonly calls: Call[] = [];

  override read(name: string, position: number, length: number): Buffer {
    if (this.failing.has('read')) throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
    return super.read(name, position, length);
  }

  override async open(name: string): Promise<LogFile> {
    return this.#wrap(await super.open(name));
  }

  override async create(name: string, content: Uint8Array, sync: boolean): Promise<LogFile> {
    this.#call('create');
    return this.#wrap(await super.create(name, content, sync));
  }

  #wrap(file: LogFile): LogFile {
    return {
      write: async (bytes, position) => {
        // Half of it arrives, as when the disk fills up in the middle.
        if (this.failing.has('write')) await file.write(bytes.subarray(0, bytes.length >> 1), position);
        this.#call('write');
        await file.write(bytes, position);
      },
      sync: async () => {
        this.#call('sync');
        await file.sync();
      },
      truncate: async (size) => {
        this.#call('truncate');
        await file.truncate(size);
      },
      close: async () => await file.close(),
    };
  }

  #call(call: Call): void {
    this.calls.push(call);
    if (this.failing.has(call)) throw full();
  }
}

async function openFailing(sync: 'group' | 'always' | 'none' = 'group', segmentBytes?: number) {
  const directory = new FailingDirectory(temporaryDirectory());
  const queue = await FilePublisherQueue.openIn(directory, planOpen({ directory: directory.path, sync, segmentBytes }));
  onTestFinished(async () => await queue.close());
  return { directory, queue };
}

async function idsAfterReopening({ path }: LogDirectory, queue: FilePublisherQueue): Promise<readonly string[]> {
  await queue.close();
  const reopened = await FilePublisherQueue.open({ directory: path });
  const ids = (await reopened.peek(0, 1000)).map(({ id }) => id);
  expect(reopened.damaged).toEqual([]);
  await reopened.close();
  return ids;
}

test('a write that fails rejects with a StoreError, changes nothing, and the next one goes on', async () => {
  const { directory, queue } = await openFailing();
  await queue.enqueue(entry('a'), unbounded);
  directory.failing.add('write');
  await expect(queue.enqueue(entry('b'), unbounded)).rejects.toMatchObject({
    code: 'STORE_FAILED',
    cause: expect.objectContaining({ code: 'ENOSPC' }),
  });
  expect(queue.size).toBe(1);
  expect((await queue.peek(0, 10)).map(({ id }) => id)).toEqual(['a']);
  directory.failing.clear();
  expect((await queue.enqueue(entry('b'), unbounded)).existed).toBe(false);
  expect(await idsAfterReopening(directory, queue)).toEqual(['a', 'b']);
});

test('a write that fails takes back an eviction, a death and a removal of its batch too', async () => {
  const { directory, queue } = await openFailing();
  const { entry: a } = await queue.enqueue(entry('a'), unbounded);
  const { entry: b } = await queue.enqueue(entry('b'), unbounded);
  directory.failing.add('write');
  const calls = await Promise.allSettled([
    queue.enqueue(entry('c'), { maximumSize: 2, overflow: 'dropOldest', keep: new Set() }),
    queue.markDead(b.sequence, 'MESSAGE_EXPIRED'),
    queue.remove(a.sequence),
  ]);
  expect(calls.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(await queue.peek(0, 10)).toEqual([a, b]);
  expect(queue.size).toBe(2);
});

test('a sequence of a failed enqueue is not used again', async () => {
  const { directory, queue } = await openFailing();
  const { entry: a } = await queue.enqueue(entry('a'), unbounded);
  directory.failing.add('write');
  await expect(queue.enqueue(entry('b'), unbounded)).rejects.toThrow();
  directory.failing.clear();
  const { entry: c } = await queue.enqueue(entry('c'), unbounded);
  expect(c.sequence).toBe(a.sequence + 2);
});

test('after a sync that failed nothing is written any more, since nobody knows what the disk holds', async () => {
  const { directory, queue } = await openFailing();
  const { entry: a } = await queue.enqueue(entry('a'), unbounded);
  directory.failing.add('sync');
  await expect(queue.enqueue(entry('b'), unbounded)).rejects.toMatchObject({ code: 'STORE_FAILED' });
  directory.failing.clear();
  await expect(queue.enqueue(entry('c'), unbounded)).rejects.toThrow(/must be opened anew/);
  await expect(queue.remove(a.sequence)).rejects.toMatchObject({ code: 'STORE_FAILED' });
  expect((await queue.peek(0, 10)).map(({ id }) => id)).toEqual(['a']);
  expect(await idsAfterReopening(directory, queue)).toEqual(['a']);
});

test('a write that fails and cannot be taken back stops the queue', async () => {
  const { directory, queue } = await openFailing();
  await queue.enqueue(entry('a'), unbounded);
  directory.failing.add('write').add('truncate');
  await expect(queue.enqueue(entry('b'), unbounded)).rejects.toMatchObject({ code: 'STORE_FAILED' });
  directory.failing.clear();
  await expect(queue.enqueue(entry('c'), unbounded)).rejects.toThrow(/must be opened anew/);
});

test('a disk that does not even delete keeps no lock: the queue closes, and can be opened again', async () => {
  class StubbornDirectory extends FailingDirectory {
    override async remove(name: string): Promise<void> {
      await Promise.reject(Object.assign(new Error(`EIO: i/o error, unlink ${name}`), { code: 'EIO' }));
    }
  }
  const directory = new StubbornDirectory(temporaryDirectory());
  const queue = await FilePublisherQueue.openIn(directory, planOpen({ directory: directory.path }));
  const { entry: a } = await queue.enqueue(entry('a'), unbounded);
  // Nor can the reserve be given up then.
  directory.failing.add('write');
  await expect(queue.remove(a.sequence)).rejects.toMatchObject({ code: 'STORE_FAILED' });
  directory.failing.clear();
  expect(await idsAfterReopening(directory, queue)).toEqual(['a']);
});

describe('a full disk', () => {
  /** Nothing can be written until the reserve has gone, and the reserve cannot be made again until there is room. */
  class FullDirectory extends FailingDirectory {
    isFull = false;

    override async create(name: string, content: Uint8Array, sync: boolean): Promise<LogFile> {
      if (this.isFull) throw full();
      return await super.create(name, content, sync);
    }

    override async remove(name: string, sync: boolean): Promise<void> {
      if (name === 'reserve') this.failing.delete('write');
      await super.remove(name, sync);
    }

    fill(): void {
      this.isFull = true;
      this.failing.add('write');
    }
  }

  async function openFull() {
    const directory = new FullDirectory(temporaryDirectory());
    const plan = planOpen({ directory: directory.path });
    const queue = await FilePublisherQueue.openIn(directory, plan);
    onTestFinished(async () => await queue.close());
    const { entry: a } = await queue.enqueue(entry('a'), unbounded);
    const { entry: b } = await queue.enqueue(entry('b'), unbounded);
    directory.fill();
    return { directory, queue, a, b };
  }

  test('entries leave and die from the reserve, new ones are refused until it is whole again', async () => {
    const { directory, queue, a, b } = await openFull();
    const [c, removed, died] = await Promise.allSettled([
      queue.enqueue(entry('c'), unbounded),
      queue.remove(a.sequence),
      queue.markDead(b.sequence, 'MESSAGE_EXPIRED'),
    ]);
    expect(c).toMatchObject({ status: 'rejected', reason: { code: 'STORE_FAILED' } });
    expect([removed.status, died.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(existsSync(join(directory.path, 'reserve'))).toBe(false);
    // There is room for it, and it is not an entry's to take.
    await expect(queue.enqueue(entry('c'), unbounded)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect((await queue.enqueue(entry('b'), unbounded)).existed).toBe(true);
    directory.isFull = false;
    await queue.enqueue(entry('c'), unbounded);
    expect(statSync(join(directory.path, 'reserve')).size).toBe(1024 * 1024);
    expect((await queue.peek(0, 10)).map(({ id, dead }) => [id, dead])).toEqual([
      ['b', 'MESSAGE_EXPIRED'],
      ['c', undefined],
    ]);
    expect(await idsAfterReopening(directory, queue)).toEqual(['b', 'c']);
  });

  test('a new entry alone is refused, and the reserve kept', async () => {
    const { directory, queue } = await openFull();
    await expect(queue.enqueue(entry('c'), unbounded)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(existsSync(join(directory.path, 'reserve'))).toBe(true);
  });
});

test('a read that fails is a StoreError for whoever needs it, and changes nothing', async () => {
  const { directory, queue } = await openFailing();
  const { entry: a } = await queue.enqueue(entry('a'), unbounded);
  directory.failing.add('read');
  const refusal = { code: 'STORE_FAILED', cause: expect.objectContaining({ code: 'EIO' }) };
  await expect(queue.peek(0, 1)).rejects.toMatchObject(refusal);
  await expect(queue.enqueue(entry('a'), unbounded)).rejects.toMatchObject(refusal);
  const evicting = { maximumSize: 1, overflow: 'dropOldest', keep: new Set<number>() } as const;
  await expect(queue.enqueue(entry('b'), evicting)).rejects.toMatchObject(refusal);
  directory.failing.clear();
  expect(await queue.peek(0, 10)).toEqual([a]);
  expect(await idsAfterReopening(directory, queue)).toEqual(['a']);
});

test('without a new segment the old one grows on', async () => {
  const { directory, queue } = await openFailing('none', 4096);
  directory.failing.add('create');
  for (let index = 0; index < 100; index++) await queue.enqueue(entry(`id-${index}`), unbounded);
  expect(readFileSync(join(directory.path, 'segment-0000000000000001.log')).length).toBeGreaterThan(10_000);
  directory.failing.clear();
  expect(await idsAfterReopening(directory, queue)).toHaveLength(100);
});

test('a compaction that fails is done later, and nothing is lost by it', async () => {
  const { directory, queue } = await openFailing('none', 4096);
  await queue.enqueue(entry('old'), unbounded);
  for (let index = 0; index < 300; index++) {
    // Synced appends are those of compaction here.
    if (index === 100) directory.failing.add('create');
    if (index === 200) directory.failing.clear();
    const { entry: one } = await queue.enqueue(entry(`id-${index}`), unbounded);
    await queue.remove(one.sequence);
  }
  await queue.enqueue(entry('new'), unbounded);
  expect(await idsAfterReopening(directory, queue)).toEqual(['old', 'new']);
});

test.each([
  ['group', 1],
  ['always', 8],
  ['none', 0],
] as const)('sync "%s": 8 calls at once take %d syncs', async (sync, syncs) => {
  const { directory, queue } = await openFailing(sync);
  directory.calls.length = 0;
  await Promise.all(Array.from({ length: 8 }, (_, index) => queue.enqueue(entry(`id-${index}`), unbounded)));
  expect(directory.calls.filter((call) => call === 'sync')).toHaveLength(syncs);
});

test('calls made while the disk is busy share the next sync', async () => {
  const { directory, queue } = await openFailing();
  directory.calls.length = 0;
  const first = queue.enqueue(entry('first'), unbounded);
  await Promise.resolve().then(() => {});
  const others = Array.from({ length: 8 }, (_, index) => queue.enqueue(entry(`id-${index}`), unbounded));
  await Promise.all([first, ...others]);
  expect(directory.calls.filter((call) => call === 'sync').length).toBeLessThanOrEqual(2);
});
