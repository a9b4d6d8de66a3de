// SPDX-License-Identifier: Apache-2.0
//
// Connect, subscribe, publish at every QoS, receive, disconnect.

import { connect } from '@mqttv5/core';
import { check, example, exampleBroker } from '@mqttv5/example-shared';

const prefix = example('basic');
const broker = await exampleBroker();

const client = await connect(broker.url);
console.log(`connected as ${client.clientId}; the broker grants QoS ${client.serverInfo?.maximumQoS}`);

const readings = await client.subscribe(`${prefix}/+`, { qos: 2 });

await client.publish(`${prefix}/temperature`, '21.5'); // QoS 0: handed over
await client.publish(`${prefix}/humidity`, '40', { qos: 1 }); // the broker has it
await client.publish(`${prefix}/door`, 'open', { qos: 2 }); // the broker has it, once

const seen: string[] = [];
for await (const message of readings) {
  // Acknowledged when the loop asks for the next one.
  console.log(`QoS ${message.qos}  ${message.topic} = ${message.text()}`);
  seen.push(message.text());
  if (seen.length === 3) break;
}
check(
  ['21.5', '40', 'open'].every((text) => seen.includes(text)),
  'all three messages arrived',
);

await client.disconnect();
await broker.close();
