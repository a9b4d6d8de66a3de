// SPDX-License-Identifier: Apache-2.0
//
// How fast the queue and the store keep what they are given, on the disk of this machine. One process, median of three rounds.
//
//   node --conditions=@mqttv5/source benchmarks/src/persistence.ts [DIRECTORY]

import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { MemoryPublisherQueue } from '@mqttv5/core';
import type { PublisherQueue } from '@mqttv5/core';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { SqliteSessionStore } from '@mqttv5/store-sqlite';

const ROUND_MS = 1500;
const ROUNDS = 3;
const PAYLOAD = new Uint8Array(256).fill(1);
const UNBOUNDED = { maximumSize: Number.POSITIVE_INFINITY, overflow: 'dropNewest', keep: new Set<number>() } as const;
const parent = process.argv[2] ?? tmpdir();

function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(parent, 'mqttv5-persistence-'));
  return work(directory).finally(() => rmSync(directory, { recursive: true, force: true }));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function entry(id: string) {
  return {
    id,
    topic: 'gateway/7/meter',
    payload: PAYLOAD,
    options: { qos: 1 as const },
    enqueuedAt: 0,
    expiresAt: undefined,
  };
}

/** Per second: `producers` loops that call `operation` one after the other. */
async function rate(producers: number, operation: (number: number) => unknown): Promise<number> {
  let done = 0;
  const start = performance.now();
  const loop = async (): Promise<void> => {
    while (performance.now() - start < ROUND_MS) {
      await operation(done);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: producers }, loop));
  return done / ((performance.now() - start) / 1000);
}

async function queueRate(
  open: (directory: string) => PublisherQueue | Promise<PublisherQueue>,
  producers: number,
): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++)
    rounds.push(
      await inDirectory(async (directory) => {
        const queue = await open(directory);
        let next = 0;
        const perSecond = await rate(producers, async () => await queue.enqueue(entry(`id-${next++}`), UNBOUNDED));
        await queue.close();
        return perSecond;
      }),
    );
  return median(rounds);
}

async function storeRate(synchronous: 'full' | 'normal', recordsPerCommit: number): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++)
    rounds.push(
      await inDirectory(async (directory) => {
        const store = SqliteSessionStore.open({ path: join(directory, 'session.db'), synchronous });
        const perSecond = await rate(1, (number) => {
          // As a QoS 1 exchange: a record comes, and an old one goes.
          const operations = Array.from({ length: recordsPerCommit }, (_, index) => [
            { type: 'put' as const, key: `o/${(number * recordsPerCommit + index) % 65_535}`, value: PAYLOAD },
            { type: 'delete' as const, key: `o/${(number * recordsPerCommit + index + 32_768) % 65_535}` },
          ]).flat();
          store.commit(operations);
        });
        store.close();
        return perSecond;
      }),
    );
  return median(rounds);
}

async function recoveryMs(pending: number): Promise<readonly [queue: number, store: number]> {
  return await inDirectory(async (directory) => {
    const options = { directory: join(directory, 'queue'), sync: 'none' } as const;
    const queue = await FilePublisherQueue.open(options);
    for (let from = 0; from < pending; from += 1000)
      await Promise.all(
        Array.from({ length: 1000 }, async (_, index) => await queue.enqueue(entry(`id-${from + index}`), UNBOUNDED)),
      );
    await queue.close();
    const beforeQueue = performance.now();
    const reopened = await FilePublisherQueue.open(options);
    const queueMs = performance.now() - beforeQueue;
    await reopened.close();

    const path = join(directory, 'session.db');
    const store = SqliteSessionStore.open({ path, synchronous: 'normal' });
    for (let from = 0; from < pending; from += 1000)
      store.commit(
        Array.from({ length: 1000 }, (_, index) => ({ type: 'put', key: `o/${from + index}`, value: PAYLOAD })),
      );
    store.close();
    const beforeStore = performance.now();
    const again = SqliteSessionStore.open({ path, synchronous: 'normal' });
    const { length } = [...again.load()];
    const storeMs = performance.now() - beforeStore;
    again.close();
    if (length !== pending) throw new RangeError(`${length} records instead of ${pending}`);
    return [queueMs, storeMs];
  });
}

const row = (name: string, ...values: readonly string[]): void =>
  console.log([name.padEnd(34), ...values.map((value) => value.padStart(12))].join(''));
const perSecond = (value: number): string => Math.round(value).toLocaleString('en');

console.log(
  `Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${parent}, payload of ${PAYLOAD.length} bytes\n`,
);
row('enqueue per second', '1 producer', '64 producers');
for (const sync of ['group', 'always', 'none'] as const) {
  const open = async (directory: string) => await FilePublisherQueue.open({ directory, sync });
  row(`FilePublisherQueue, ${sync}`, perSecond(await queueRate(open, 1)), perSecond(await queueRate(open, 64)));
}
const inMemory = () => new MemoryPublisherQueue();
row('MemoryPublisherQueue', perSecond(await queueRate(inMemory, 1)), perSecond(await queueRate(inMemory, 64)));
console.log();
row('commits per second', '1 put+delete', '64 each');
for (const synchronous of ['full', 'normal'] as const)
  row(
    `SqliteSessionStore, ${synchronous}`,
    perSecond(await storeRate(synchronous, 1)),
    perSecond(await storeRate(synchronous, 64)),
  );
console.log();
const [queueMs, storeMs] = await recoveryMs(100_000);
row('100,000 pending, open in ms', 'queue', 'store');
row('', queueMs.toFixed(0), storeMs.toFixed(0));
