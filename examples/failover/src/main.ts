// SPDX-License-Identifier: Apache-2.0
//
// A list of brokers. The client is connected to one of them and stays there; when it goes, the next one takes over.

import { connect } from '@mqttv5/core';
import { check, example, exampleBroker } from '@mqttv5/example-shared';
import { startBroker } from '@mqttv5/testing';

const prefix = example('failover');
const first = await startBroker();
const second = await exampleBroker();

const client = await connect([first.url, second.url], {
  reconnect: () => 50,
  // These two do not share sessions: the client starts clean at each, and what was not finished is published again.
  independentBrokers: true,
});
client.on('disconnect', ({ error }) => console.log(`lost the first: ${error.code}`));
client.on('reconnecting', ({ broker, delayMs }) => console.log(`next: ${broker.host} in ${delayMs} ms`));
client.on('connect', ({ broker }) => console.log(`connected to ${broker.host}`));
console.log(`connected to ${client.serverInfo?.broker.host}`);

const orders = await client.subscribe(`${prefix}/orders`, { qos: 1 });
await client.publish(`${prefix}/orders`, '1', { qos: 1 });
check((await take()) === '1', 'the first broker delivers');

await first.close();
// Made while nobody is connected: it waits for the next broker.
await client.publish(`${prefix}/orders`, '2', { qos: 1 });
check((await take()) === '2', 'the second broker delivers, without a new subscribe()');
check(client.serverInfo?.broker.host === new URL(second.url).host, 'the client is with the second broker');

await client.disconnect();
await second.close();

async function take(): Promise<string | undefined> {
  const message = await orders.receive();
  message?.ack();
  return message?.text();
}
