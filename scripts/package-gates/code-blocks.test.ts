// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { codeBlocks, commentBlocks } from './code-blocks.ts';

const markdown = (...lines: string[]): string => lines.join('\n');

test('a block keeps its line numbers, and other languages are left out', () => {
  const text = markdown('# Title', '```sh', 'npm i', '```', '```ts', 'const a = 1;', 'a;', '```', 'text');
  expect(codeBlocks(text)).toEqual([{ line: 6, code: '\n\n\n\n\nconst a = 1;\na;' }]);
});

test('"continued" goes on in the block before', () => {
  const text = markdown('```ts', 'const a = 1;', '```', 'and then', '```ts continued', 'a;', '```');
  expect(codeBlocks(text)).toEqual([{ line: 2, code: '\nconst a = 1;\n\n\n\na;' }]);
});

test('two blocks are two modules', () => {
  const text = markdown('```ts', 'const a = 1;', '```', '```typescript', 'const a = 2;', '```');
  expect(codeBlocks(text).map(({ line }) => line)).toEqual([2, 5]);
});

test('a longer fence may contain a shorter one', () => {
  const text = markdown('````md', '```ts', 'no();', '```', '````', '```ts', 'yes();', '```');
  expect(codeBlocks(text).map(({ code }) => code.trim())).toEqual(['yes();']);
});

test('the blocks of documentation comments are found, and code that looks like one is not', () => {
  const source = [
    '/**',
    ' * Does it.',
    ' * @example',
    ' * ```ts',
    ' * it();',
    ' * ```',
    ' */',
    'const a = `',
    '```ts',
    'no();',
    '```',
    '`;',
  ];
  expect(commentBlocks(source.join('\n')).map(({ line, code }) => [line, code.trim()])).toEqual([[5, 'it();']]);
});
