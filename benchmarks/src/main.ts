// SPDX-License-Identifier: Apache-2.0
//
// `pnpm bench`: publishing and receiving, beside MQTT.js and a bare socket, on this machine.
//
//   pnpm bench                  3 sweeps over everything
//   pnpm bench 5 receive        5 sweeps over the scenarios with "receive" in their name
//
// Sweeps are interleaved: each runs every library once, in a fresh process, against one sink process. Medians and spreads are
// printed, lost or doubled messages fail the run, and the table is written to benchmarks/results/ with what it was made on.

import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, platform, release } from 'node:os';
import { join } from 'node:path';
import type { RunResult } from './run-one.ts';
import { type Library, PAYLOAD_BYTES, type Scenario, scenarios } from './scenarios.ts';
import type { SinkOrder, SinkReport } from './sink.ts';

const [sweepsArgument = '3', filter = ''] = process.argv.slice(2);
const sweeps = Number(sweepsArgument);
const here = import.meta.dirname;
const measured = scenarios.filter(({ name }) => name.includes(filter));
const runs = new Map<string, RunResult[]>();

const sink = fork(join(here, 'sink.ts'));
const { port } = await answer<{ port: number }>(sink);
const url = `mqtt://127.0.0.1:${port}`;
const loadBefore = loadavg()[0] ?? 0;
try {
  for (let sweep = 1; sweep <= sweeps; sweep += 1) {
    for (const scenario of measured) {
      for (const library of scenario.libraries) {
        const result = await runOne(scenario, library);
        const key = `${scenario.name}|${library}`;
        runs.set(key, [...(runs.get(key) ?? []), result]);
        console.log(`${sweep}/${sweeps}  ${scenario.name}, ${library}: ${rate(result).toLocaleString('en')} msg/s`);
      }
    }
  }
} finally {
  sink.send({ end: true });
}
const report = table();
console.log(report);
mkdirSync(join(here, '../results'), { recursive: true });
writeFileSync(join(here, '../results/latest.md'), report);

async function runOne(scenario: Scenario, library: Library): Promise<RunResult> {
  const { work } = scenario;
  const order: SinkOrder = {
    flood: work.kind === 'receive' ? work.messages : 0,
    qos: work.qos,
    payloadBytes: PAYLOAD_BYTES,
    window: 64,
  };
  sink.send({ order });
  const args = [...process.execArgv, join(here, 'run-one.ts'), library, String(scenarios.indexOf(scenario)), url];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${library} failed in "${scenario.name}" with ${code}`);
  const result = JSON.parse(output) as RunResult;
  sink.send({ report: true });
  check(scenario, library, result, (await answer<{ report: SinkReport }>(sink)).report);
  return result;
}

/** Every message once, in order, intact: a number without that is worth nothing. */
function check({ name, work }: Scenario, library: Library, result: RunResult, seen: SinkReport): void {
  const received = work.kind === 'publish' ? seen.received : result.received?.messages;
  const outOfOrder = work.kind === 'publish' ? seen.outOfOrder : result.received?.outOfOrder;
  if (received !== work.messages || outOfOrder !== 0) {
    throw new Error(`${library} in "${name}": ${received} of ${work.messages} arrived, ${outOfOrder} out of order`);
  }
}

function table(): string {
  const lines = [
    `# Publish and receive, ${PAYLOAD_BYTES} B payload, loopback`,
    '',
    `Node ${process.version}, ${platform()} ${release()}, ${cpus().length} × ${cpus()[0]?.model.trim()}, load ${loadBefore.toFixed(1)} before and ${(loadavg()[0] ?? 0).toFixed(1)} after.`,
    `mqttv5 at ${commit()}, MQTT.js ${version('mqtt')}. Median of ${sweeps} interleaved runs in fresh processes (lowest to highest in brackets).`,
    'Repeat with `pnpm bench`.',
    '',
    '| work | library | msg/s | CPU µs a message | peak RSS | beside MQTT.js: rate | CPU | of the limit |',
    '| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |',
  ];
  for (const scenario of measured) for (const library of scenario.libraries) lines.push(row(scenario, library));
  return `${lines.join('\n')}\n`;
}

function row({ name, work }: Scenario, library: Library): string {
  const own = results(name, library);
  const rates = own.map(rate);
  const cpu = median(own.map(cpuPerMessage));
  // A stream is compared with the callback of those that have no streams.
  const rivalName = name.replace('for await', work.qos === 0 ? 'callback' : 'acknowledged after processing');
  const rival = results(rivalName, 'mqttjs');
  const limit = results(rivalName, 'bare');
  const spread = `${Math.min(...rates).toLocaleString('en')} to ${Math.max(...rates).toLocaleString('en')}`;
  const ratio = rival.length > 0 ? `${(median(rates) / median(rival.map(rate))).toFixed(2)} ×` : '';
  const cpuRatio = rival.length > 0 ? `1/${(median(rival.map(cpuPerMessage)) / cpu).toFixed(2)}` : '';
  const ofLimit = limit.length > 0 ? `${Math.round((median(rates) / median(limit.map(rate))) * 100)} %` : '';
  const rss = `${Math.round(median(own.map(({ peakRssBytes }) => peakRssBytes)) / 1_048_576)} MiB`;
  return `| ${name} | ${library} | ${median(rates).toLocaleString('en')} (${spread}) | ${cpu.toFixed(2)} | ${rss} | ${ratio} | ${cpuRatio} | ${ofLimit} |`;
}

function results(name: string, library: Library): readonly RunResult[] {
  return runs.get(`${name}|${library}`) ?? [];
}

function rate({ messages, seconds }: RunResult): number {
  return Math.round(messages / seconds);
}

function cpuPerMessage({ messages, cpuMicroseconds }: RunResult): number {
  return cpuMicroseconds / messages;
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function answer<T>(child: ChildProcess): Promise<T> {
  const [message] = (await once(child, 'message')) as [T];
  return message;
}

function commit(): string {
  return execFileSync('git', ['describe', '--always', '--dirty'], { cwd: here, encoding: 'utf8' }).trim();
}

function version(name: string): string {
  const file = join(here, '../node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
