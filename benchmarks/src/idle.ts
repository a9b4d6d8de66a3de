// SPDX-License-Identifier: Apache-2.0
//
// What does a connected client cost that does nothing: heap, and CPU to connect?
//
//   pnpm bench idle             1,000 clients, median of 3 runs in fresh processes
//   pnpm bench idle 5 2000

import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import type { IdleResult } from './idle-one.ts';
import { median, report } from './report.ts';
import type { Library } from './scenarios.ts';

const LIBRARIES: readonly Library[] = ['mqttv5', 'mqttjs', 'bare'];

const [sweeps = '3', clients = '1000'] = process.argv.slice(2);
const here = import.meta.dirname;
const runs = new Map<Library, IdleResult[]>(LIBRARIES.map((library) => [library, []]));
const sink = fork(join(here, 'sink.ts'));
const [{ port }] = (await once(sink, 'message')) as [{ port: number }];
try {
  for (let sweep = 0; sweep < Number(sweeps); sweep += 1) {
    for (const [library, results] of runs) {
      const file = join(here, 'idle-one.ts');
      const args = [...process.execArgv, '--expose-gc', file, library, clients, `mqtt://127.0.0.1:${port}`];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      results.push(JSON.parse(stdout) as IdleResult);
    }
  }
} finally {
  sink.send({ end: true });
}
const of = (library: Library, value: (result: IdleResult) => number): number =>
  median((runs.get(library) ?? []).map(value));
const kilobytes = (bytes: number): string => (bytes / 1000).toFixed(1);
report(
  'idle',
  'Idle connected clients',
  [`${clients} clients after as many for warming up; median of ${sweeps} interleaved runs.`],
  [
    '| library | heap, kB a client | buffers, kB a client | CPU µs a connect |',
    '| --- | ---: | ---: | ---: |',
    ...LIBRARIES.map((library) => {
      const heap = kilobytes(of(library, ({ heapBytes }) => heapBytes));
      const external = kilobytes(of(library, ({ externalBytes }) => externalBytes));
      const cpu = of(library, ({ connectCpuMicroseconds }) => connectCpuMicroseconds);
      return `| ${library} | ${heap} | ${external} | ${cpu.toFixed(0)} |`;
    }),
  ],
);
