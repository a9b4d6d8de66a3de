// SPDX-License-Identifier: Apache-2.0
//
// Results as they are kept: a Markdown file that says on what it was measured, and with what.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, platform, release } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

const here = import.meta.dirname;
const loadBefore = loadavg()[0] ?? 0;

/** Prints a table and what it was made on; `keep` also writes it to `results/NAME.md`. */
export function report(
  name: string,
  title: string,
  notes: readonly string[],
  table: readonly string[],
  keep = true,
): void {
  const load = `load ${loadBefore.toFixed(1)} before and ${(loadavg()[0] ?? 0).toFixed(1)} after`;
  const lines = [
    `# ${title}`,
    '',
    `Node ${process.version}, ${platform()} ${release()}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'CPU'}, ${load}.`,
    `mqttv5 at ${commit()}, MQTT.js ${version('mqtt')}, mqtt-packet ${version('mqtt-packet')}.`,
    ...notes,
    '',
    `Repeat with \`pnpm bench ${name}\`.`,
    '',
    ...table,
  ];
  const text = `${lines.join('\n')}\n`;
  console.log(text);
  if (!keep) return;
  mkdirSync(join(here, '../results'), { recursive: true });
  writeFileSync(join(here, `../results/${name}.md`), text);
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Rounded, with separators. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function commit(): string {
  return execFileSync('git', ['describe', '--always', '--dirty'], { cwd: here, encoding: 'utf8' }).trim();
}

function version(name: string): string {
  const file = join(here, '../node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
