// SPDX-License-Identifier: Apache-2.0
//
// Three brokers that know nothing of each other, behind one interface.

import { ClientGroup, GroupError, isMqttError } from '@mqttv5/core';
import { check, example, exampleBroker } from '@mqttv5/example-shared';
import { startBroker } from '@mqttv5/testing';

const prefix = example('group');
const north = await exampleBroker();
const south = await startBroker();
const west = await startBroker();
const members = [
  { name: 'north', brokers: north.url },
  { name: 'south', brokers: south.url },
  { name: 'west', brokers: west.url, options: { reconnect: false as const } },
];

const group = new ClientGroup(members, { success: { quorum: 2 }, shared: { offlinePublish: 'reject' } });
group.member('west')?.on('close', ({ error }) => console.log(`west has stopped: ${error?.code ?? 'as asked'}`));
await group.connect();
const alarms = await group.subscribe(`${prefix}/alarms`, { qos: 1 });

console.log('--- to all three, two of which have to succeed');
await group.publish(`${prefix}/alarms`, 'fire', { qos: 1 });
const from = new Set<string>();
for await (const message of alarms) {
  // Acknowledged to the member that delivered it.
  console.log(`${message.text()} from ${message.member}`);
  from.add(message.member);
  if (from.size === 3) break;
}
check(from.size === 3, 'the message came from every broker');

console.log('--- west has gone');
await west.close();
await gone('west');
for (const { member, error } of await group.publish(`${prefix}/alarms`, 'flood', { qos: 1 }))
  console.log(`${member}: ${error === undefined ? 'published' : error.code}`);

console.log('--- south too');
await south.close();
await gone('south');
try {
  await group.publish(`${prefix}/alarms`, 'storm', { qos: 1 });
  check(false, 'one of three is no quorum');
} catch (error) {
  if (!isMqttError(error) || error.code !== 'GROUP_FAILED') throw error;
  console.log(error.message);
  check(error instanceof GroupError && error.results.length === 3, 'the error has a result for each member');
}
await group.disconnect();
await north.close();

async function gone(name: string): Promise<void> {
  while (group.member(name)?.connected) {
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}
