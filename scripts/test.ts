// SPDX-License-Identifier: Apache-2.0
// Everything `npm test` checks, in the order in which a failure tells most. A failing step does not hide the later ones;
// the last line is the sum, alone on its line, and the exit code follows it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkBoundaries } from './boundaries/main.ts';
import { run } from './lib/run.ts';
import { closingLine, single, sum, tallyVitest } from './lib/tally.ts';
import type { Tally } from './lib/tally.ts';
import { checkPackages } from './package-gates/main.ts';

const MINUTE_MS = 60_000;
const reports = mkdtempSync(join(tmpdir(), 'mqttv5-test-'));

/** A command that must exit with 0. */
function command(program: string, ...args: string[]): () => Promise<Tally> {
  return async () => single((await run(program, args, { timeoutMs: 5 * MINUTE_MS })).code === 0);
}

async function vitest(): Promise<Tally> {
  const report = join(reports, 'vitest.json');
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { code } = await run('vitest', args, { timeoutMs: 12 * MINUTE_MS });
  return tallyVitest(report, code);
}

const steps: readonly { name: string; check: () => Promise<Tally> }[] = [
  { name: 'build', check: command('turbo', 'run', 'build', '--output-logs=errors-only', '--continue') },
  { name: 'format', check: command('biome', 'format', '.') },
  { name: 'lint', check: command('oxlint', '--type-aware', '--deny-warnings') },
  { name: 'type check', check: command('turbo', 'run', 'typecheck', '--output-logs=errors-only', '--continue') },
  { name: 'type check of the workspace scripts', check: command('tsc', '-p', 'tsconfig.json') },
  { name: 'boundaries', check: checkBoundaries },
  { name: 'tests', check: vitest },
  { name: 'packages as they would be published', check: checkPackages },
];

const startedAt = performance.now();
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const tallies: Tally[] = [];
const failures: string[] = [];

for (const { name, check } of steps) {
  console.log(`\n=== ${name}`);
  const stepStartedAt = performance.now();
  const tally = await check().catch((error: unknown) => {
    console.error(error);
    return single(false);
  });
  tallies.push(tally);
  if (tally.failed > 0) failures.push(name);
  console.log(`=== ${name}: ${closingLine(tally)} (${seconds(stepStartedAt)})`);
}
rmSync(reports, { recursive: true, force: true });

const total = sum(tallies);
console.log(`\nAll of it took ${seconds(startedAt)}.`);
if (failures.length > 0) console.log(`Failed: ${failures.join(', ')}.`);
if (total.failed > 0) process.exitCode = 1;
console.log(closingLine(total));
