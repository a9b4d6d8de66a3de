// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import type { Report } from '../api/logger.ts';
import type { QueueOptions, QueuePublishOptions } from '../api/queue.ts';
import { type AnyMqttError, mqttError } from '../errors.ts';
import { newEntry, resolveQueueOptions } from './queue-options.ts';

const resolve = (given?: QueueOptions, report: Report = () => expect.unreachable()) =>
  resolveQueueOptions(given, report);
const options = resolve();

test('ids are 128 bits in hex, and no two are the same', () => {
  const ids = Array.from({ length: 1000 }, () => newEntry('t', '', undefined, options, 0).id);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(new Set(ids).size).toBe(ids.length);
});

test('the defaults are those of the documentation', () => {
  const { retryBackoff, isPermanent: _, ...rest } = options;
  expect(rest).toEqual({
    window: 32,
    maximumSize: Number.POSITIVE_INFINITY,
    overflow: 'dropNewest',
    ttlMs: undefined,
    onDeadLetter: undefined,
    idempotencyKey: false,
  });
  // 1 s doubling to 1 min, half a second either way.
  for (const [attempt, delayMs] of [
    [1, 1000],
    [2, 2000],
    [6, 32_000],
    [7, 60_000],
    [99, 60_000],
  ] as const) {
    const delays = Array.from({ length: 100 }, () => retryBackoff(attempt) - delayMs);
    for (const delay of delays) expect(Math.abs(delay)).toBeLessThanOrEqual(500);
    // And not less, below the longest alone at its own: publishers that were refused together are to come back apart.
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(delayMs === 60_000 ? 250 : 500);
  }
});

test('only options that were given are stored', () => {
  const entry = newEntry('t', 'é', { retain: undefined, contentType: '', id: 'mine' }, options, 1234);
  expect(entry).toEqual({
    id: 'mine',
    topic: 't',
    payload: new TextEncoder().encode('é'),
    options: { qos: 1, contentType: '' },
    enqueuedAt: 1234,
    expiresAt: undefined,
  });
});

test('the lifetime is an instant: that of ttlMs or messageExpiryInterval, whichever is earlier', () => {
  const limited = resolve({ ttlMs: 5000 });
  const expiry = (messageExpiryInterval?: number) =>
    newEntry('t', '', { messageExpiryInterval }, limited, 1000).expiresAt;
  expect([expiry(), expiry(3), expiry(9), expiry(0)]).toEqual([6000, 4000, 6000, 1000]);
});

test('a classifier that throws leaves it to the default, and is not silent', () => {
  const said: unknown[] = [];
  const isPermanentOf = (error: AnyMqttError): boolean => {
    throw new TypeError(`no ${error.code}`);
  };
  const { isPermanent } = resolve({ isPermanent: isPermanentOf }, (...line) => void said.push(line));
  expect(isPermanent(mqttError('PACKET_TOO_LARGE', 'large'))).toBe(true);
  expect(said).toEqual([['mqtt: isPermanent failed', expect.any(TypeError)]]);
});

test('so does a backoff that gives no delay leave it to 1 s', () => {
  const said: unknown[] = [];
  const { retryBackoff } = resolve({ retryBackoff: () => -1 }, (...line) => void said.push(line));
  expect(retryBackoff(1)).toBe(1000);
  expect(said).toHaveLength(1);
});

test.each([
  ['INVALID_OPTION', { qos: 3 }],
  ['INVALID_OPTION', { ttl: 1 }],
  ['INVALID_OPTION', { id: '' }],
  ['INVALID_OPTION', { signal: 5 }],
  ['QOS0_NOT_QUEUEABLE', { qos: 0 }],
])('what is refused at once is known not to be sent: %s for %o', (code, wrong) => {
  // What a program without types may pass.
  const enqueue = () => newEntry('t', '', wrong as QueuePublishOptions, options, 0);
  expect(enqueue).toThrow(expect.objectContaining({ code, delivery: 'notSent' }));
});

test('an id that will not fit into its User Property is refused before it is stored', () => {
  const id = 'x'.repeat(65_536);
  expect(newEntry('t', '', { id }, options, 0).id).toBe(id);
  const identified = resolve({ idempotencyKey: true });
  expect(() => newEntry('t', '', { id }, identified, 0)).toThrow(expect.objectContaining({ code: 'FIELD_TOO_LONG' }));
  expect(newEntry('t', '', { id: id.slice(1) }, identified, 0).options.userProperties).toEqual([
    ['mqttv5-msg-id', id.slice(1)],
  ]);
});
