// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { resolveClientOptions } from '../options/client-options.ts';
import type { PublishExchange, PublishOutcome } from '../session/effects.ts';
import { Counters } from '../stats.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { systemEnvironment } from './environment.ts';
import { SessionHost } from './session-host.ts';

/** A session without a connection: what waits in it can expire. */
function setUp() {
  const clock = new VirtualClock();
  const ended: string[] = [];
  const listener = {
    deliver: () => undefined,
    publishSettled: ({ topic }: PublishExchange, { error }: PublishOutcome) =>
      void ended.push(`${topic} ${error?.code}`),
    requestSettled: () => undefined,
    violation: () => undefined,
    restored: () => undefined,
    crashed: () => undefined,
  };
  const options = resolveClientOptions({ brokers: 'mqtt://localhost', clientId: 'c' });
  const host = new SessionHost(options, { ...systemEnvironment, clock }, new Counters(), listener);
  const publish = (topic: string, messageExpiryInterval: number): void => {
    host.engine?.publish(
      {
        topic,
        payload: new Uint8Array(0),
        qos: 1,
        retain: false,
        properties: { messageExpiryInterval },
        topicAlias: undefined,
        ref: undefined,
      },
      host.now(),
    );
    host.rearm();
  };
  return { clock, ended, host, publish };
}

test('messages that were never sent expire at their own time each, whichever was first, with one timer for all', () => {
  const { clock, ended, publish } = setUp();
  publish('later', 5);
  publish('soon', 2);
  publish('last', 9);
  expect(clock.pending).toBe(1);
  clock.advance(1_999);
  expect(ended).toEqual([]);
  clock.advance(1);
  expect(ended).toEqual(['soon MESSAGE_EXPIRED']);
  clock.advance(3_000);
  expect(ended).toEqual(['soon MESSAGE_EXPIRED', 'later MESSAGE_EXPIRED']);
  expect(clock.pending).toBe(1);
  clock.advance(4_000);
  expect(ended).toHaveLength(3);
  expect(clock.pending).toBe(0);
});

test('rest() leaves no timer behind, and rearm() goes on from there: what has expired meanwhile ends at once', () => {
  const { clock, ended, host, publish } = setUp();
  publish('a', 5);
  host.rest();
  expect(clock.pending).toBe(0);
  clock.advance(4_000);
  host.rearm();
  expect([clock.pending, ended]).toEqual([1, []]);
  host.rest();
  clock.advance(60_000);
  expect(ended).toEqual([]);
  host.rearm();
  clock.advance(0);
  expect(ended).toEqual(['a MESSAGE_EXPIRED']);
});
