// SPDX-License-Identifier: Apache-2.0
//
// Every example of the README is a program, and runs.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
const examples = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code);

test('there are examples', () => {
  expect(examples).toHaveLength(6);
});

test.each(examples.map((code, index) => [index + 1, code] as const))(
  'example %i runs',
  async (_number, code) => {
    const run = promisify(execFile);
    // The child must not take itself for a worker of the runner: `node:test` would then print nothing and fail nothing.
    const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
    const args = ['--conditions=@mqttv5/source', '--input-type=module-typescript', '--eval', code];
    const cwd = new URL('..', import.meta.url);
    await expect(run(process.execPath, args, { cwd, env, timeout: 20_000 })).resolves.toMatchObject({ stderr: '' });
  },
  30_000,
);
