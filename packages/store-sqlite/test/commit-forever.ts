// SPDX-License-Identifier: Apache-2.0
//
// A process to be killed: commits the numbered batches, one after the other from where the file ends, and writes the number
// of each that is done to stdout.
//
// node commit-forever.ts PATH SYNCHRONOUS [NUMBER]
// NUMBER: the batch in the middle of which the process kills itself.

import process from 'node:process';
import { isMqttError } from '@mqttv5/core';
import { SqliteSessionStore } from '@mqttv5/store-sqlite';
import { say } from '@mqttv5/support/say';
import { batchOf, lastBatchOf } from './numbered-batches.ts';

const [path = '', synchronous, fatal] = process.argv.slice(2);

try {
  const store = SqliteSessionStore.open({ path, synchronous: synchronous === 'normal' ? 'normal' : 'full' });
  say('open');
  for (let number = lastBatchOf(store.load()) + 1; ; number++) {
    if (number === Number(fatal)) {
      const killer = {
        type: 'put' as const,
        key: 'never',
        get value(): Uint8Array {
          process.kill(process.pid, 'SIGKILL');
          return new Uint8Array(0);
        },
      };
      store.commit([...batchOf(number), killer]);
    }
    store.commit(batchOf(number));
    say(String(number));
  }
} catch (error) {
  say(isMqttError(error) ? error.code : String(error));
  process.exitCode = 1;
}
