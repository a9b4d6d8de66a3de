// SPDX-License-Identifier: Apache-2.0
//
// One library, one scenario, one process: `node run-one.ts LIBRARY SCENARIO MESSAGES URL`. A part of the work comes first and
// is not measured: what a library and V8 do once is not a cost per message. Prints one line of JSON.

import { performance, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { BareAdapter } from './adapters/bare.ts';
import { MqttJsAdapter } from './adapters/mqttjs.ts';
import { Mqttv5Adapter } from './adapters/mqttv5.ts';
import { type Adapter, type Library, PAYLOAD_BYTES, type Received, scenarios, warmUpOf } from './scenarios.ts';

/** What one run measured. */
export interface RunResult {
  readonly seconds: number;
  readonly cpuMicroseconds: number;
  /** The main thread stood still for it. */
  readonly gcMilliseconds: number;
  readonly peakRssBytes: number;
  readonly messages: number;
  /** With those of the warm-up. */
  readonly received?: Received;
}

const adapters: Readonly<Record<Library, () => Adapter>> = {
  mqttv5: () => new Mqttv5Adapter(),
  mqttjs: () => new MqttJsAdapter(),
  bare: () => new BareAdapter(),
};

const [library, index, count, url] = process.argv.slice(2);
const scenario = scenarios[Number(index)];
if (scenario === undefined || url === undefined || !(library !== undefined && library in adapters)) {
  throw new TypeError('usage: run-one.ts LIBRARY SCENARIO MESSAGES URL');
}
const { work } = scenario;
const messages = Number(count);
const warmUp = warmUpOf(messages);
const payload = new Uint8Array(PAYLOAD_BYTES).fill(0x61);
let gcMilliseconds = 0;
const collections = new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) gcMilliseconds += duration;
});
const adapter = adapters[library as Library](); // a key of the table, as was just checked
await adapter.connect(url);

let from = 0;
let before = process.cpuUsage();
const start = (): void => {
  collections.observe({ entryTypes: ['gc'] });
  before = process.cpuUsage();
  from = performance.now();
};
let received: Received | undefined;
if (work.kind === 'publish') {
  await adapter.publish({ ...work, first: 0, messages: warmUp, payload });
  start();
  await adapter.publish({ ...work, first: warmUp, messages, payload });
} else {
  received = await adapter.receive({ ...work, warmUp, messages, onWarm: start });
}
const seconds = (performance.now() - from) / 1000;
const { user, system } = process.cpuUsage(before);
const result: RunResult = {
  seconds,
  cpuMicroseconds: user + system,
  gcMilliseconds: await collected(),
  peakRssBytes: process.resourceUsage().maxRSS * 1024,
  messages,
  ...(received && { received }),
};
await adapter.close();
process.stdout.write(`${JSON.stringify(result)}\n`);

/** The observer is told in a later turn. */
async function collected(): Promise<number> {
  await setImmediate();
  collections.disconnect();
  return gcMilliseconds;
}
