// SPDX-License-Identifier: Apache-2.0
//
// A gateway without a connection, whose queue is full: says what has been accepted (`+ID`) and what had to go (`!ID`), until it
// is killed.
//
// node evicting.ts DIRECTORY RUN STEP TIMES

import { join } from 'node:path';
import process from 'node:process';
import { Client, QueuePublisher } from '@mqttv5/core';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { say } from '@mqttv5/support/say';
import { EVICTING_STEPS, Fate, fatefulQueue } from './steps.ts';

const [directory = '', run = '', step = '', times = '1'] = process.argv.slice(2);
const fate = new Fate(step, Number(times));

const queue = fatefulQueue(await FilePublisherQueue.open({ directory: join(directory, 'queue') }), fate);
const publisher = new QueuePublisher(new Client({ brokers: 'mqtt://127.0.0.1:1' }), queue, {
  maximumSize: 4,
  overflow: 'dropOldest',
  onDeadLetter: (entry) => {
    say(`!${entry.id}`);
    fate.reached(EVICTING_STEPS[1]);
  },
});
for (let number = 0; ; number += 1) {
  // None of the refused ones.
  const id = `${run}-${number * 10}`;
  await publisher.publish('accepted', id, { id, qos: 2 });
  say(`+${id}`);
}
