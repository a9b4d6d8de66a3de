// SPDX-License-Identifier: Apache-2.0
//
// Keeps every twentieth of 200,000 messages of 64 bytes and prints how many bytes that holds. Run by kept-messages.test.ts.

import { connect, type Message } from '@mqttv5/core';
import { startBroker } from '@mqttv5/testing';

const MESSAGES = 200_000;
const KEEP_EVERY = 20;

const broker = await startBroker();
const client = await connect(broker.url, { bufferSize: Infinity, bufferBytes: Infinity });
const publisher = await connect(broker.url);
const kept: Message[] = [];
let seen = 0;
let done: () => void = () => undefined;
const complete = new Promise<void>((resolve) => {
  done = resolve;
});
const take = (message: Message): void => {
  if (seen % KEEP_EVERY === 0) kept.push(message);
  seen += 1;
  if (seen === MESSAGES) done();
};

const shape = process.argv[2];
if (shape === 'callback') await client.subscribeCallback('flood', take);
else {
  const subscription = await client.subscribe('flood');
  void (async () => {
    if (shape === 'stream') for await (const message of subscription) take(message);
    else
      for (let message = await subscription.receive(); message !== undefined; message = await subscription.receive())
        take(message);
  })();
}
const before = held();
const payload = new Uint8Array(64).fill(1);
for (let sent = 0; sent < MESSAGES; sent += 1) await publisher.publish('flood', payload);
await complete;
const after = held();
await Promise.all([client.disconnect(), publisher.disconnect()]);
await broker.close();
if (kept.some((message) => message.payload.length !== 64)) throw new Error('a kept message has changed');
process.stdout.write(String(after - before));

function held(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + Math.max(external, arrayBuffers);
}
