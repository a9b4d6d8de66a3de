// SPDX-License-Identifier: Apache-2.0

import { readFileSync } from 'node:fs';
import { runInThisContext } from 'node:vm';
import { expect, test } from 'vitest';
import * as wire from '../src/index.ts';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

test('the program in the README prints what it says', () => {
  const program = /```ts\n(?<code>.*?)```/su.exec(README)?.groups?.['code'] ?? '';
  const [, expected = ''] = /^\/\/ (.*)$/mu.exec(program) ?? [];
  const names = /^import \{(?<names>.*)\} from '@mqttv5\/wire';$/mu.exec(program)?.groups?.['names'] ?? '';
  const body = program.replace(/^import .*$/mu, '');
  const printed: unknown[] = [];
  const run = runInThisContext(`(({${names}}, console) => {${body}})`) as (exports: object, console: object) => void;
  run(wire, { log: (...values: unknown[]) => printed.push(...values) });
  expect(printed).toEqual(['kitchen/temperature', '21.5', [['unit', '°C']]]);
  expect(expected).toContain('kitchen/temperature 21.5');
});

test('the README names every function and class that is exported', () => {
  for (const name of Object.keys(wire)) expect(README).toContain(name);
});
