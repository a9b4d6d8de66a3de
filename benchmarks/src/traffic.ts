// SPDX-License-Identifier: Apache-2.0
//
// What does publishing and receiving cost, beside MQTT.js and a bare socket?
//
//   pnpm bench traffic                  3 sweeps over everything
//   pnpm bench traffic 5 receive        5 sweeps over the scenarios with "receive" in their name
//   pnpm bench traffic 1 "" 0.01        1 sweep with a hundredth of the messages: does it still work?
//
// Sweeps are interleaved: each runs every library once, in a fresh process, against one sink process. Medians and spreads are
// printed, lost or doubled messages fail the run, and the table of a whole run is written to benchmarks/results/ with what it was made on.

import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { median, report, whole } from './report.ts';
import type { RunResult } from './run-one.ts';
import { type Library, PAYLOAD_BYTES, type Scenario, scenarios, warmUpOf } from './scenarios.ts';
import type { SinkOrder, SinkReport } from './sink.ts';

const [sweepsArgument = '3', filter = '', scale = '1'] = process.argv.slice(2);
const sweeps = Number(sweepsArgument);
const here = import.meta.dirname;
const measured = scenarios.filter(({ name }) => name.includes(filter));
const runs = new Map<string, RunResult[]>();

const sink = fork(join(here, 'sink.ts'));
const { port } = await answer<{ port: number }>(sink);
const url = `mqtt://127.0.0.1:${port}`;
try {
  for (let sweep = 1; sweep <= sweeps; sweep += 1) {
    for (const scenario of measured) {
      for (const library of scenario.libraries) {
        const result = await runOne(scenario, library);
        const key = `${scenario.name}|${library}`;
        runs.set(key, [...(runs.get(key) ?? []), result]);
        console.log(
          `${sweep}/${sweeps}  ${scenario.name}, ${library}: ${whole(rate(result))} msg/s, ${cpuPerMessage(result).toFixed(2)} µs`,
        );
      }
    }
  }
} finally {
  sink.send({ end: true });
}
const notes = [
  `${PAYLOAD_BYTES} B payload, loopback. Median of ${sweeps} interleaved runs in fresh processes (lowest to highest in brackets).`,
  'CPU is that of the whole process: user, system, compiler and collector threads.',
];
report('traffic', 'Publish and receive', notes, table(), filter === '' && scale === '1');

async function runOne(scenario: Scenario, library: Library): Promise<RunResult> {
  const { work } = scenario;
  const messages = Math.ceil((scenario.fewer?.[library] ?? work.messages) * Number(scale));
  const total = messages + warmUpOf(messages);
  const order: SinkOrder = {
    flood: work.kind === 'receive' ? total : 0,
    qos: work.qos,
    payloadBytes: PAYLOAD_BYTES,
    window: 64,
  };
  sink.send({ order });
  const args = [
    ...process.execArgv,
    join(here, 'run-one.ts'),
    library,
    String(scenarios.indexOf(scenario)),
    String(messages),
    url,
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${library} failed in "${scenario.name}" with ${code}`);
  const result = JSON.parse(output) as RunResult;
  sink.send({ report: true });
  check(scenario, library, result, total, (await answer<{ report: SinkReport }>(sink)).report);
  return result;
}

/** Every message once, in order, intact: a number without that is worth nothing. */
function check({ name, work }: Scenario, library: Library, result: RunResult, total: number, seen: SinkReport): void {
  const received = work.kind === 'publish' ? seen.received : result.received?.messages;
  const outOfOrder = work.kind === 'publish' ? seen.outOfOrder : result.received?.outOfOrder;
  if (received !== total || outOfOrder !== 0) {
    throw new Error(`${library} in "${name}": ${received} of ${total} arrived, ${outOfOrder} out of order`);
  }
}

function table(): readonly string[] {
  return [
    '| work | library | msg/s | CPU µs a message | GC | peak RSS | beside MQTT.js: rate | CPU | of the limit: rate | CPU |',
    '| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...measured.flatMap((scenario) => scenario.libraries.map((library) => row(scenario, library))),
  ];
}

function row({ name, work }: Scenario, library: Library): string {
  const own = results(name, library);
  const rates = own.map(rate);
  const cpu = median(own.map(cpuPerMessage));
  // A stream is compared with the callback of those that have no streams.
  const rivalName = name.replace('for await', work.qos === 0 ? 'callback' : 'acknowledged after processing');
  const rival = results(rivalName, 'mqttjs');
  const limit = results(rivalName, 'bare');
  const cells = [
    name,
    library,
    `${whole(median(rates))} (${whole(Math.min(...rates))} to ${whole(Math.max(...rates))})`,
    cpu.toFixed(2),
    `${Math.round(median(own.map(gcShare)) * 100)} %`,
    `${Math.round(median(own.map(({ peakRssBytes }) => peakRssBytes)) / 1_048_576)} MiB`,
    rival.length > 0 ? `${(median(rates) / median(rival.map(rate))).toFixed(2)} ×` : '',
    rival.length > 0 ? `1/${(median(rival.map(cpuPerMessage)) / cpu).toFixed(2)}` : '',
    limit.length > 0 ? `${Math.round((median(rates) / median(limit.map(rate))) * 100)} %` : '',
    limit.length > 0 ? `${(cpu / median(limit.map(cpuPerMessage))).toFixed(2)} ×` : '',
  ];
  return `| ${cells.join(' | ')} |`;
}

function results(name: string, library: Library): readonly RunResult[] {
  return runs.get(`${name}|${library}`) ?? [];
}

function rate({ messages, seconds }: RunResult): number {
  return messages / seconds;
}

function cpuPerMessage({ messages, cpuMicroseconds }: RunResult): number {
  return cpuMicroseconds / messages;
}

/** Of the time, not of the CPU: how long the main thread stood still. */
function gcShare({ gcMilliseconds, seconds }: RunResult): number {
  return gcMilliseconds / 1000 / seconds;
}

async function answer<T>(child: ChildProcess): Promise<T> {
  const [message] = (await once(child, 'message')) as [T];
  return message;
}
