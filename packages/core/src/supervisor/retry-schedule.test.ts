// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import type { Report } from '../api/logger.ts';
import { type AnyMqttError, mqttError, ReasonCodeError } from '../errors.ts';
import { type RetrySettings, RetrySchedule } from './retry-schedule.ts';

const lost = mqttError('CONNECTION_LOST', 'gone');
const takenOver = new ReasonCodeError('SESSION_TAKEN_OVER', 'taken over', { reasonCode: 0x8e }) as AnyMqttError;

function schedule(settings: Partial<RetrySettings> = {}, report: Report = () => expect.unreachable()) {
  return new RetrySchedule(
    {
      reconnect: (attempt) => Math.min(100 * 2 ** (attempt - 1), 10_000),
      maximumReconnectAttempts: Infinity,
      shouldReconnect: () => true,
      ...settings,
    },
    { report },
  );
}

test('delays grow while connections die at once, and start over after one that outlived the delay before it (V-084, T-178)', () => {
  const retries = schedule();
  const delays: number[] = [];
  for (const lifetime of [50, 150, 300, 900]) {
    delays.push(retries.next(false));
    retries.connected(1_000);
    retries.connectionLost(1_000 + lifetime);
  }
  // 50 ≤ 100, 150 ≤ 200 and 300 ≤ 400 go on; 900 > 800 starts over.
  expect(delays).toEqual([100, 200, 400, 800]);
  expect(retries.next(false)).toBe(100);
});

test('the attempts are bounded', () => {
  const retries = schedule({ maximumReconnectAttempts: 2 });
  retries.next(false);
  expect(retries.allows(lost)).toBe(true);
  retries.next(false);
  expect(retries.allows(lost)).toBe(false);
});

test('`reconnect: false` allows none', () => {
  expect(schedule({ reconnect: false }).allows(lost)).toBe(false);
});

test('after a takeover that the application allows, the wait is the longest of the backoff', () => {
  expect(schedule().next(true)).toBe(10_000);
});

test('what cannot succeed is not asked about: session state missing, failed store', () => {
  const asked: string[] = [];
  const retries = schedule({
    shouldReconnect: ({ error }) => {
      asked.push(error.code);
      return true;
    },
  });
  expect(retries.allows(mqttError('SESSION_STATE_MISSING', 'no state'))).toBe(false);
  expect(asked).toEqual([]);
});

test('the application sees the error, its Reason Code and the number of the attempt', () => {
  const seen: unknown[] = [];
  const retries = schedule({
    shouldReconnect: (failure) => {
      seen.push(failure);
      return false;
    },
  });
  retries.next(false);
  expect(retries.allows(takenOver)).toBe(false);
  expect(seen).toEqual([{ error: takenOver, reasonCode: 0x8e, attempt: 2 }]);
});

test.each([Number.NaN, -1, Infinity])(
  'a backoff that gives %d gets a delay that is neither at once nor never, and is reported',
  (delay) => {
    const { reported, report } = recorder();
    expect(schedule({ reconnect: () => delay }, report).next(false)).toBe(30_000);
    const error: unknown = expect.objectContaining({
      code: 'INVALID_OPTION',
      message: expect.stringContaining(`${delay}`),
    });
    expect(reported).toEqual([['mqtt: reconnect failed', error]]);
  },
);

function recorder() {
  const reported: unknown[] = [];
  const report: Report = (...line) => void reported.push(line);
  return { reported, report };
}

test('a backoff that throws gets that delay too, and is reported', () => {
  const { reported, report } = recorder();
  const error = new Error('no such attempt');
  const reconnect = (): number => {
    throw error;
  };
  expect(schedule({ reconnect }, report).next(false)).toBe(30_000);
  expect(reported).toEqual([['mqtt: reconnect failed', error]]);
});

test('a shouldReconnect that throws has said no, and is reported', () => {
  const { reported, report } = recorder();
  const error = new Error('cannot decide');
  const shouldReconnect = (): boolean => {
    throw error;
  };
  expect(schedule({ shouldReconnect }, report).allows(lost)).toBe(false);
  expect(reported).toEqual([['mqtt: shouldReconnect failed', error]]);
});
