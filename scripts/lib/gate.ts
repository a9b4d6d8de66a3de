// SPDX-License-Identifier: Apache-2.0
import { single } from './tally.ts';
import type { Tally } from './tally.ts';

/** Runs one check and prints what it found; nothing is good. What it throws is a finding, too. */
export async function gate(name: string, check: () => string | void | Promise<string | void>): Promise<Tally> {
  let problems: string;
  try {
    problems = ((await check()) ?? '').trim();
  } catch (error) {
    problems = String(error);
  }
  console.log(`${problems === '' ? '✓' : '✗'} ${name}`);
  if (problems !== '') console.log(problems.replaceAll(/^/gm, '    '));
  return single(problems === '');
}
