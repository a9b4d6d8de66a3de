// SPDX-License-Identifier: Apache-2.0
//
// Many connected clients of one library that do nothing: `node --expose-gc idle-one.ts LIBRARY CLIENTS URL`. Prints one line of JSON.

import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { BareAdapter } from './adapters/bare.ts';
import { MqttJsAdapter } from './adapters/mqttjs.ts';
import { Mqttv5Adapter } from './adapters/mqttv5.ts';
import type { Adapter, Library } from './scenarios.ts';

/** What one client cost. */
export interface IdleResult {
  readonly heapBytes: number;
  /** Buffers, beside the heap. */
  readonly externalBytes: number;
  readonly connectCpuMicroseconds: number;
}

/** Handshakes under way at a time. */
const AT_ONCE = 50;

const adapters: Readonly<Record<Library, () => Adapter>> = {
  mqttv5: () => new Mqttv5Adapter(),
  mqttjs: () => new MqttJsAdapter(),
  bare: () => new BareAdapter(),
};

const [library, count, url] = process.argv.slice(2);
const { gc } = globalThis;
if (url === undefined || gc === undefined || !(library !== undefined && library in adapters)) {
  throw new TypeError('usage: node --expose-gc idle-one.ts LIBRARY CLIENTS URL');
}
const make = adapters[library as Library]; // a key of the table, as was just checked
const clients = Number(count);
// What a library and V8 do once is not a cost per client. They stay open: what they use is in both readings.
const warm = await open(clients);
const before = await memory(gc);
const cpuBefore = process.cpuUsage();
const measured = await open(clients);
const { user, system } = process.cpuUsage(cpuBefore);
const after = await memory(gc);
const result: IdleResult = {
  heapBytes: (after.heapUsed - before.heapUsed) / clients,
  externalBytes: (after.external - before.external) / clients,
  connectCpuMicroseconds: (user + system) / clients,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
for (const client of [...warm, ...measured]) await client.close();
process.exit(0);

async function open(number: number): Promise<readonly Adapter[]> {
  const opened: Adapter[] = [];
  while (opened.length < number) {
    const batch = Array.from({ length: Math.min(AT_ONCE, number - opened.length) }, () => make());
    await Promise.all(batch.map((client) => client.connect(url ?? '')));
    opened.push(...batch);
  }
  return opened;
}

async function memory(collect: () => unknown): Promise<NodeJS.MemoryUsage> {
  // What the handshakes have left to timers and finalizers goes first.
  for (let round = 0; round < 3; round += 1) {
    await setTimeout(100);
    collect();
  }
  return process.memoryUsage();
}
