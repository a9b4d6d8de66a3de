// SPDX-License-Identifier: Apache-2.0
//
// A gateway to be killed: publishes numbered messages through a durable queue and a durable session, and says on stdout what
// has been accepted (`+ID`) and what is a dead letter (`!ID`). With a count it publishes that many, waits until the queue is
// empty, and says `done`; without one it goes on for ever.
//
// node gateway.ts DIRECTORY BROKER RUN COUNT [STEP TIMES]

import { join } from 'node:path';
import process from 'node:process';
import { Client, constantBackoff, QueuePublisher } from '@mqttv5/core';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { SqliteSessionStore } from '@mqttv5/store-sqlite';
import { say } from '@mqttv5/support/say';
import { isRefused, qosOf } from './numbers.ts';
import { tcp } from './tcp.ts';
import { Fate, fatefulDial, fatefulQueue, fatefulStore } from './steps.ts';

const [directory = '', broker = '', run = '', count = '0', step = '', times = '1'] = process.argv.slice(2);
const fate = new Fate(step, Number(times));

const path = join(directory, 'session.db');
const store = fatefulStore(SqliteSessionStore.open({ path, synchronous: 'normal', clientId: 'gateway' }), fate);
const queue = fatefulQueue(await FilePublisherQueue.open({ directory: join(directory, 'queue') }), fate);
const client = new Client({
  brokers: broker,
  clientId: 'gateway',
  store,
  dial: fatefulDial(tcp(), fate),
  reconnect: constantBackoff(10),
  retryInitialConnect: true,
});
const publisher = new QueuePublisher(client, queue, {
  window: 8,
  retryBackoff: constantBackoff(10),
  onDeadLetter: (entry) => {
    say(`!${entry.id}`);
    fate.reached('dead letter given');
  },
});

await client.connect();
say('open');
const last = Number(count);
for (let number = 0; last === 0 || number < last; number++) {
  const id = `${run}-${number}`;
  const topic = isRefused(id) ? 'refused' : 'accepted';
  const publishing = publisher.publish(topic, id, { id, qos: qosOf(id) }).then(() => say(`+${id}`));
  if (number % 4 === 3) await publishing;
}
await publisher.flush();
say('done');
await publisher.close();
await client.disconnect();
await queue.close();
await store.close();
