// SPDX-License-Identifier: Apache-2.0
//
// A whole gateway (client, SQLite session, file queue) whose files a disk has damaged between two lives. What cannot be read is
// set aside and reported, once; everything else arrives, at QoS 2 exactly once.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, constantBackoff, QueuePublisher } from '@mqttv5/core';
import type { ClientOptions } from '@mqttv5/core';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import type { QueueDamage } from '@mqttv5/queue-file';
import { SqliteSessionStore } from '@mqttv5/store-sqlite';
import { temporaryDirectory } from '@mqttv5/support/temporary-directory';
import { expect, onTestFinished, test } from 'vitest';
import { Receiver } from './receiver.ts';

const WINDOW = 4;
const MESSAGES = Array.from({ length: 10 }, (_, number) => `message-${number}`);

/** Even numbers go out at QoS 2. */
function qosOf(message: string): 1 | 2 {
  return Number(message.split('-')[1]) % 2 === 0 ? 2 : 1;
}

interface Gateway {
  readonly client: Client;
  readonly publisher: QueuePublisher;
  readonly queue: FilePublisherQueue;
  readonly damage: readonly QueueDamage[];
  readonly storeErrors: readonly string[];
  stop(): Promise<void>;
}

async function start(directory: string, brokers: string, options: Partial<ClientOptions> = {}): Promise<Gateway> {
  const damage: QueueDamage[] = [];
  const storeErrors: string[] = [];
  const store = SqliteSessionStore.open({ path: join(directory, 'session.db'), clientId: 'gateway' });
  const queue = await FilePublisherQueue.open({
    directory: join(directory, 'queue'),
    onDamage: (each) => damage.push(each),
  });
  const client = new Client({ brokers, clientId: 'gateway', store, disconnectTimeoutMs: 50, ...options });
  client.on('storeError', ({ message }) => storeErrors.push(message));
  const publisher = new QueuePublisher(client, queue, { window: WINDOW, retryBackoff: constantBackoff(10) });
  const stop = async (): Promise<void> => {
    await client.disconnect();
    await publisher.close();
    await queue.close();
    store.close();
  };
  onTestFinished(stop);
  return { client, publisher, queue, damage, storeErrors, stop };
}

/** A life that ends with everything in the queue, and the first four messages with the broker, unanswered. */
async function firstLife(directory: string, receiver: Receiver): Promise<void> {
  receiver.silent = true;
  const { client, publisher, stop } = await start(directory, receiver.url);
  await client.connect();
  for (const message of MESSAGES) await publisher.publish('accepted', message, { qos: qosOf(message) });
  await receiver.has(WINDOW);
  await stop();
  receiver.silent = false;
}

/** Flips a bit wherever `text` stands in the file. */
function damageIn(path: string, text: string): void {
  const bytes = readFileSync(path);
  let found = 0;
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1), found++)
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  expect(found, `${text} in ${path}`).toBeGreaterThan(0);
  writeFileSync(path, bytes);
}

function segmentOf(directory: string): string {
  const queue = join(directory, 'queue');
  const [name = ''] = readdirSync(queue).filter((each) => each.endsWith('.log'));
  return join(queue, name);
}

function keysIn(directory: string): readonly string[] {
  const store = SqliteSessionStore.open({ path: join(directory, 'session.db') });
  const keys = [...store.load()].map(([key]) => key);
  store.close();
  return keys.toSorted();
}

test('damaged records of session and queue are set aside and reported once, and the rest arrives', async () => {
  const directory = temporaryDirectory();
  const receiver = await Receiver.start();
  await firstLife(directory, receiver);
  // In flight, its exchange unreadable; in flight, its entry unreadable; not in flight, its entry unreadable.
  damageIn(join(directory, 'session.db'), 'message-1');
  damageIn(segmentOf(directory), 'message-2');
  damageIn(segmentOf(directory), 'message-7');

  const second = await start(directory, receiver.url);
  const { sessionPresent } = await second.client.connect();
  expect(sessionPresent).toBe(true);
  await second.publisher.flush();
  expect([...receiver.received.keys()].toSorted()).toEqual(MESSAGES.filter((message) => message !== 'message-7'));
  const twice = [...receiver.received].filter(([message, times]) => times > 1 && qosOf(message) === 2);
  expect(twice).toEqual([]);
  expect(second.storeErrors).toEqual([expect.stringContaining('o/2')]);
  expect(second.damage.map(({ kind }) => kind)).toEqual(['record', 'record']);
  for (const { savedAs = '' } of second.damage) expect(existsSync(join(directory, 'queue', savedAs))).toBe(true);
  await second.stop();
  expect(keysIn(directory)).toEqual(['damaged/o/2', 'meta']);

  const third = await start(directory, receiver.url);
  await third.client.connect();
  await third.publisher.publish('accepted', 'message-10', { qos: 2 });
  await third.publisher.flush();
  expect(receiver.received.get('message-10')).toBe(1);
  expect([third.storeErrors, third.damage]).toEqual([[], []]);
});

test('of a session that nobody can tell whose it was, everything is carried over', async () => {
  const directory = temporaryDirectory();
  const receiver = await Receiver.start();
  await firstLife(directory, receiver);
  damageIn(join(directory, 'session.db'), '"clientId"');

  const second = await start(directory, receiver.url);
  const { sessionPresent } = await second.client.connect();
  expect(sessionPresent).toBe(false);
  await second.publisher.flush();
  expect([...receiver.received.keys()].toSorted()).toEqual(MESSAGES);
  expect(second.storeErrors).toEqual([expect.stringContaining('meta')]);
  await second.stop();
  expect(keysIn(directory)).toEqual(['meta']);
});

test('a log whose end the power has cut off in the middle of an entry: what was confirmed before arrives', async () => {
  const directory = temporaryDirectory();
  const receiver = await Receiver.start();
  await firstLife(directory, receiver);
  const log = readFileSync(segmentOf(directory));
  // Into the last message, and everything behind it.
  writeFileSync(segmentOf(directory), log.subarray(0, log.indexOf('message-9') + 4));

  const second = await start(directory, receiver.url);
  await second.client.connect();
  await second.publisher.flush();
  expect([...receiver.received.keys()].toSorted()).toEqual(MESSAGES.slice(0, -1));
  expect([...receiver.received].filter(([message, times]) => times > 1 && qosOf(message) === 2)).toEqual([]);
  expect(second.damage.map(({ kind }) => kind)).toEqual(['tornTail']);
});
