// SPDX-License-Identifier: Apache-2.0

import { afterEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from './clock.ts';
import { VirtualClock } from './virtual-clock.ts';

describe('the system clock', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test('counts milliseconds from the epoch of the wall clock, and never backwards', () => {
    const before = systemClock.now();
    expect(Math.abs(before - Date.now())).toBeLessThan(60_000);
    expect(systemClock.now()).toBeGreaterThanOrEqual(before);
  });

  test('a timer calls back no earlier than asked', async () => {
    for (const delayMs of [0, 1, 1.5, 3, 7]) {
      const begun = performance.now();
      await new Promise<void>((resolve) => {
        systemClock.setTimer(delayMs, resolve);
      });
      expect(performance.now() - begun).toBeGreaterThanOrEqual(delayMs);
    }
  });

  test('a delay beyond 2^31-1 ms does not fire early, and fires once when it is over', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const callback = vi.fn<() => void>();
    const delayMs = 3 * 2 ** 31;
    systemClock.setTimer(delayMs, callback);
    vi.advanceTimersByTime(delayMs - 1);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a cancelled timer is gone, in its first and in a later chunk; Infinity never was one', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const callback = vi.fn<() => void>();
    systemClock.setTimer(5, callback).cancel();
    const timer = systemClock.setTimer(2 ** 32, callback);
    vi.advanceTimersByTime(2 ** 31);
    timer.cancel();
    timer.cancel();
    systemClock.setTimer(Number.POSITIVE_INFINITY, callback).cancel();
    expect(vi.getTimerCount()).toBe(0);
    expect(callback).not.toHaveBeenCalled();
  });

  test('`unref` timers do not keep the process alive, others do', () => {
    const active = (): number => process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length;
    const before = active();
    const unref = systemClock.setTimer(60_000, () => undefined, { unref: true });
    expect(active()).toBe(before);
    const timer = systemClock.setTimer(60_000, () => undefined);
    expect(active()).toBe(before + 1);
    timer.cancel();
    unref.cancel();
  });

  test('nextTurn() runs behind promise reactions, and not when it is cancelled', async () => {
    const log: string[] = [];
    const done = new Promise<void>((resolve) => {
      systemClock.nextTurn(() => {
        log.push('turn');
        resolve();
      });
    });
    systemClock.nextTurn(() => log.push('cancelled')).cancel();
    await Promise.resolve();
    log.push('reaction');
    await done;
    expect(log).toEqual(['reaction', 'turn']);
  });
});

describe('the virtual clock', () => {
  test('runs timers by deadline, equal ones in the order of their making, each at its own instant', () => {
    const clock = new VirtualClock(0);
    const log: string[] = [];
    const note = (name: string): (() => void) => {
      return () => log.push(`${name}@${clock.now()}`);
    };
    clock.setTimer(20, note('c'));
    clock.setTimer(10, note('a'));
    clock.setTimer(10, () => {
      note('b')();
      clock.setTimer(5, note('nested'));
    });
    clock.setTimer(30, note('later'));
    clock.advance(20);
    expect(log).toEqual(['a@10', 'b@10', 'nested@15', 'c@20']);
    expect(clock.pending).toBe(1);
  });

  test('jump() moves time and nothing else: what is overdue runs late', () => {
    const clock = new VirtualClock(0);
    const log: number[] = [];
    clock.setTimer(10, () => log.push(clock.now()));
    clock.jump(100);
    expect(log).toEqual([]);
    clock.advance(0);
    expect(log).toEqual([100]);
  });

  test('run() lets promise reactions happen between timers', async () => {
    const clock = new VirtualClock(0);
    const log: string[] = [];
    clock.setTimer(1, () => {
      void Promise.resolve().then(() => log.push('reaction'));
    });
    clock.setTimer(1, () => log.push('second'));
    await clock.run(1);
    expect(log).toEqual(['reaction', 'second']);
  });

  test('nextTurn() runs behind the timers of its instant and a poll, before time goes on', () => {
    const clock = new VirtualClock(0);
    const log: string[] = [];
    clock.poll = () => log.push('poll');
    clock.setTimer(1, () => clock.nextTurn(() => log.push(`turn@${clock.now()}`)));
    clock.setTimer(1, () => log.push('same instant'));
    clock.setTimer(2, () => log.push('later'));
    clock.advance(2);
    expect(log).toEqual(['same instant', 'poll', 'turn@1', 'later']);
    expect(clock.pending).toBe(0);
  });
});
