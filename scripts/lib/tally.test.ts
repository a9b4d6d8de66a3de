// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { closingLine, single, sum, tallyVitest } from './tally.ts';

const directory = mkdtempSync(join(tmpdir(), 'mqttv5-tally-'));
afterAll(() => rmSync(directory, { recursive: true }));

interface Report {
  passed: number;
  failed: number;
  pending: number;
  files: { status: string; tests: string[] }[];
}

function report({ passed, failed, pending, files }: Report): string {
  const path = join(directory, 'report.json');
  const testResults = files.map(({ status, tests }) => ({
    status,
    name: 'x.test.ts',
    assertionResults: tests.map((each) => ({ status: each })),
  }));
  const counts = { numPassedTests: passed, numFailedTests: failed, numPendingTests: pending, numTodoTests: 0 };
  writeFileSync(path, JSON.stringify({ ...counts, testResults }));
  return path;
}

test('passed, failed and skipped tests are counted', () => {
  const path = report({ passed: 3, failed: 1, pending: 2, files: [{ status: 'failed', tests: ['failed', 'passed'] }] });
  expect(tallyVitest(path, 1)).toEqual({ passed: 3, failed: 1, skipped: 2 });
});

test('a file that does not load is a failure', () => {
  const path = report({ passed: 1, failed: 0, pending: 0, files: [{ status: 'failed', tests: [] }] });
  expect(tallyVitest(path, 1)).toEqual({ passed: 1, failed: 1, skipped: 0 });
});

test('an unhandled rejection is a failure although every test passed', () => {
  const path = report({ passed: 1, failed: 0, pending: 0, files: [{ status: 'passed', tests: ['passed'] }] });
  expect(tallyVitest(path, 1)).toEqual({ passed: 1, failed: 1, skipped: 0 });
});

test('a run without a report is a failure', () => {
  expect(tallyVitest(join(directory, 'none.json'), 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
});

test('the closing line is the sum', () => {
  expect(closingLine(sum([single(true), single(false), { passed: 5, failed: 0, skipped: 2 }]))).toBe(
    '6 passed, 1 failed, 2 skipped',
  );
});
