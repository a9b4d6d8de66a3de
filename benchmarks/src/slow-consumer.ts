// SPDX-License-Identifier: Apache-2.0
//
// What does a consumer cost that is slower than the broker: memory, and messages lost?
//
//   pnpm bench slow-consumer    each way once, in fresh processes

import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from '@mqttv5/core';
import mqtt from 'mqtt';
import { report, whole } from './report.ts';
import type { SinkOrder } from './sink.ts';

const MESSAGES = 200_000;
const PAYLOAD_BYTES = 1024;
/** Messages the consumer takes in between two waits of a millisecond. */
const STRIDE = 100;

type Way = 'pause' | 'dropOldest' | 'dropNewest' | 'mqttjs';
const WAYS: Readonly<Record<Way, string>> = {
  pause: 'mqttv5, overflow "pause"',
  dropOldest: 'mqttv5, overflow "dropOldest"',
  dropNewest: 'mqttv5, overflow "dropNewest"',
  mqttjs: 'MQTT.js, handler that queues',
};

interface Consumption {
  readonly delivered: number;
  readonly peakBytes: number;
}

const [way, url] = process.argv.slice(2);
if (way !== undefined && way in WAYS && url !== undefined) {
  const consumption = way === 'mqttjs' ? await withMqttJs(url) : await withMqttv5(url, way as 'pause');
  console.log(JSON.stringify(consumption));
  process.exit(0);
}
await compare();

async function withMqttv5(broker: string, overflow: 'pause' | 'dropOldest' | 'dropNewest'): Promise<Consumption> {
  const client = new Client({ brokers: broker });
  await client.connect();
  const peak = watchMemory();
  const subscription = await client.subscribe('bench/#', { overflow });
  let delivered = 0;
  for await (const _message of subscription) {
    delivered += 1;
    if (delivered % STRIDE === 0) await setTimeout(1);
    if (delivered + subscription.dropped >= MESSAGES && subscription.size === 0) break;
  }
  return { delivered, peakBytes: peak() };
}

async function withMqttJs(broker: string): Promise<Consumption> {
  const client = await mqtt.connectAsync(broker, { protocolVersion: 5 });
  const peak = watchMemory();
  const queue: Buffer[] = [];
  client.on('message', (_topic, payload) => queue.push(payload));
  await client.subscribeAsync('bench/#');
  let delivered = 0;
  while (delivered < MESSAGES) {
    delivered += queue.splice(0, STRIDE).length;
    await setTimeout(1);
  }
  return { delivered, peakBytes: peak() };
}

/** The most that heap and buffers took above now. */
function watchMemory(): () => number {
  const used = (): number => {
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = used();
  let most = before;
  const look = (): void => {
    most = Math.max(most, used());
  };
  const timer = setInterval(look, 10);
  return () => {
    clearInterval(timer);
    look();
    return most - before;
  };
}

async function compare(): Promise<void> {
  const sink = fork(join(import.meta.dirname, 'sink.ts'));
  const [{ port }] = (await once(sink, 'message')) as [{ port: number }];
  const order: SinkOrder = { flood: MESSAGES, qos: 0, payloadBytes: PAYLOAD_BYTES, window: 64 };
  const rows: string[] = [];
  try {
    for (const [name, title] of Object.entries(WAYS)) {
      sink.send({ order });
      const file = join(import.meta.dirname, 'slow-consumer.ts');
      const args = [...process.execArgv, file, name, `mqtt://127.0.0.1:${port}`];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      const { delivered, peakBytes } = JSON.parse(stdout) as Consumption;
      const share = ((delivered / MESSAGES) * 100).toFixed(delivered === MESSAGES ? 0 : 2);
      rows.push(`| ${title} | ${(peakBytes / 1_048_576).toFixed(1)} | ${share} % |`);
    }
  } finally {
    sink.send({ end: true });
  }
  report(
    'slow-consumer',
    'A consumer that is slower than the broker',
    [`${whole(MESSAGES)} messages of ${PAYLOAD_BYTES} B at QoS 0; the consumer waits 1 ms after every ${STRIDE}.`],
    ['| consumer | most memory, MiB above idle | delivered |', '| --- | ---: | ---: |', ...rows],
  );
}
