// SPDX-License-Identifier: Apache-2.0
//
// `pnpm bench`: every question of this folder, one after the other. `pnpm bench QUESTION [...]`: one of them, with its arguments.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';

const QUESTIONS = ['traffic', 'codec', 'idle', 'filters', 'slow-consumer', 'persistence'];

const [question, ...args] = process.argv.slice(2);
if (question !== undefined && !QUESTIONS.includes(question)) {
  throw new TypeError(`usage: pnpm bench [${QUESTIONS.join(' | ')}]`);
}
for (const each of question === undefined ? QUESTIONS : [question]) {
  const file = join(import.meta.dirname, `${each}.ts`);
  const child = spawn(process.execPath, [...process.execArgv, file, ...args], { stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${each} ended with ${code}`);
}
