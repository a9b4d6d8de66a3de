// SPDX-License-Identifier: Apache-2.0
//
// A message that is kept must not pin much more memory than it holds (api.md, Receiving). Measured in a process of its own, whose
// garbage can be collected on demand.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const PROGRAM = join(import.meta.dirname, 'keep-messages.ts');

test.each(['stream', 'callback', 'receive'])(
  '10,000 kept messages of 64 bytes out of a flood hold less than 10 MB (%s)',
  (shape) => {
    const args = ['--expose-gc', '--conditions=@mqttv5/source', PROGRAM, shape];
    const held = Number(execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 }));
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThan(10_000_000);
  },
  60_000,
);
