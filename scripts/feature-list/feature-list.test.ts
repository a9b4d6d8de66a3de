// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from '../lib/run.ts';
import { featureList, toMarkdown } from './feature-list.ts';
import { readFeatureList } from './main.ts';
import { rows } from './rows.ts';

const ROWS = [
  ['S-901', 'one'],
  ['S-902', 'two | three'],
] as const;
const file = (text: string) => [{ path: 'a.test.ts', text }];

describe('the rows of this repository', () => {
  test('each is named by a test, or has its reason, and not both', () => {
    expect(readFeatureList().problems).toEqual([]);
  });

  test('docs/go-features.md has every one of them', () => {
    const document = readFileSync(join(root, 'docs/go-features.md'), 'utf8');
    expect(rows.filter(([id]) => !document.includes(`| ${id} |`))).toEqual([]);
  });
});

test('a title names a row, a comment does not', () => {
  const { entries, problems } = featureList(
    ROWS,
    {},
    file("// S-901\n /* S-901\n * S-902 */\ntest('it\\'s so (S-902)', …"),
  );
  expect(entries[1]?.tests).toEqual([{ path: 'a.test.ts', title: "it's so (S-902)" }]);
  expect(problems).toEqual(['S-901 is named by no test and has no reason: one']);
});

test('a reason for a row that has a test, or that is none, is a problem', () => {
  const { problems } = featureList(ROWS, { 'S-901': 'gone', 'S-902': 'gone', 'S-999': 'x' }, file("test('S-901')"));
  expect(problems).toEqual(['S-901 has a reason and is named in a.test.ts', 'S-999 has a reason and is no row']);
});

test('the document links the files, and gives the reasons', () => {
  const document = toMarkdown(featureList(ROWS, { 'S-902': 'Not here.' }, file("test('S-901 a')\ntest('S-901 b')")));
  expect(document).toContain('| S-901 | one | [a.test.ts](../a.test.ts) ×2 |');
  expect(document).toContain('| S-902 | two \\| three | does not apply: Not here. |');
});
