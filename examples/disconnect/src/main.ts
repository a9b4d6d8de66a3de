// SPDX-License-Identifier: Apache-2.0
//
// How a client can leave. The DISCONNECT says why, whether the will is to be sent, and how long the session is to be kept.

import { Client, connect } from '@mqttv5/core';
import { check, example, exampleBroker } from '@mqttv5/example-shared';

const prefix = example('disconnect');
const broker = await exampleBroker();
const watcher = await connect(broker.url);
const wills = await watcher.subscribe(`${prefix}/status`, { qos: 1 });

const client = new Client({
  brokers: broker.url,
  clientId: prefix.replaceAll('/', '-'),
  sessionExpiryInterval: 300,
  will: { topic: `${prefix}/status`, payload: 'gone', qos: 1 },
});

console.log('--- 0x00: everything is in order, no will, the session stays as CONNECT said (300 s)');
await client.connect();
await client.subscribe(`${prefix}/commands`, { qos: 1 });
await client.disconnect({ reasonString: 'maintenance at noon' });
// A message for the session it has left behind.
await watcher.publish(`${prefix}/commands`, 'made in between', { qos: 1 });
const commands = client.declare(`${prefix}/commands`, { qos: 1 });
const resumed = await client.connect();
console.log(`session present: ${resumed.sessionPresent}`);
const command = await commands.receive();
check(resumed.sessionPresent && command?.text() === 'made in between', 'the session was kept, with its message');
command.ack();

console.log('--- 0x04: with the will');
await client.disconnect({ reasonCode: 0x04, reasonString: 'leaving the building' });
const will = await wills.receive();
console.log(`will: ${will?.text()}`);
check(will?.text() === 'gone', 'the will was sent');
will.ack();

console.log('--- session expiry overridden: the session ends now');
await client.connect();
await client.disconnect({ sessionExpiryInterval: 0 });
// Asks for the session again, so that the broker can say that there is none.
const last = await connect(broker.url, { clientId: prefix.replaceAll('/', '-'), cleanStart: false });
console.log(`session present: ${last.serverInfo?.sessionPresent}`);
check(last.serverInfo?.sessionPresent === false, 'the session was ended');

console.log('--- drained: what is under way is finished first, for a second at most');
const settled = last.publish(`${prefix}/status`, 'bye', { qos: 2 });
await last.disconnect({ drainTimeoutMs: 1000 });
const { reasonCode } = await settled;
console.log(`the QoS 2 publish ended with 0x${reasonCode.toString(16).padStart(2, '0')}`);
check(reasonCode < 0x80, 'the publish was finished');
check(wills.size === 0 || (await wills.receive())?.text() === 'bye', 'and no second will was sent');

await watcher.disconnect();
await broker.close();
