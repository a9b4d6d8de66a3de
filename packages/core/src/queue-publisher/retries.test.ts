// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { VirtualClock } from '../virtual-clock.ts';
import { Retries } from './retries.ts';

function setUp(delays: readonly number[]) {
  const clock = new VirtualClock();
  let woken = 0;
  let next = 0;
  const retries = new Retries(
    clock,
    () => delays[next++] ?? 0,
    () => {
      woken += 1;
    },
  );
  const takeDue = (): number[] => {
    const taken: number[] = [];
    for (let due = retries.due(); due !== undefined; due = retries.due()) {
      retries.forget(due);
      taken.push(due);
    }
    return taken;
  };
  return { clock, retries, takeDue, wakes: () => woken };
}

test('each comes when its delay is over, whatever the order in which they failed, on one timer', () => {
  const { clock, retries, takeDue, wakes } = setUp([300, 100, 200]);
  for (const sequence of [1, 2, 3]) retries.later(sequence);
  expect([retries.size, clock.pending, takeDue()]).toEqual([3, 1, []]);
  clock.advance(100);
  expect([takeDue(), wakes()]).toEqual([[2], 1]);
  clock.advance(100);
  expect(takeDue()).toEqual([3]);
  clock.advance(100);
  expect([takeDue(), retries.size, clock.pending]).toEqual([[1], 0, 0]);
});

test('attempts of one entry are counted over its retries, until it is settled', () => {
  const attempts: number[] = [];
  const retries = new Retries(
    new VirtualClock(),
    (attempt) => attempts.push(attempt),
    () => {},
  );
  retries.later(1);
  retries.forget(1);
  retries.later(1);
  retries.later(2);
  retries.settled(1);
  retries.later(1);
  expect(attempts).toEqual([1, 2, 1, 1]);
});

test('one that goes at once is due without a timer, and first', () => {
  const { clock, retries, takeDue } = setUp([50]);
  retries.later(1);
  retries.atOnce(2);
  expect(takeDue()).toEqual([2]);
  expect([retries.has(1), clock.pending]).toEqual([true, 1]);
  retries.clear();
  expect([retries.has(1), retries.size, clock.pending]).toEqual([false, 0, 0]);
});
