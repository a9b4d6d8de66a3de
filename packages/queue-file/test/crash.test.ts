// SPDX-License-Identifier: Apache-2.0
//
// What is left when the process, or the power, goes away: real files, real processes, SIGKILL, and logs cut or damaged at
// every byte.

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { QueueEntry } from '@mqttv5/core';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import type { QueueDamage } from '@mqttv5/queue-file';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Child } from '@mqttv5/support/child';
import { temporaryDirectory, temporaryDirectoryInMemory } from '@mqttv5/support/temporary-directory';

/** Times a process is killed under each setting; more with MQTTV5_KILLS. */
const KILLS = Number(process.env['MQTTV5_KILLS'] ?? 6);
const PROGRAM = new URL('enqueue-forever.ts', import.meta.url);
const SEGMENT = 'segment-0000000000000001.log';
const HEADER = 64;
const unbounded = { maximumSize: Number.POSITIVE_INFINITY, overflow: 'dropNewest', keep: new Set<number>() } as const;

function entry(id: string, bytes: number = 20): Omit<QueueEntry, 'sequence' | 'dead'> {
  return {
    id,
    topic: 't',
    payload: new Uint8Array(bytes).fill(7),
    options: { qos: 1 },
    enqueuedAt: 0,
    expiresAt: undefined,
  };
}

interface Found {
  readonly entries: readonly QueueEntry[];
  readonly damaged: readonly QueueDamage[];
  readonly next: number;
}

/** Opens, looks, takes one more sequence, closes. */
async function inspect(directory: string): Promise<Found> {
  const queue = await FilePublisherQueue.open({ directory, sync: 'none', onDamage: () => {} });
  try {
    const entries = await queue.peek(0, 1_000_000);
    const { entry: probe } = await queue.enqueue(entry('probe', 0), unbounded);
    await queue.remove(probe.sequence);
    return { entries, damaged: queue.damaged, next: probe.sequence };
  } finally {
    await queue.close();
  }
}

/** What a child has confirmed, over all of its lives. */
class Confirmed {
  readonly #present = new Map<number, string>();
  readonly #removed = new Set<number>();
  highest = 0;

  read(line: string): void {
    const sequence = Number.parseInt(line.slice(1), 10);
    if (line.startsWith('-')) {
      this.#present.delete(sequence);
      this.#removed.add(sequence);
      return;
    }
    assert.match(line, /^\+\d+ /);
    assert.ok(!this.#present.has(sequence) && !this.#removed.has(sequence), `sequence ${sequence} given out twice`);
    this.highest = Math.max(this.highest, sequence);
    this.#present.set(sequence, line.split(' ')[1] ?? '');
  }

  assertIn({ entries, damaged, next }: Found): void {
    const found = new Map(entries.map(({ sequence, id }) => [sequence, id]));
    for (const [sequence, id] of this.#present) {
      // Its removal may have been written and not told of any more.
      if (Number(id.split('-')[2]) % 3 === 0 && !found.has(sequence)) continue;
      assert.equal(found.get(sequence), id, `entry ${sequence}`);
    }
    for (const sequence of found.keys()) assert.ok(!this.#removed.has(sequence), `removed entry ${sequence} is back`);
    assert.deepEqual(
      entries.map(({ sequence }) => sequence),
      [...found.keys()].toSorted((a, b) => a - b),
    );
    assert.deepEqual(
      damaged.filter(({ kind }) => kind !== 'tornTail'),
      [],
    );
    assert.ok(next > this.highest, `sequence ${next} after ${this.highest}`);
  }
}

describe.each([
  ['group', 1],
  ['group', 16],
  ['always', 4],
  ['none', 16],
] as const)('a process killed while it enqueues, sync: %s, producers: %d', (sync, producers) => {
  test(`${KILLS} times: what was confirmed is there, in order, and no sequence comes twice`, {
    timeout: 60_000 + KILLS * 1_000,
  }, async () => {
    const directory = temporaryDirectory();
    const confirmed = new Confirmed();
    for (let kill = 0; kill < KILLS; kill++) {
      const child = Child.run(PROGRAM, directory, sync, String(producers));
      expect(await child.line(), child.errors).toBe('open');
      for (let line = 0; line <= (kill * 37) % 101; line++) confirmed.read((await child.line()) ?? '');
      await child.kill();
      for (const line of await child.rest()) confirmed.read(line);
      const found = await inspect(directory);
      confirmed.assertIn(found);
      confirmed.highest = Math.max(confirmed.highest, found.next);
    }
  });
});

describe('the lock of another process', () => {
  test('is LOCKED here while it lives, and gone when it is killed', async () => {
    const directory = temporaryDirectory();
    const child = Child.run(PROGRAM, directory, 'none');
    expect(await child.line(), child.errors).toBe('open');
    await expect(FilePublisherQueue.open({ directory })).rejects.toMatchObject({ code: 'LOCKED' });
    await child.kill();
    await (await FilePublisherQueue.open({ directory })).close();
  });

  test.skipIf(process.platform === 'win32')('is LOCKED while its process is stopped', async () => {
    const directory = temporaryDirectory();
    const child = Child.run(PROGRAM, directory, 'none');
    expect(await child.line(), child.errors).toBe('open');
    child.stop();
    await expect(FilePublisherQueue.open({ directory })).rejects.toMatchObject({ code: 'LOCKED' });
  });

  test('ours is LOCKED there', async () => {
    const directory = temporaryDirectory();
    const queue = await FilePublisherQueue.open({ directory });
    expect(await Child.run(PROGRAM, directory, 'none').rest()).toEqual(['LOCKED']);
    await queue.close();
  });
});

test.skipIf(process.platform === 'win32')(
  'a disk that is full fails the enqueue and keeps what was there',
  async () => {
    const directory = temporaryDirectory();
    // Files of 8 KiB at most, segments of 16.
    const child = Child.runOnSmallDisk(8, PROGRAM, directory, 'group');
    const lines = await child.rest();
    expect(lines[0], child.errors).toBe('open');
    expect(lines.at(-1)).toBe('STORE_FAILED');
    const confirmed = new Confirmed();
    for (const line of lines.slice(1, -1)) confirmed.read(line);
    confirmed.assertIn(await inspect(directory));
    expect(confirmed.highest).toBeGreaterThan(10);
  },
);

test.skipIf(process.platform === 'win32')('a queue opens on a full disk, and what is in it can be read', async () => {
  const directory = temporaryDirectory();
  const queue = await FilePublisherQueue.open({ directory });
  await queue.enqueue(entry('a'), unbounded);
  await queue.close();
  // No file may have a byte more.
  const child = Child.runOnSmallDisk(0, PROGRAM, directory, 'group');
  expect(await child.rest(), child.errors).toEqual(['open', 'STORE_FAILED']);
  expect((await inspect(directory)).entries.map(({ id }) => id)).toEqual(['a']);
});

describe('a log that was cut', () => {
  test('at any byte of its last records opens with what was durable before, and the rest is a torn tail', {
    timeout: 60_000,
  }, async () => {
    const { log, ends, ids } = await sampleLog();
    const directory = temporaryDirectoryInMemory();
    for (let length = ends[3] ?? 0; length < log.length; length++) {
      const found = await inspectBytes(directory, log.subarray(0, length));
      const durable = ends.filter((end) => end <= length).length;
      expect(
        found.entries.map(({ id }) => id),
        `cut at ${length} of ${log.length}`,
      ).toEqual(ids.slice(0, durable));
      const start = ends[durable - 1] ?? HEADER;
      const torn = length === start ? [] : [{ kind: 'tornTail', file: SEGMENT, offset: start, length: length - start }];
      expect(found.damaged).toEqual(torn);
    }
  });

  test('a cut tail is reported once', async () => {
    const { log } = await sampleLog();
    const directory = temporaryDirectoryInMemory();
    expect((await inspectBytes(directory, log.subarray(0, log.length - 1))).damaged).toHaveLength(1);
    expect((await inspect(directory)).damaged).toEqual([]);
  });

  test('inside the header of its only segment is set aside, and the queue starts anew', async () => {
    const { log } = await sampleLog();
    for (const length of [0, 1, 8, 32, 63]) {
      const directory = temporaryDirectoryInMemory();
      const found = await inspectBytes(directory, log.subarray(0, length));
      expect(found.entries).toEqual([]);
      expect(found.damaged).toMatchObject([{ kind: 'header', offset: 0, length }]);
    }
  });
});

describe('a log that was damaged', () => {
  test('at any byte loses the records that stood there, sets them aside once, and loads the rest', {
    timeout: 120_000,
  }, async () => {
    const { log, ends, ids } = await sampleLog();
    const directory = temporaryDirectoryInMemory();
    const starts = [HEADER, ...ends];
    for (let at = HEADER; at < (ends[3] ?? 0); at++) {
      const bytes = Buffer.from(log);
      bytes[at] = (bytes[at] ?? 0) ^ 0x41;
      const found = await inspectBytes(directory, bytes);
      const hit = ends.findIndex((end) => at < end);
      const start = starts[hit] ?? 0;
      const end = starts[hit + 1] ?? 0;
      expect(
        found.entries.map(({ id }) => id),
        `byte ${at}`,
      ).toEqual(ids.toSpliced(hit, 1));
      const savedAs = `damaged-0000000000000001-${start}.bin`;
      expect(found.damaged, `byte ${at}`).toEqual([
        { kind: 'record', file: SEGMENT, offset: start, length: end - start, savedAs },
      ]);
      expect(readFileSync(join(directory, savedAs))).toEqual(bytes.subarray(start, end));
      expect((await inspect(directory)).damaged, 'reported again').toEqual([]);
    }
  });

  test('in its header still gives every entry, and the same id', { timeout: 60_000 }, async () => {
    const { log, ids } = await sampleLog();
    const directory = temporaryDirectoryInMemory();
    // Not the version (8, 9), which may be a newer one's, and not the id (16 to 31), without which no record is right.
    for (const at of [0, 7, 10, 12, 32, 40, 47, 48, 60, 63]) {
      const bytes = Buffer.from(log);
      bytes[at] = (bytes[at] ?? 0) ^ 0x41;
      const found = await inspectBytes(directory, bytes);
      expect(
        found.entries.map(({ id }) => id),
        `byte ${at}`,
      ).toEqual(ids);
      expect(found.damaged).toMatchObject([{ kind: 'header', offset: 0, length: 64 }]);
    }
  });

  test('in the id of one of several headers takes the id from the others', async () => {
    const directory = temporaryDirectoryInMemory();
    const queue = await FilePublisherQueue.open({ directory, sync: 'none', segmentBytes: 4096 });
    for (let index = 0; index < 50; index++) await queue.enqueue(entry(`id-${index}`, 300), unbounded);
    const { id } = queue;
    await queue.close();
    const bytes = readFileSync(join(directory, SEGMENT));
    bytes.fill(0xee, 16, 32);
    writeFileSync(join(directory, SEGMENT), bytes);
    const reopened = await FilePublisherQueue.open({ directory, sync: 'none', onDamage: () => {} });
    expect([reopened.id, reopened.size]).toEqual([id, 50]);
    await reopened.close();
  });

  test('by a missing segment loads the others and says so', async () => {
    const directory = temporaryDirectoryInMemory();
    const queue = await FilePublisherQueue.open({ directory, sync: 'none', segmentBytes: 4096 });
    for (let index = 0; index < 50; index++) await queue.enqueue(entry(`id-${index}`, 300), unbounded);
    await queue.close();
    rmSync(join(directory, 'segment-0000000000000002.log'));
    const found = await inspect(directory);
    expect(found.damaged).toEqual([{ kind: 'segment', file: 'segment-0000000000000002.log', offset: 0, length: 0 }]);
    expect(found.entries.length).toBeGreaterThan(30);
    expect(found.entries.length).toBeLessThan(50);
  });

  test('behind the back of an open queue: the entry is set aside when it is read, and the rest is given', async () => {
    const directory = temporaryDirectoryInMemory();
    let report: (damage: QueueDamage) => void = () => {};
    const reported = new Promise<QueueDamage>((resolve) => {
      report = resolve;
    });
    const queue = await FilePublisherQueue.open({ directory, onDamage: (damage) => report(damage) });
    onTestFinished(async () => await queue.close());
    for (const id of ['a', 'b', 'c']) await queue.enqueue(entry(id), unbounded);
    const bytes = readFileSync(join(directory, SEGMENT));
    const at = bytes.indexOf(Buffer.from('b'), HEADER + 100);
    bytes[at] = 0x78;
    writeFileSync(join(directory, SEGMENT), bytes);
    expect((await queue.peek(0, 2)).map(({ id }) => id)).toEqual(['a', 'c']);
    expect(queue.size).toBe(2);
    expect(await reported).toMatchObject({
      kind: 'record',
      file: SEGMENT,
      savedAs: expect.stringMatching(/^damaged-/),
    });
    await queue.enqueue(entry('b'), unbounded);
    await queue.close();
    const found = await inspect(directory);
    expect(found.entries.map(({ id }) => id)).toEqual(['a', 'c', 'b']);
  });

  test('without onDamage is a process warning, which a torn tail is not', async () => {
    const { log, ends } = await sampleLog();
    const warnings: (Error & { code?: string })[] = [];
    const listen = (warning: Error): void => void warnings.push(warning);
    process.on('warning', listen);
    onTestFinished(() => void process.off('warning', listen));
    const open = async (bytes: Uint8Array): Promise<void> => {
      const directory = temporaryDirectoryInMemory();
      writeFileSync(join(directory, SEGMENT), bytes);
      await (await FilePublisherQueue.open({ directory })).close();
    };
    await open(log.subarray(0, log.length - 1));
    const bytes = Buffer.from(log);
    bytes.writeUInt8(0xff, (ends[0] ?? 0) + 20);
    await open(bytes);
    await nextTurn();
    expect(warnings.map(({ code }) => code)).toEqual(['MQTTV5_QUEUE_DAMAGED']);
  });
});

test('a batch of which the disk has kept only the end is a torn tail, not damage', async () => {
  const directory = temporaryDirectoryInMemory();
  const queue = await FilePublisherQueue.open({ directory });
  await queue.enqueue(entry('before'), unbounded);
  const start = statSync(join(directory, SEGMENT)).size;
  await Promise.all(['a', 'b', 'c'].map((id) => queue.enqueue(entry(id), unbounded)));
  const log = readFileSync(join(directory, SEGMENT));
  await queue.close();
  log.fill(0, start, start + 40);
  const found = await inspectBytes(temporaryDirectoryInMemory(), log);
  expect(found.entries.map(({ id }) => id)).toEqual(['before', 'b', 'c']);
  expect(found.damaged).toMatchObject([{ kind: 'tornTail', offset: start }]);
});

test('bytes of a log, sent as a payload, are never taken for records', async () => {
  const { log, ends } = await sampleLog();
  const directory = temporaryDirectoryInMemory();
  const queue = await FilePublisherQueue.open({ directory });
  await queue.enqueue({ ...entry('carrier'), payload: Uint8Array.from(log) }, unbounded);
  await queue.enqueue(entry('next'), unbounded);
  await queue.close();
  const bytes = readFileSync(join(directory, SEGMENT));
  bytes[HEADER + 5] = 0; // The checksum of the carrier: recovery looks for the next record inside it.
  const found = await inspectBytes(temporaryDirectoryInMemory(), bytes);
  expect(found.entries.map(({ id }) => id)).toEqual(['next']);
  expect(ends.length).toBeGreaterThan(0);
});

test('every instant of a life on several segments opens with what was durable then', { timeout: 120_000 }, async () => {
  const directory = temporaryDirectoryInMemory();
  const queue = await FilePublisherQueue.open({ directory, segmentBytes: 4096 });
  const alive: string[] = [];
  let random = 99;
  const next = (below: number): number => (random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff) % below;
  for (let step = 0; step < 150; step++) {
    const id = `id-${step}`;
    const { entry: one } = await queue.enqueue(entry(id, next(600)), unbounded);
    alive.push(id);
    if (next(10) < 8) {
      await queue.remove(one.sequence);
      alive.pop();
    }
    // The directory as a killed process would leave it.
    const copy = temporaryDirectoryInMemory();
    for (const name of readdirSync(directory))
      if (name.startsWith('segment-')) copyFileSync(join(directory, name), join(copy, name));
    const found = await inspect(copy);
    expect(found.entries.map((other) => other.id)).toEqual(alive);
    expect(found.damaged).toEqual([]);
    rmSync(copy, { recursive: true });
  }
  await queue.close();
});

/** A log of one segment, and where its entries end. */
async function sampleLog(): Promise<{
  readonly log: Buffer;
  readonly ends: readonly number[];
  readonly ids: readonly string[];
}> {
  const directory = temporaryDirectoryInMemory();
  const queue = await FilePublisherQueue.open({ directory });
  const ids = ['one', 'two', 'three', 'four', 'five', 'six'];
  const ends: number[] = [];
  for (const id of ids) {
    await queue.enqueue(entry(id), unbounded);
    ends.push(statSync(join(directory, SEGMENT)).size);
  }
  const log = readFileSync(join(directory, SEGMENT));
  await queue.close();
  return { log, ends, ids };
}

async function inspectBytes(directory: string, bytes: Uint8Array): Promise<Found> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { mode: 0o700 });
  writeFileSync(join(directory, SEGMENT), bytes);
  return await inspect(directory);
}
