// SPDX-License-Identifier: Apache-2.0
//
// A consumer that is too slow, and a publisher that is too fast. Nothing grows without a bound, and nothing is dropped silently.

import { connect } from '@mqttv5/core';
import { check, example, exampleBroker } from '@mqttv5/example-shared';

const COUNT = 200;

const prefix = example('back-pressure');
const broker = await exampleBroker();
// How many messages the broker may have open at the slow one. Mosquitto 2.0.11 exceeds every window but that of one message, which
// is a protocol error (§3.3.4): the client would end the connection, again and again.
const WINDOW = broker.embedded ? 5 : 1;
const publisher = await connect(broker.url, { writeHighWaterMark: 64 * 1024 });

console.log('--- QoS 1: the acknowledgement that was not sent is the brake');
const slow = await connect(broker.url, { receiveMaximum: WINDOW });
const work = await slow.subscribe(`${prefix}/work`, { qos: 1 });
const published = Promise.all(
  Array.from({ length: COUNT }, (_, number) => publisher.publish(`${prefix}/work`, String(number), { qos: 1 })),
);
let most = 0;
let done = 0;
for await (const message of work) {
  most = Math.max(most, work.size + 1);
  await new Promise((resolve) => {
    setTimeout(resolve, 1); // slow
  });
  check(message.text() === String(done), 'in order');
  done += 1;
  if (done === COUNT) break;
}
await published;
console.log(`${done} of ${COUNT} arrived, never more than ${most} of them in memory, ${work.dropped} dropped`);
check(most <= WINDOW && work.dropped === 0, 'the broker waited for the consumer');

console.log('--- QoS 0 has no such brake: a full buffer drops, counts and tells');
const latest = await slow.subscribe(`${prefix}/samples`, { bufferSize: 10, overflow: 'dropOldest' });
const told: string[] = [];
slow.on('drop', ({ message }) => told.push(message.text()));
for (let number = 0; number < COUNT; number += 1) await publisher.publish(`${prefix}/samples`, String(number));
while (latest.size + latest.dropped < COUNT) await slow.ping(); // nobody takes any
const kept: (string | undefined)[] = [];
while (latest.size > 0) kept.push(latest.tryReceive()?.text());
console.log(`kept the latest: ${kept.join(' ')}; dropped and reported: ${told.length}`);
check(kept.length === 10 && told.length === COUNT - 10, 'each drop was reported');

console.log('--- a publisher that is faster than its connection');
const payload = new Uint8Array(16 * 1024);
let taken = 0;
while (publisher.tryPublish(`${prefix}/bulk`, payload)) taken += 1;
console.log(`tryPublish took ${taken} messages of 16 KiB, then said: not now`);
check(taken > 0 && taken < 100, 'what is unsent is bounded');
await publisher.publish(`${prefix}/bulk`, payload); // waits for room

await slow.disconnect();
await publisher.disconnect();
await broker.close();
