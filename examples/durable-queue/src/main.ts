// SPDX-License-Identifier: Apache-2.0
//
// A program that is killed while it publishes, started again, and loses nothing. This file is both: the parent watches what
// arrives and does the killing, the child publishes over a queue on disk with its session on disk.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, connect, QueuePublisher } from '@mqttv5/core';
import { check, example, exampleBroker } from '@mqttv5/example-shared';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { SqliteSessionStore } from '@mqttv5/store-sqlite';

const COUNT = 90;
const KILLED_AT = [30, 60];

const [role, url = '', topic = '', directory = '', from = '0'] = process.argv.slice(2);
if (role === 'publisher') await publisher();
else await parent();

async function publisher(): Promise<void> {
  const clientId = topic.replaceAll('/', '-');
  const store = SqliteSessionStore.open({ path: join(directory, 'session.db'), clientId });
  const queue = await FilePublisherQueue.open({ directory: join(directory, 'outbox') });
  const client = new Client({ brokers: url, clientId, store });
  // `idempotencyKey` tells receivers a repeat: at QoS 1 there can be one when a kill falls between a PUBLISH and its PUBACK.
  const outbox = new QueuePublisher(client, queue, { idempotencyKey: true });
  const connecting = client.connect();

  for (let number = Number(from); number < COUNT; number += 1) {
    // Resolves when it is on disk. Repeating it with its own `id` after a kill is harmless.
    await outbox.publish(topic, String(number), { qos: 1, id: `${topic}-${number}` });
    process.send?.(number); // only now the next one may be asked for
  }
  await connecting;
  await outbox.flush();
  // What you open you close.
  await outbox.close();
  await client.disconnect();
  await queue.close();
  store.close();
  process.disconnect();
}

async function parent(): Promise<void> {
  const prefix = example('durable-queue');
  const broker = await exampleBroker();
  const place = mkdtempSync(join(tmpdir(), 'mqttv5-example-'));
  const client = await connect(broker.url);
  const arrived = new Set<string>();
  let repeats = 0;
  let whenAll: (() => void) | undefined;
  await client.subscribeCallback(
    `${prefix}/readings`,
    (message) => {
      const key = message.userProperty('mqttv5-msg-id') ?? '';
      if (arrived.has(key)) repeats += 1;
      arrived.add(key);
      if (arrived.size === COUNT) whenAll?.();
    },
    { qos: 1 },
  );
  const all = new Promise<void>((resolve) => {
    whenAll = resolve;
  });

  let accepted = -1;
  const start = (): ChildProcess => {
    const args = ['publisher', broker.url, `${prefix}/readings`, place, String(accepted + 1)];
    const child = fork(import.meta.filename, args);
    child.on('message', (number) => {
      accepted = Number(number);
      if (KILLED_AT.includes(accepted)) child.kill('SIGKILL');
    });
    return child;
  };

  for (let run = 1; run <= KILLED_AT.length + 1; run += 1) {
    const child = start();
    // 'close' and not 'exit': by then every message of the child has come.
    const [code, signal] = (await once(child, 'close')) as [code: number | null, signal: string | null];
    console.log(`run ${run} ended with ${signal ?? code}: ${accepted + 1} accepted, ${arrived.size} arrived`);
    check(run <= KILLED_AT.length ? signal === 'SIGKILL' : code === 0, 'killed twice, then done');
  }
  await all;
  console.log(`${arrived.size} of ${COUNT} arrived, lost 0, repeated ${repeats}`);
  check(arrived.size === COUNT, 'nothing was lost');

  await client.disconnect();
  await broker.close();
  rmSync(place, { recursive: true });
}
