// SPDX-License-Identifier: Apache-2.0
//
// A process to be killed: enqueues numbered entries, removes each third one, and writes to stdout what has been confirmed:
// `+SEQUENCE ID` or `-SEQUENCE`.
//
// node enqueue-forever.ts DIRECTORY SYNC [PRODUCERS]

import process from 'node:process';
import { isMqttError } from '@mqttv5/core';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { say } from '@mqttv5/support/say';

const [directory = '', sync, producers = '1'] = process.argv.slice(2);
const limit = { maximumSize: Number.POSITIVE_INFINITY, overflow: 'dropNewest', keep: new Set<number>() } as const;

try {
  const queue = await FilePublisherQueue.open({
    directory,
    sync: sync === 'always' || sync === 'none' ? sync : 'group',
    segmentBytes: 16_384,
  });
  say('open');
  const produce = async (producer: number): Promise<void> => {
    for (let number = 0; ; number++) {
      const id = `${process.pid}-${producer}-${number}`;
      const { entry } = await queue.enqueue(
        {
          id,
          topic: 't',
          payload: new Uint8Array(number % 500),
          options: { qos: 1 },
          enqueuedAt: 0,
          expiresAt: undefined,
        },
        limit,
      );
      say(`+${entry.sequence} ${id}`);
      if (number % 3 !== 0) continue;
      await queue.remove(entry.sequence);
      say(`-${entry.sequence}`);
    }
  };
  await Promise.all(Array.from({ length: Number(producers) }, (_, producer) => produce(producer)));
} catch (error) {
  say(isMqttError(error) ? error.code : String(error));
  process.exitCode = 1;
}
