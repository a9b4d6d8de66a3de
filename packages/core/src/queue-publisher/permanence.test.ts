// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { isMqttError, mqttError, ReasonCodeError, RejectedByDisconnectError, StoreError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { errorOfDeadEntry, isBusy, isPermanent, leavesItToTheSession } from './permanence.ts';

test('refusals that another attempt cannot change are permanent, all others are not (V-108)', () => {
  const permanent = [0x87, 0x90, 0x95, 0x99, 0x9a, 0x9b];
  for (let reasonCode = 0x80; reasonCode <= 0xff; reasonCode++) {
    const error = new ReasonCodeError('PUBLISH_REFUSED', 'no', { reasonCode });
    expect([reasonCode, isPermanent(error)]).toEqual([reasonCode, permanent.includes(reasonCode)]);
  }
});

test('so are their local equivalents', () => {
  for (const code of ['PACKET_TOO_LARGE', 'QOS_NOT_SUPPORTED', 'RETAIN_NOT_SUPPORTED', 'INVALID_TOPIC'] as const)
    expect(isPermanent(mqttError(code, 'no'))).toBe(true);
  expect(isPermanent(new RejectedByDisconnectError('no', 0x81, []))).toBe(true);
  for (const code of ['SESSION_LOST', 'CONNECTION_LOST'] as const)
    expect(isPermanent(mqttError(code, 'no'))).toBe(false);
});

test('a client without room is no refusal', () => {
  for (const code of ['NOT_CONNECTED', 'CLOSED', 'PUBLISH_QUEUE_FULL', 'PACKET_IDS_EXHAUSTED'] as const)
    expect(isBusy(mqttError(code, 'no'))).toBe(true);
  expect(isBusy(mqttError('PACKET_TOO_LARGE', 'no'))).toBe(false);
});

test('what a failed store leaves open goes on in the session, what it never took does not (Q-03)', () => {
  expect(leavesItToTheSession(new StoreError('no', { delivery: 'unknown' }))).toBe(true);
  expect(leavesItToTheSession(mqttError('CLOSED', 'no'))).toBe(true);
  expect(leavesItToTheSession(new StoreError('no', { delivery: 'notSent' }))).toBe(false);
  expect(leavesItToTheSession(mqttError('SESSION_LOST', 'no'))).toBe(false);
});

test.each([
  'PUBLISH_REFUSED',
  'REJECTED_BY_DISCONNECT',
  'STORE_FAILED',
  'MESSAGE_EXPIRED',
  'QUEUE_EVICTED',
] as ErrorCode[])('the error of an entry that died of %s before a restart is one of its kind', (code) => {
  const error = errorOfDeadEntry(code, 'a/b');
  expect(error.code).toBe(code);
  expect(error.message).toContain('"a/b"');
  expect(isMqttError(error)).toBe(true);
  expect('reasonCode' in error).toBe(code === 'PUBLISH_REFUSED' || code === 'REJECTED_BY_DISCONNECT');
});
