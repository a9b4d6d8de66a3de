// SPDX-License-Identifier: Apache-2.0
//
// A gateway on a disk that fills up: publishes numbered messages through a durable queue and a durable session, one after the
// other, whatever becomes of them, and connects again whenever its store has stopped it. Says on stdout what was accepted
// (`+ID`), what was refused and why (`-ID CODE`), and what stopped the client (`!CODE`). At `stop` on stdin it publishes no
// more, waits until the queue is empty, and says `done`.
//
// `full` and `free` on stdin: the disk has no room, or has it again, where no real one can be filled.
//
// node gateway.ts DIRECTORY BROKER RUN

import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { Client, constantBackoff, isMqttError, QueuePublisher, StoreError } from '@mqttv5/core';
import type { PublisherQueue, SessionStore } from '@mqttv5/core';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { SqliteSessionStore } from '@mqttv5/store-sqlite';
import { say } from '@mqttv5/support/say';

const [directory = '', broker = '', run = ''] = process.argv.slice(2);
const codeOf = (error: unknown): string => (isMqttError(error) ? error.code : `not an MqttError: ${String(error)}`);

let full = false;
let stopping = false;
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'stop') stopping = true;
  else full = line === 'full';
});

function requireRoom(): void {
  if (full) throw new StoreError('ENOSPC: no space left on device');
}

const file = SqliteSessionStore.open({
  path: join(directory, 'session.db'),
  synchronous: 'normal',
  clientId: 'gateway',
});
const store: SessionStore = {
  load: () => file.load(),
  commit: (operations) => {
    requireRoom();
    file.commit(operations);
  },
  close: () => file.close(),
};

const log = await FilePublisherQueue.open({ directory: join(directory, 'queue'), segmentBytes: 16 * 1024 });
const queue: PublisherQueue = {
  id: log.id,
  get size() {
    return log.size;
  },
  enqueue: async (entry, limit) => {
    requireRoom();
    return await log.enqueue(entry, limit);
  },
  peek: async (sequence, count) => await log.peek(sequence, count),
  markDead: async (sequence, reason) => {
    requireRoom();
    await log.markDead(sequence, reason);
  },
  remove: async (sequence) => {
    requireRoom();
    await log.remove(sequence);
  },
  close: async () => await log.close(),
};

const client = new Client({
  brokers: broker,
  clientId: 'gateway',
  store,
  reconnect: constantBackoff(10),
  retryInitialConnect: true,
});
client.on('close', ({ error }) => {
  if (error === undefined) return;
  say(`!${error.code}`);
  void connect();
});
client.on('storeError', () => {
  // `close` says so.
});

let connecting = false;

/** A store that still fails stops the client again: not at once, and one attempt at a time. */
async function connect(): Promise<void> {
  if (connecting) return;
  connecting = true;
  while (client.state === 'idle' || client.state === 'closed') {
    try {
      await client.connect();
    } catch (error) {
      if (codeOf(error) !== 'STORE_FAILED') say(`!${codeOf(error)}`);
      await delay(10);
    }
  }
  connecting = false;
}

const publisher = new QueuePublisher(client, queue, { window: 8, retryBackoff: constantBackoff(10) });
void connect();
say('open');
for (let number = 0; !stopping; number++) {
  const id = `${run}-${number}`;
  try {
    await publisher.publish('accepted', id.padEnd(200), { id, qos: number % 2 === 0 ? 2 : 1 });
    say(`+${id}`);
  } catch (error) {
    say(`-${id} ${codeOf(error)}`);
    await delay(2);
  }
  await turn();
}
await publisher.flush();
say('done');
await publisher.close();
await client.disconnect();
await queue.close();
await store.close();
process.exit();
