// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { Child } from './child.ts';

test('what a process has said arrives, though it is killed while its reader is hundreds of lines behind', async () => {
  const child = Child.run(new URL('say-and-die.ts', import.meta.url), '5000');
  expect(await child.rest()).toHaveLength(5000);
  expect(await child.ended()).toBe('SIGKILL');
});

test('an exit code is told, and stderr', async () => {
  const child = Child.run(new URL('no-such-program.ts', import.meta.url));
  expect(await child.rest()).toEqual([]);
  expect(await child.ended()).toBe(1);
  expect(child.errors).toMatch(/Cannot find module/);
});
