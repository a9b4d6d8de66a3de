// SPDX-License-Identifier: Apache-2.0
//
// For the tests of the suites themselves: runs cases and tells which failed.

import type { ContractCase } from './contract.ts';

/** Names of the cases that failed, without the suite's prefix. */
export async function failedCases(cases: readonly ContractCase[]): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const { name, run } of cases) {
    try {
      await run();
    } catch {
      failed.push(withoutPrefix(name));
    }
  }
  return failed;
}

/** Whether one of the cases whose names hold `words` fails. The others are not run: they prove nothing here. */
export async function isNoticedBy(cases: readonly ContractCase[], words: string): Promise<boolean> {
  return (await failedCases(cases.filter(({ name }) => name.includes(words)))).length > 0;
}

function withoutPrefix(name: string): string {
  return name.slice(name.indexOf(': ') + 2);
}
