// SPDX-License-Identifier: Apache-2.0

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startBroker } from '@mqttv5/testing';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryDirectory } from '@mqttv5/support/temporary-directory';

const run = promisify(execFile);
const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

test('the first program of the README runs, delivers, and ends by itself', async () => {
  const broker = await startBroker();
  onTestFinished(async () => await broker.close());
  const program = /```ts\n(?<code>.*?)```/su.exec(README)?.groups?.['code'] ?? '';
  const code = program.replace('mqtt://localhost', broker.url).replace("'data/", `'${temporaryDirectory()}/`);
  expect(code).not.toBe(program);
  const options = ['--conditions=@mqttv5/source', '--input-type=module-typescript', '--eval', code];
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const { stdout, stderr } = await run(process.execPath, options, { cwd, timeout: 8000 });
  expect([stdout, stderr]).toEqual(['', '']);
  expect(broker.clients.map(({ connected }) => connected)).not.toContain(true);
});
