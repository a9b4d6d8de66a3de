// SPDX-License-Identifier: Apache-2.0
// What no compiler checks: imports only point down, the engine is pure, browsers reach no Node, nothing local is committed.
//
//     node scripts/boundaries/main.ts
import { gate } from '../lib/gate.ts';
import { root } from '../lib/run.ts';
import { sum } from '../lib/tally.ts';
import type { Tally } from '../lib/tally.ts';
import { readRepository } from './repository.ts';
import { rules } from './rules.ts';

/** Prints every violation; each rule counts as one check. */
export async function checkBoundaries(): Promise<Tally> {
  const repository = readRepository(root);
  const tallies: Tally[] = [];
  for (const { name, check } of rules) {
    const found = (): string =>
      check(repository)
        .map(({ path, line, message }) => `${path}${line ? `:${line}` : ''} ${message}`)
        .join('\n');
    tallies.push(await gate(name, found));
  }
  return sum(tallies);
}

if (import.meta.main) process.exitCode = (await checkBoundaries()).failed > 0 ? 1 : 0;
