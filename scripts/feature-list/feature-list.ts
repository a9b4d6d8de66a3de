// SPDX-License-Identifier: Apache-2.0
//
// Which test names which row. A row is named by a test when its identifier stands in a string of a test file: the title of the
// test, or of the table it comes from. A comment does not count.

export interface TestFile {
  readonly path: string;
  readonly text: string;
}

export interface FeatureList {
  /** For each row the tests that name it, or the reason why there is none. */
  readonly entries: readonly FeatureEntry[];
  /** Rows with neither, and reasons nobody needs. */
  readonly problems: readonly string[];
}

export interface FeatureEntry {
  readonly id: string;
  readonly subject: string;
  readonly tests: readonly { readonly path: string; readonly title: string }[];
  readonly reason: string | undefined;
}

export function featureList(
  rows: readonly (readonly [id: string, subject: string])[],
  reasons: Readonly<Record<string, string>>,
  files: readonly TestFile[],
): FeatureList {
  const titles = files.flatMap(({ path, text }) => titlesIn(text).map((title) => ({ path, title })));
  const entries = rows.map(([id, subject]) => {
    const tests = titles.filter(({ title }) => title.includes(id));
    return { id, subject, tests, reason: Object.hasOwn(reasons, id) ? reasons[id] : undefined };
  });
  const known = new Set(rows.map(([id]) => id));
  return {
    entries,
    problems: [
      ...entries
        .filter(({ tests, reason }) => tests.length === 0 && reason === undefined)
        .map(({ id, subject }) => `${id} is named by no test and has no reason: ${subject}`),
      ...entries
        .filter(({ tests, reason }) => tests.length > 0 && reason !== undefined)
        .map(({ id, tests }) => `${id} has a reason and is named in ${tests[0]?.path}`),
      ...Object.keys(reasons)
        .filter((id) => !known.has(id))
        .map((id) => `${id} has a reason and is no row`),
    ],
  };
}

/** Strings that name a row, as they stand in the source. */
function titlesIn(text: string): readonly string[] {
  const withoutComments = text.replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, '');
  return [...withoutComments.matchAll(/'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|"(?:\\.|[^"\\\n])*"/g)]
    .map(([literal]) => literal.slice(1, -1).replaceAll(/\\(.)/g, '$1'))
    .filter((literal) => /\b[STV]-\d{3}\b/.test(literal) && !literal.includes('\n'));
}

export function toMarkdown({ entries }: FeatureList): string {
  const lines = entries.map(({ id, subject, tests, reason }) => {
    const paths = [...new Set(tests.map(({ path }) => path))];
    const cells = paths.map((path) => {
      const times = tests.filter((each) => each.path === path).length;
      return `[${path}](../${path})${times > 1 ? ` ×${times}` : ''}`;
    });
    return `| ${id} | ${cell(subject)} | ${cells.length > 0 ? cells.join('<br>') : `does not apply: ${reason ?? ''}`} |`;
  });
  return `# Rows of the Go client, and the tests that name them

Written by \`node scripts/feature-list/main.ts --write\`. \`npm test\` fails when a row has neither a test nor a reason.

S- rows are what v0.10 of the Go client offers, V- rows what v0.11 added or corrected, T- rows what its suites test; names and wording are that client's. A test names a row in its title: search the file for the identifier.

| Row | Subject | Test, or why there is none |
| --- | --- | --- |
${lines.join('\n')}
`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
