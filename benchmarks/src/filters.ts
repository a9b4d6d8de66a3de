// SPDX-License-Identifier: Apache-2.0
//
// Does a message cost more with 10,000 filters than with one? And with topics that change all the time?
//
//   pnpm bench filters          median of 3 interleaved runs in fresh processes
//   pnpm bench filters 5

import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { Client } from '@mqttv5/core';
import { median, report } from './report.ts';
import { warmUpOf } from './scenarios.ts';
import type { SinkOrder } from './sink.ts';
import { Order } from './stamps.ts';

const MESSAGES = 1_000_000;
const COUNTS = [1, 10_000];

const [first = '3', count, url] = process.argv.slice(2);
if (count !== undefined && url !== undefined) console.log(await measure(Number(count), url));
else await compare(Number(first));

/** In a process of its own: CPU ns a message with `filters` subscriptions, one of which matches. */
async function measure(filters: number, broker: string): Promise<number> {
  const client = new Client({ brokers: broker });
  await client.connect();
  let before = process.cpuUsage();
  const onWarm = (): void => {
    before = process.cpuUsage();
  };
  const order = new Order({ warmUp: warmUpOf(MESSAGES), messages: MESSAGES, onWarm, qos: 0, shape: 'callback' });
  // The sink answers SUBSCRIBE, whatever it holds, and begins with the first filter that its topic matches.
  const others = Array.from({ length: filters - 1 }, (_, i) => `gateway/${i % 100}/meter/${i}/+`);
  for (const filter of others) client.declare(filter, { handler: () => undefined });
  await client.subscribeCallback('bench/#', ({ payload }) => order.take(payload));
  await order.complete;
  const { user, system } = process.cpuUsage(before);
  const { outOfOrder } = order.received();
  if (outOfOrder > 0) throw new Error(`${outOfOrder} messages out of order`);
  await client.disconnect();
  return ((user + system) * 1000) / MESSAGES;
}

async function compare(sweeps: number): Promise<void> {
  const sink = fork(join(import.meta.dirname, 'sink.ts'));
  const [{ port }] = (await once(sink, 'message')) as [{ port: number }];
  const runs = new Map<number, number[]>(COUNTS.map((filters) => [filters, []]));
  const order: SinkOrder = { flood: MESSAGES + warmUpOf(MESSAGES), qos: 0, payloadBytes: 256, window: 64 };
  try {
    for (let sweep = 0; sweep < sweeps; sweep += 1) {
      for (const [filters, costs] of runs) {
        sink.send({ order });
        const file = join(import.meta.dirname, 'filters.ts');
        const args = [...process.execArgv, file, '', String(filters), `mqtt://127.0.0.1:${port}`];
        const { stdout } = await promisify(execFile)(process.execPath, args);
        costs.push(Number(stdout));
      }
    }
  } finally {
    sink.send({ end: true });
  }
  const cost = (filters: number): number => median(runs.get(filters) ?? []);
  report(
    'filters',
    'Receiving QoS 0 with many filters',
    [`${MESSAGES} messages of 256 B on one topic to one callback; median of ${sweeps} interleaved runs.`],
    [
      '| filters | CPU ns a message | beside one |',
      '| ---: | ---: | ---: |',
      ...COUNTS.map((filters) => {
        const ratio = (cost(filters) / cost(1)).toFixed(2);
        return `| ${filters.toLocaleString('en')} | ${cost(filters).toFixed(0)} | ${ratio} × |`;
      }),
    ],
  );
}
