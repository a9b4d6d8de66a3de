// SPDX-License-Identifier: Apache-2.0
//
// The main job in one file: typed sensor readings from a publisher to a subscriber at QoS 0, 1 and 2, with the connections cut
// in the middle. It counts what arrives and exits with 1 if anything was lost, or doubled at QoS 2.
//
//   npm run demo                                            with a broker of its own
//   MQTT_BROKER=mqtt://127.0.0.1:1883 npm run demo          with yours

import { jsonCodec } from '@mqttv5/codec-json';
import { type Client, connect, type QoS, Typed } from '@mqttv5/core';
import { startBroker } from '@mqttv5/testing';
import { brokerOf } from './broker-of.ts';
import { Tally } from './tally.ts';

interface Reading {
  readonly device: string;
  readonly sequence: number;
  readonly celsius: number;
}

const LEVELS: readonly QoS[] = [0, 1, 2];
const ROUNDS = 6;
const READINGS_A_ROUND = 5;
/** The round whose readings are on their way when the link is cut. */
const CUT_ROUND = 3;
const BURST_A_LEVEL = 2_000;
const DEADLINE_MS = 18_000;

const deadline = setTimeout(() => {
  console.error(`FAILED: not done after ${DEADLINE_MS / 1000} s`);
  process.exit(1);
}, DEADLINE_MS);

const given = process.env['MQTT_BROKER'];
const broker = given === undefined ? await startBroker() : await brokerOf(new URL(given));

const run = Math.random().toString(36).slice(2, 10);
const subscriber = await connect(broker.url, options('subscriber'));
const publisher = await connect(broker.url, options('publisher'));
console.log(
  `connected to ${given === undefined ? 'the embedded broker' : new URL(given).host} as ${publisher.clientId} and ${subscriber.clientId}`,
);

const readings = new Typed(publisher, jsonCodec<Reading>());
const tally = new Tally();
const subscription = await new Typed(subscriber, jsonCodec<Reading>()).subscribe(`demo/${run}/+/readings`, { qos: 2 });
const consumed = (async () => {
  for await (const { topic, value } of subscription) {
    tally.received(topic, value.sequence);
    if (!value.device.startsWith('burst'))
      console.log(
        `  QoS ${topic.split('/')[2]?.at(-1)}  ${value.device}  #${value.sequence}  ${value.celsius.toFixed(1)} °C`,
      );
  }
})();

for (const client of [publisher, subscriber]) {
  client.on('disconnect', ({ error }) =>
    console.log(`* ${client.clientId} lost its connection (${error.code}), it will be back`),
  );
  client.on('connect', ({ sessionPresent }) =>
    console.log(`* ${client.clientId} is back, session present: ${sessionPresent}`),
  );
}

for (let round = 1; round <= ROUNDS; round += 1) {
  if (round !== CUT_ROUND) {
    await publishRound(LEVELS, 'sensor');
    continue;
  }
  // QoS 0 promises nothing over a cut, so it pauses: what it has sent is in, and it goes on when both are back.
  await tally.allReceived();
  console.log('* dropping both connections with QoS 1 and 2 readings on their way');
  const underWay = publishRound([1, 2], 'sensor');
  setTimeout(() => broker.dropConnections(), 0);
  await underWay;
  await Promise.all([reconnected(publisher), reconnected(subscriber)]);
}

const from = performance.now();
for (let sent = 0; sent < BURST_A_LEVEL; sent += 100) await publishRound(LEVELS, 'burst', 100);
await tally.allReceived();
const seconds = (performance.now() - from) / 1000;

await subscription.unsubscribe();
await consumed;
await Promise.all([publisher, subscriber].map((client) => client.disconnect({ sessionExpiryInterval: 0 })));
await broker.close();
clearTimeout(deadline);

const { sent, arrived, lost, doubled } = tally.summary();
console.log(`
sent                ${sent}
received            ${arrived}
lost                ${lost}
duplicates at QoS 2 ${doubled}
rate                ${Math.round((BURST_A_LEVEL * LEVELS.length) / seconds)} messages a second, all three levels together`);
process.exitCode = lost === 0 && doubled === 0 ? 0 : 1;

function options(role: string) {
  return { clientId: `demo-${role}-${run}`, sessionExpiryInterval: 60 };
}

async function publishRound(levels: readonly QoS[], device: string, count = READINGS_A_ROUND): Promise<void> {
  const settled: Promise<unknown>[] = [];
  for (let reading = 0; reading < count; reading += 1) {
    for (const qos of levels) {
      const topic = `demo/${run}/qos${qos}/readings`;
      const sequence = tally.next(topic);
      settled.push(
        readings.publish(
          topic,
          { device: `${device}-${reading + 1}`, sequence, celsius: 20 + Math.random() * 5 },
          { qos },
        ),
      );
    }
  }
  await Promise.all(settled);
}

async function reconnected(client: Client): Promise<void> {
  await client.awaitConnection();
}
