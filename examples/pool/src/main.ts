// SPDX-License-Identifier: Apache-2.0
//
// Further connections to the same broker, for publishing only. Everything else stays on the client's own.

import { connect } from '@mqttv5/core';
import { check, example, exampleBroker } from '@mqttv5/example-shared';

const COUNT = 3000;
const TOPICS = 100;

const prefix = example('pool');
const broker = await exampleBroker();
const client = await connect(broker.url, {
  clientId: prefix.replaceAll('/', '-'), // the members are <id>-pub-1, -2, -3
  stats: true,
  publisherPool: { size: 3, routing: 'hashByTopic' }, // one topic, one connection: its order is kept
});

const last = new Map<string, number>();
let received = 0;
let outOfOrder = 0;
let whenAll = (): void => undefined;
const all = new Promise<void>((resolve) => {
  whenAll = resolve;
});
await client.subscribeCallback(
  `${prefix}/#`,
  (message) => {
    const number = Number(message.text());
    if (number < (last.get(message.topic) ?? 0)) outOfOrder += 1;
    last.set(message.topic, number);
    received += 1;
    if (received === COUNT) whenAll();
  },
  { qos: 1 },
);

// The members connect behind the scenes. Until they are there the client's own connection does their work, and counts it.
let fallbacks = -1;
while (fallbacks !== client.stats().poolFallbacks) {
  fallbacks = client.stats().poolFallbacks;
  await client.publish(`${prefix}/warm-up`, '0');
  await new Promise((resolve) => {
    setTimeout(resolve, 50);
  });
}
await client.ping();
received = 0;

const from = performance.now();
for (let number = 1; number <= COUNT; number += TOPICS) {
  await Promise.all(
    Array.from({ length: TOPICS }, (_, topic) => client.publish(`${prefix}/${topic}`, String(number), { qos: 1 })),
  );
}
await all;
const seconds = (performance.now() - from) / 1000;

console.log(`${received} messages over three connections in ${seconds.toFixed(2)} s`);
console.log(
  `published over the client's own connection: ${fallbacks} before the three were there, ${client.stats().poolFallbacks - fallbacks} since`,
);
check(outOfOrder === 0, 'each topic kept its order');

await client.disconnect(); // the members go with it
await broker.close();
