// SPDX-License-Identifier: Apache-2.0
//
// A durable gateway as a program, on the built packages: goes on with what an earlier run has left in its files, accepts
// messages through a queue in a file and through a session in SQLite, says `+ID` for each and `accepted` behind the last. Then it
// does what END says: `wait` to be killed, `exit` without closing anything, or `finish`, which says `done` when nothing is left.
//
// runtime durable.ts BROKER DIRECTORY RUN END

import { join } from 'node:path';
import process from 'node:process';
import { Client, constantBackoff, isMqttError, QueuePublisher } from '@mqttv5/core';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { SqliteSessionStore } from '@mqttv5/store-sqlite';

const [broker = '', directory = '', run = '', end = ''] = process.argv.slice(2);
const MESSAGES = 12;

try {
  await main();
} catch (error) {
  console.log(`FAILED ${isMqttError(error) ? `${error.code} ${error.message}` : String(error)}`);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const store = SqliteSessionStore.open({ path: join(directory, 'session.db'), clientId: 'gateway' });
  const queue = await FilePublisherQueue.open({ directory: join(directory, 'queue') });
  const client = new Client({ brokers: broker, clientId: 'gateway', store, reconnect: constantBackoff(10) });
  const publisher = new QueuePublisher(client, queue, { window: 4, retryBackoff: constantBackoff(10) });
  const inbox = client.declare('inbox', { qos: 2 });
  const { sessionPresent } = await client.connect();
  await inbox.ready();
  console.log(`session present ${sessionPresent}`);

  for (let number = 0; number < MESSAGES; number++) {
    const qos = number % 2 === 0 ? 1 : 2;
    const id = `${run}-queued-${number}-qos${qos}`;
    await publisher.publish('accepted', id, { id, qos });
    console.log(`+${id}`);
  }
  const direct = ([1, 2] as const).map(async (qos) => {
    const id = `${run}-direct-qos${qos}`;
    const published = client.publish('accepted', id, { qos });
    console.log(`+${id}`);
    await published;
  });
  // A commit of everything that was decided before, so that what was said above is in the files.
  await publisher.publish('accepted', `${run}-last-qos1`, { qos: 1 });
  console.log(`+${run}-last-qos1`);
  console.log('accepted');

  if (end === 'exit') process.exit(3);
  // Until it is killed.
  if (end === 'wait') await Promise.all(direct);
  const message = await inbox.receive({ signal: AbortSignal.timeout(10_000) });
  console.log(`inbox ${message?.text()}`);
  message?.ack();
  await publisher.flush();
  await publisher.close();
  await Promise.all(direct);
  await client.disconnect({ drainTimeoutMs: 10_000 });
  await queue.close();
  store.close();
  console.log('done');
}
