// SPDX-License-Identifier: Apache-2.0
// What no compiler checks: imports only point down, the engine is pure, browsers reach no Node, nothing local is committed.
//
//     node scripts/boundaries/main.ts
import { root } from '../lib/run.ts';
import { single, sum } from '../lib/tally.ts';
import type { Tally } from '../lib/tally.ts';
import { readRepository } from './repository.ts';
import { rules } from './rules.ts';

/** Prints every violation; each rule counts as one check. */
// oxlint-disable-next-line typescript/require-await -- a step of `npm test` is asynchronous
export async function checkBoundaries(): Promise<Tally> {
  const repository = readRepository(root);
  const tallies = rules.map(({ name, check }) => {
    const violations = check(repository);
    console.log(`${violations.length === 0 ? '✓' : '✗'} ${name}`);
    for (const { path, line, message } of violations) console.log(`    ${path}${line ? `:${line}` : ''} ${message}`);
    return single(violations.length === 0);
  });
  return sum(tallies);
}

if (import.meta.main) process.exitCode = (await checkBoundaries()).failed > 0 ? 1 : 0;
