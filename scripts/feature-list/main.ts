// SPDX-License-Identifier: Apache-2.0
// Every row of the Go client's lists is named by a test, or has a reason. With --write: docs/go-features.md anew.
//
//     node scripts/feature-list/main.ts [--write]
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../lib/run.ts';
import { type FeatureList, featureList, toMarkdown } from './feature-list.ts';
import { notApplicable } from './not-applicable.ts';
import { rows } from './rows.ts';

const TEST_FILES = [
  'packages/*/{src,test}/**/*.test.ts',
  'packages/*/{src,test}/**/*.test-d.ts',
  'conformance/src/**/*.test.ts',
  'examples/*/{src,test}/**/*.test.ts',
];

export function readFeatureList(): FeatureList {
  const paths = TEST_FILES.flatMap((pattern) => globSync(pattern, { cwd: root })).sort();
  const files = paths.map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
  return featureList(rows, notApplicable, files);
}

if (import.meta.main) {
  const list = readFeatureList();
  if (process.argv.includes('--write')) writeFileSync(join(root, 'docs/go-features.md'), toMarkdown(list));
  for (const problem of list.problems) console.error(problem);
  if (list.problems.length > 0) process.exitCode = 1;
}
