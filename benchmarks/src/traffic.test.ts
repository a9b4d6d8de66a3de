// SPDX-License-Identifier: Apache-2.0

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const main = join(import.meta.dirname, 'main.ts');
const condition = '--conditions=@mqttv5/source';

test('the traffic benchmark runs: every message arrives once, in order, with each library', async () => {
  const args = [condition, main, 'traffic', '1', 'publish QoS 1, 64 in flight', '0.002'];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  for (const library of ['mqttv5', 'mqttjs', 'bare'])
    expect(stdout).toContain(`| publish QoS 1, 64 in flight | ${library} |`);
}, 60_000);
