// SPDX-License-Identifier: Apache-2.0
//
// What durability costs end to end: QoS 1 messages per second to a sink in a process of its own, 64 in flight, over a memory
// session, over SQLite, and through a queue before it. One process each, one after the other.
//
//   node --conditions=@mqttv5/source benchmarks/src/durable.ts [DIRECTORY]

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Client, MemoryPublisherQueue, MemorySessionStore, QueuePublisher } from '@mqttv5/core';
import type { PublisherQueue, SessionStore } from '@mqttv5/core';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { SqliteSessionStore } from '@mqttv5/store-sqlite';

const ROUND_MS = 2000;
const IN_FLIGHT = 64;
const PAYLOAD = new Uint8Array(256);
const parent = process.argv[2] ?? tmpdir();

interface Outcome {
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
}

async function inFlight(send: () => Promise<unknown>, count: number): Promise<Outcome> {
  let done = 0;
  const start = performance.now();
  const cpu = process.cpuUsage();
  const loop = async (): Promise<void> => {
    while (performance.now() - start < ROUND_MS) {
      await send();
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: count }, loop));
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: (done / (performance.now() - start)) * 1000, cpuMicroseconds: (user + system) / done };
}

const directory = mkdtempSync(join(parent, 'mqttv5-durable-'));
const sink = fork(fileURLToPath(new URL('sink.ts', import.meta.url)), { execArgv: ['--conditions=@mqttv5/source'] });
const [{ port }] = (await once(sink, 'message')) as [{ port: number }];
let number = 0;

async function direct(store: SessionStore | undefined): Promise<Outcome> {
  const client = new Client({ brokers: `mqtt://127.0.0.1:${port}`, clientId: `c${number++}`, store });
  await client.connect();
  const outcome = await inFlight(() => client.publish('gateway/7/meter', PAYLOAD, { qos: 1 }), IN_FLIGHT);
  await client.disconnect();
  await store?.close();
  return outcome;
}

async function queued(queue: PublisherQueue, store: SessionStore | undefined, producers: number): Promise<Outcome> {
  const client = new Client({ brokers: `mqtt://127.0.0.1:${port}`, clientId: `c${number++}`, store });
  await client.connect();
  const publisher = new QueuePublisher(client, queue, { window: IN_FLIGHT });
  const outcome = await inFlight(async () => {
    const message = await publisher.publish('gateway/7/meter', PAYLOAD);
    await message.delivered();
  }, producers);
  await publisher.close();
  await client.disconnect();
  await queue.close();
  await store?.close();
  return outcome;
}

const sqlite = (synchronous: 'full' | 'normal'): SessionStore =>
  SqliteSessionStore.open({ path: join(directory, `${number++}.db`), synchronous });
const file = async (sync: 'group' | 'always' | 'none'): Promise<PublisherQueue> =>
  await FilePublisherQueue.open({ directory: join(directory, `queue-${number++}`), sync });
const show = (name: string, { perSecond, cpuMicroseconds }: Outcome): void =>
  console.log(
    `${name.padEnd(52)}${Math.round(perSecond).toLocaleString('en').padStart(10)} msg/s${cpuMicroseconds.toFixed(1).padStart(9)} µs CPU`,
  );

try {
  console.log(
    `Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${parent}, QoS 1, ${PAYLOAD.length} bytes\n`,
  );
  show('publish, no store', await direct(undefined));
  show('publish, MemorySessionStore', await direct(new MemorySessionStore()));
  show('publish, SqliteSessionStore normal', await direct(sqlite('normal')));
  show('publish, SqliteSessionStore full', await direct(sqlite('full')));
  show('queue in memory, no store, 64 producers', await queued(new MemoryPublisherQueue(), undefined, 64));
  for (const sync of ['group', 'always', 'none'] as const)
    for (const producers of [1, 64]) {
      const plural = producers === 1 ? '' : 's';
      show(
        `queue-file ${sync}, SQLite normal, ${producers} producer${plural}`,
        await queued(await file(sync), sqlite('normal'), producers),
      );
    }
} finally {
  sink.send({ end: true });
  rmSync(directory, { recursive: true, force: true });
}
