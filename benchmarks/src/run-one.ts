// SPDX-License-Identifier: Apache-2.0
//
// One library, one scenario, one process: `node run-one.ts mqttv5 3 mqtt://127.0.0.1:PORT WARMUP|MEASURE`. Prints one line of JSON.

import { performance } from 'node:perf_hooks';
import { BareAdapter } from './adapters/bare.ts';
import { MqttJsAdapter } from './adapters/mqttjs.ts';
import { Mqttv5Adapter } from './adapters/mqttv5.ts';
import { type Adapter, type Library, PAYLOAD_BYTES, type Received, scenarios } from './scenarios.ts';

/** What one run measured. */
export interface RunResult {
  readonly seconds: number;
  readonly cpuMicroseconds: number;
  readonly peakRssBytes: number;
  readonly messages: number;
  readonly received?: Received;
}

const adapters: Readonly<Record<Library, () => Adapter>> = {
  mqttv5: () => new Mqttv5Adapter(),
  mqttjs: () => new MqttJsAdapter(),
  bare: () => new BareAdapter(),
};

const [library, index, url] = process.argv.slice(2);
const scenario = scenarios[Number(index)];
if (scenario === undefined || url === undefined || !(library !== undefined && library in adapters)) {
  throw new TypeError('usage: run-one.ts LIBRARY SCENARIO URL');
}
const adapter = adapters[library as Library](); // a key of the table, as was just checked
await adapter.connect(url);
const { work } = scenario;
const payload = new Uint8Array(PAYLOAD_BYTES).fill(0x61);
const before = process.cpuUsage();
const from = performance.now();
let received: Received | undefined;
if (work.kind === 'publish') await adapter.publish({ ...work, payload });
else received = await adapter.receive(work);
const seconds = (performance.now() - from) / 1000;
const { user, system } = process.cpuUsage(before);
const result: RunResult = {
  seconds,
  cpuMicroseconds: user + system,
  peakRssBytes: process.resourceUsage().maxRSS * 1024,
  messages: work.messages,
  ...(received && { received }),
};
await adapter.close();
process.stdout.write(`${JSON.stringify(result)}\n`);
