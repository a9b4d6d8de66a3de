// SPDX-License-Identifier: Apache-2.0
//
// What does it cost that nothing is lost: a client with a store, a durable queue in front of it, and each alone? On the disk of
// this machine, in one process beside the sink.
//
//   pnpm bench persistence              in the folder for temporary files
//   pnpm bench persistence DIRECTORY

import { Buffer } from 'node:buffer';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { Client, MemoryPublisherQueue, MemorySessionStore, QueuePublisher } from '@mqttv5/core';
import type { PublisherQueue, SessionStore } from '@mqttv5/core';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { SqliteSessionStore } from '@mqttv5/store-sqlite';
import mqtt from 'mqtt';
import { Manager } from 'mqtt-jsonl-store';
import { median, report, whole } from './report.ts';

/** Messages that are queued ahead of the broker. */
const BACKLOG = 1000;
const ROUND_MS = 1500;
const ROUNDS = 3;
const PAYLOAD = new Uint8Array(256).fill(1);
const UNBOUNDED = { maximumSize: Number.POSITIVE_INFINITY, overflow: 'dropNewest', keep: new Set<number>() } as const;
const parent = process.argv[2] ?? tmpdir();

function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(parent, 'mqttv5-persistence-'));
  return work(directory).finally(() => rmSync(directory, { recursive: true, force: true }));
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

async function queueRate(open: Open<PublisherQueue>, producers: number): Promise<number> {
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

type Open<T> = (directory: string) => T | Promise<T>;

/** QoS 1 exchanges per second over a client: in each round all contenders once, since the machine is not always as fast. */
async function clientRates(stores: readonly Open<SessionStore | undefined>[], inFlight: number): Promise<number[]> {
  return await interleaved(stores, async (open, directory) => {
    const store = await open(directory);
    const client = new Client({
      brokers: url,
      clientId: 'bench',
      sessionExpiryInterval: 3600,
      ...(store && { store }),
    });
    await client.connect();
    const perSecond = await rate(inFlight, async () => await client.publish('bench/topic', PAYLOAD, { qos: 1 }));
    await client.disconnect();
    await store?.close();
    return perSecond;
  });
}

/** The same for MQTT.js, in memory and with the one file-backed store that is kept up: it writes JSON lines, later and unsynced. */
async function rivalRates(kinds: readonly ('memory' | 'file')[], inFlight: number): Promise<number[]> {
  return await interleaved(kinds, async (kind, directory) => {
    const files = kind === 'file' ? new Manager(directory) : undefined;
    const stores = await files?.open();
    const client = await mqtt.connectAsync(url, {
      protocolVersion: 5,
      clientId: 'bench',
      ...(stores && { incomingStore: stores.incoming, outgoingStore: stores.outgoing }),
    });
    const payload = Buffer.from(PAYLOAD);
    const perSecond = await rate(inFlight, async () => await client.publishAsync('bench/topic', payload, { qos: 1 }));
    await client.endAsync();
    return perSecond;
  });
}

/** Messages per second through queue, session and broker: from `publish` until the broker has the last one. */
async function queuedRates(queues: readonly Open<PublisherQueue>[], producers: number): Promise<number[]> {
  return await interleaved(queues, async (open, directory) => {
    const queue = await open(directory);
    const client = new Client({ brokers: url, clientId: 'bench' });
    await client.connect();
    const publisher = new QueuePublisher(client, queue, { window: 64 });
    const start = performance.now();
    let done = 0;
    const backlog: Promise<void>[] = [];
    await rate(producers, async () => {
      const queued = await publisher.publish('bench/topic', PAYLOAD);
      backlog[done % BACKLOG] = queued.delivered().then(() => undefined);
      done += 1;
      // Whoever queues faster than the broker takes waits for it.
      await backlog[done % BACKLOG];
    });
    await Promise.all(backlog);
    const perSecond = done / ((performance.now() - start) / 1000);
    await publisher.close();
    await client.disconnect();
    await queue.close();
    return perSecond;
  });
}

async function interleaved<T>(
  contenders: readonly T[],
  run: (contender: T, directory: string) => Promise<number>,
): Promise<number[]> {
  const results = contenders.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++)
    for (const [index, contender] of contenders.entries())
      results[index]?.push(await inDirectory(async (directory) => await run(contender, directory)));
  return results.map(median);
}

const SYNC_MODES = ['group', 'always', 'none'] as const;
const LEVELS = ['full', 'normal'] as const;

const sink = fork(join(import.meta.dirname, 'sink.ts'));
const [{ port }] = (await once(sink, 'message')) as [{ port: number }];
const url = `mqtt://127.0.0.1:${port}`;
const lines: string[] = [];

const stores: readonly Open<SessionStore | undefined>[] = [
  () => undefined,
  () => new MemorySessionStore(),
  ...LEVELS.map(
    (synchronous) => (directory: string) =>
      SqliteSessionStore.open({ path: join(directory, 'session.db'), synchronous }),
  ),
];
const storeNames = ['no store', 'MemorySessionStore', ...LEVELS.map((level) => `SqliteSessionStore, ${level}`)];
const oneByOne = await clientRates(stores, 1);
const inFlight = await clientRates(stores, 64);
lines.push('| QoS 1 exchanges per second, client with | one at a time | 64 in flight | of the memory store |');
lines.push('| --- | ---: | ---: | ---: |');
for (const [i, name] of storeNames.entries()) {
  const share = Math.round(((inFlight[i] ?? 0) / (inFlight[1] ?? 1)) * 100);
  lines.push(`| ${name} | ${whole(oneByOne[i] ?? 0)} | ${whole(inFlight[i] ?? 0)} | ${share} % |`);
}
const rivals = ['memory', 'file'] as const;
const rivalNames = ['MQTT.js, in memory', 'MQTT.js, mqtt-jsonl-store'];
const rivalOneByOne = await rivalRates(rivals, 1);
const rivalInFlight = await rivalRates(rivals, 64);
for (const [i, name] of rivalNames.entries()) {
  lines.push(`| ${name} | ${whole(rivalOneByOne[i] ?? 0)} | ${whole(rivalInFlight[i] ?? 0)} | |`);
}

const queues: readonly Open<PublisherQueue>[] = [
  () => new MemoryPublisherQueue(),
  ...SYNC_MODES.map((sync) => async (directory: string) => await FilePublisherQueue.open({ directory, sync })),
];
const queueNames = ['MemoryPublisherQueue', ...SYNC_MODES.map((sync) => `FilePublisherQueue, ${sync}`)];
const delivered1 = await queuedRates(queues, 1);
const delivered64 = await queuedRates(queues, 64);
lines.push('', '| messages per second through QueuePublisher | 1 producer | 64 producers |', '| --- | ---: | ---: |');
for (const [i, name] of queueNames.entries())
  lines.push(`| ${name} | ${whole(delivered1[i] ?? 0)} | ${whole(delivered64[i] ?? 0)} |`);
sink.send({ end: true });

lines.push('', '| the queue alone: enqueue per second | 1 producer | 64 producers |', '| --- | ---: | ---: |');
for (const [i, name] of queueNames.entries()) {
  const open = queues[i];
  if (open) lines.push(`| ${name} | ${whole(await queueRate(open, 1))} | ${whole(await queueRate(open, 64))} |`);
}
lines.push('', '| the store alone: commits per second | 1 put and delete | 64 of each |', '| --- | ---: | ---: |');
for (const level of LEVELS) {
  const cells = [`SqliteSessionStore, ${level}`, whole(await storeRate(level, 1)), whole(await storeRate(level, 64))];
  lines.push(`| ${cells.join(' | ')} |`);
}
const [queueMs, storeMs] = await recoveryMs(100_000);
lines.push('', '| 100,000 pending | open, ms |', '| --- | ---: |');
lines.push(`| FilePublisherQueue | ${queueMs.toFixed(0)} |`, `| SqliteSessionStore | ${storeMs.toFixed(0)} |`);
const notes = [`${PAYLOAD.length} B payload; median of ${ROUNDS} interleaved rounds of ${ROUND_MS / 1000} s.`];
report('persistence', 'What durability costs', notes, lines);
