// SPDX-License-Identifier: Apache-2.0
//
// Every numbered statement that binds a client is named by a test of the client or its codec, or stands below with the reason
// why there is nothing to test. What the embedded broker is held to does not count here.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { statements } from './statements.ts';

const ROOT = join(import.meta.dirname, '../..');
const TESTS = [
  'packages/*/src/**/*.test.ts',
  'packages/*/test/**/*.ts',
  'conformance/src/**/*.test.ts',
  'conformance/src/scenarios/**/*.ts',
];

/** The client gives acknowledgements and AUTH no Reason String and no User Property: there is nothing to leave out. */
const SENDS_NONE = 'the client never puts Reason String or User Property on this packet';
const notTested: Readonly<Record<string, string>> = {
  'MQTT-3.4.2-2': SENDS_NONE,
  'MQTT-3.4.2-3': SENDS_NONE,
  'MQTT-3.5.2-2': SENDS_NONE,
  'MQTT-3.5.2-3': SENDS_NONE,
  'MQTT-3.6.2-2': SENDS_NONE,
  'MQTT-3.6.2-3': SENDS_NONE,
  'MQTT-3.7.2-2': SENDS_NONE,
  'MQTT-3.7.2-3': SENDS_NONE,
  'MQTT-3.15.2-2': SENDS_NONE,
  'MQTT-3.15.2-3': SENDS_NONE,
  'MQTT-4.2.0-1': 'TCP, TLS and WebSocket, each by its own suite',
  'MQTT-4.3.3-13': 'the client does not expire what it has received: it is delivered and answered',
};

const files = TESTS.flatMap((pattern) => globSync(pattern, { cwd: ROOT })).filter(
  (file) => !file.startsWith('packages/testing/') && !file.endsWith('statements.test.ts'),
);
const texts = files.map((file) => readFileSync(join(ROOT, file), 'utf8'));

test('the list is that of the standard: 134 statements, each once', () => {
  expect(new Set(statements).size).toBe(134);
  expect(statements).toHaveLength(134);
});

test.each(statements)('%s is named by a test, or has its reason', (id) => {
  const named = texts.some((text) => text.includes(id));
  expect(named || id in notTested).toBe(true);
});

test('a reason is given for nothing that a test names, and for nothing that is not a statement', () => {
  const superfluous = Object.keys(notTested).filter(
    (id) => !statements.includes(id) || texts.some((text) => text.includes(id)),
  );
  expect(superfluous).toEqual([]);
});
