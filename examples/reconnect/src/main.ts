// SPDX-License-Identifier: Apache-2.0
//
// Every event in the life of a client, over a broker that goes away and comes back, and a publish made in between.

import { Client, exponentialBackoff } from '@mqttv5/core';
import { check, example, exampleBroker, relayTo } from '@mqttv5/example-shared';

const prefix = example('reconnect');
const broker = await exampleBroker();
const relay = await relayTo(broker.url);

const client = new Client({
  brokers: relay.url,
  // 1 s doubling to 30 s is the default; an example is in a hurry.
  reconnect: exponentialBackoff({ initialMs: 100, maximumMs: 300, jitterMs: 50 }),
});

const seen = new Set<string>();
const report = (event: string, text = ''): void => {
  seen.add(event);
  console.log(`${event.padEnd(16)} ${text}`);
};
client.on('stateChange', (state) => report('stateChange', state));
client.on('connect', ({ sessionPresent }) => report('connect', `session present: ${sessionPresent}`));
client.on('disconnect', ({ error, willReconnect }) =>
  report('disconnect', `${error.code}, will reconnect: ${willReconnect}`),
);
client.on('reconnecting', ({ attempt, delayMs }) => report('reconnecting', `attempt ${attempt} in ${delayMs} ms`));
client.on('connectError', ({ error, attempt }) => report('connectError', `attempt ${attempt}: ${error.code}`));
client.on('close', ({ error }) => report('close', error === undefined ? 'as asked' : error.code));

// Declared and not subscribed: it is there whatever becomes of connections, and before the first of them.
const commands = client.declare(`${prefix}/commands`, { qos: 1 });
await client.connect();
await commands.ready();

console.log('--- the broker goes away');
await relay.goAway();
while (!seen.has('connectError')) await nextEvent();

console.log('--- a publish while it is away');
const published = client.publish(`${prefix}/commands`, 'made while offline', { qos: 1 });

console.log('--- it comes back');
await relay.comeBack();
await client.awaitConnection();
await published;
const message = await commands.receive();
console.log(`                 received: ${message?.text()}`);
check(message?.text() === 'made while offline', 'what was published while offline arrived');
message.ack();

await client.disconnect();
await nextEvent(0);
const expected = ['stateChange', 'connect', 'disconnect', 'reconnecting', 'connectError', 'close'];
check(
  expected.every((event) => seen.has(event)),
  `every event was seen: ${[...seen].join(', ')}`,
);
await relay.goAway();
await broker.close();

async function nextEvent(ms = 20): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
