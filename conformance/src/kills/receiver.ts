// SPDX-License-Identifier: Apache-2.0
//
// A receiver to be killed: a durable session, one subscription at QoS 2. Says on stdout what its handler was given (`>ID`) and
// what it has acknowledged for good (`=ID`: the record is committed). At the message `end` it says `done` and ends.
//
// node receiver.ts DIRECTORY BROKER [STEP TIMES]

import { join } from 'node:path';
import process from 'node:process';
import { Client, constantBackoff } from '@mqttv5/core';
import type { SessionStore } from '@mqttv5/core';
import { SqliteSessionStore } from '@mqttv5/store-sqlite';
import { say } from '@mqttv5/support/say';
import { Fate, fatefulDial, fatefulStore } from './steps.ts';
import { tcp } from './tcp.ts';

const [directory = '', broker = '', step = '', times = '1'] = process.argv.slice(2);
const fate = new Fate(step, Number(times));

/** Whose acknowledgement stands under which packet identifier, in this life. */
const inHand = new Map<number, string>();
const file = SqliteSessionStore.open({ path: join(directory, 'receiver.db'), synchronous: 'normal' });
const telling: SessionStore = {
  load: () => file.load(),
  commit: (operations) => {
    file.commit(operations);
    for (const { type, key } of operations) {
      const id = key.startsWith('i/') ? inHand.get(Number(key.slice(2))) : undefined;
      if (type === 'put' && id !== undefined) say(`=${id}`);
    }
  },
  close: () => file.close(),
};

const client = new Client({
  brokers: broker,
  clientId: 'receiver',
  store: fatefulStore(telling, fate),
  dial: fatefulDial(tcp(), fate),
  reconnect: constantBackoff(10),
  retryInitialConnect: true,
  receiveMaximum: 8,
});
let end = (): void => {};
const ended = new Promise<void>((resolve) => {
  end = resolve;
});
const subscription = client.declare('numbers', {
  qos: 2,
  handler: async (message) => {
    const id = message.text();
    inHand.set(message.packetIdentifier, id);
    say(`>${id}`);
    fate.reached('message given');
    // Work takes a turn: the next messages arrive meanwhile.
    await new Promise((next) => void setImmediate(next));
    if (id === 'end') end();
  },
});
await client.connect();
await subscription.ready();
say('open');
await ended;
await client.disconnect({ drainTimeoutMs: 2000 });
say('done');
file.close();
