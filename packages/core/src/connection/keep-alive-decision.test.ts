// SPDX-License-Identifier: Apache-2.0

import { describe, expect, test } from 'vitest';
import { decideKeepAlive, effectivePingTimeoutMs } from './keep-alive-decision.ts';
import type { KeepAliveDecision, KeepAliveState } from './keep-alive-decision.ts';

const QUIET: KeepAliveState = {
  intervalMs: 10_000,
  pingTimeoutMs: 5000,
  lastSentAt: 0,
  lastReceivedAt: 0,
  unansweredSince: undefined,
  reading: true,
};

interface Row {
  readonly name: string;
  readonly state: Partial<KeepAliveState>;
  readonly now: number;
  readonly decision: KeepAliveDecision;
}

const wait = (until: number | undefined): KeepAliveDecision => ({ action: 'wait', until });

const ROWS: readonly Row[] = [
  { name: 'waits until 5 % before the interval is over', state: {}, now: 9499, decision: wait(9500) },
  { name: 'pings 5 % early [MQTT-3.1.2-20]', state: {}, now: 9500, decision: { action: 'ping' } },
  { name: 'pings at once when the loop woke up late', state: {}, now: 60_000, decision: { action: 'ping' } },
  {
    name: 'counts from the older direction: only received',
    state: { lastReceivedAt: 9000 },
    now: 9500,
    decision: { action: 'ping' },
  },
  {
    name: 'counts from the older direction: only sent',
    state: { lastSentAt: 9000 },
    now: 9500,
    decision: { action: 'ping' },
  },
  {
    name: 'traffic both ways: waits (T-104)',
    state: { lastSentAt: 9000, lastReceivedAt: 8000 },
    now: 9500,
    decision: wait(17_500),
  },
  { name: 'without keep alive waits for ever', state: { intervalMs: 0 }, now: 1e9, decision: wait(undefined) },
  {
    name: 'one open at a time: waits for the answer, however quiet it is',
    state: { unansweredSince: 9500 },
    now: 14_499,
    decision: wait(14_500),
  },
  {
    name: 'no answer in time: dead (T-106)',
    state: { unansweredSince: 9500 },
    now: 14_500,
    decision: { action: 'condemn' },
  },
  {
    name: 'a ping without keep alive is answered in time too',
    state: { intervalMs: 0, unansweredSince: 0 },
    now: 5000,
    decision: { action: 'condemn' },
  },
  {
    name: 'reading paused: no deadline, and PINGREQ still goes out',
    state: { reading: false, unansweredSince: 100 },
    now: 9500,
    decision: { action: 'ping' },
  },
  {
    name: 'reading paused: only what was sent counts',
    state: { reading: false, lastSentAt: 9000 },
    now: 9500,
    decision: wait(18_500),
  },
  {
    name: 'reading paused, no keep alive: waits',
    state: { reading: false, intervalMs: 0, unansweredSince: 0 },
    now: 1e9,
    decision: wait(undefined),
  },
];

describe('keep alive decides (T-100, §3.1.2.10)', () => {
  for (const row of ROWS) {
    test(row.name, () => {
      expect(decideKeepAlive({ ...QUIET, ...row.state }, row.now)).toEqual(row.decision);
    });
  }
});

describe('the ping timeout in force (T-101, V-071)', () => {
  test.each([
    { option: undefined, keepAliveS: 30, ms: 10_000 },
    { option: undefined, keepAliveS: 60, ms: 10_000 },
    { option: undefined, keepAliveS: 6, ms: 3000 },
    { option: undefined, keepAliveS: 0, ms: 10_000 },
    { option: 4000, keepAliveS: 30, ms: 4000 },
    { option: 20_000, keepAliveS: 60, ms: 20_000 },
    // Fitting the keep alive asked for, not the one that the broker granted.
    { option: 20_000, keepAliveS: 5, ms: 5000 },
    { option: 4000, keepAliveS: 0, ms: 4000 },
  ])('option $option, keep alive $keepAliveS s: $ms ms', ({ option, keepAliveS, ms }) => {
    expect(effectivePingTimeoutMs(option, keepAliveS * 1000)).toBe(ms);
  });
});
