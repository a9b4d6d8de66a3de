// SPDX-License-Identifier: Apache-2.0
//
// Says so many lines and kills itself. For the test of `child.ts`.
//
// node say-and-die.ts LINES

import process from 'node:process';
import { say } from './say.ts';

for (let line = 1; line <= Number(process.argv[2]); line += 1) say(`line ${line}`);
process.kill(process.pid, 'SIGKILL');
