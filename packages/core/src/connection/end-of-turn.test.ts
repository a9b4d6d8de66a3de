// SPDX-License-Identifier: Apache-2.0

import { describe, expect, test } from 'vitest';
import { atEndOfTurn, makeAtEndOfTurn } from './end-of-turn.ts';

describe.each([
  { platform: 'this runtime', defer: atEndOfTurn },
  { platform: 'a platform without ticks', defer: makeAtEndOfTurn(undefined) },
])('the end of a turn on $platform', ({ defer }) => {
  test('comes behind the promise reactions of a loop that awaits a few functions deep', async () => {
    const log: string[] = [];
    const inner = (): Promise<void> => Promise.resolve();
    const outer = async (): Promise<void> => {
      await inner();
    };
    defer(() => log.push('end'), undefined);
    for (let i = 0; i < 2; i++) {
      await outer();
      log.push('reaction');
    }
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    expect(log).toEqual(['reaction', 'reaction', 'end']);
  });

  test('comes before the next event', async () => {
    const log: string[] = [];
    const event = new Promise<void>((resolve) => {
      setImmediate(() => {
        log.push('event');
        resolve();
      });
    });
    defer(() => log.push('end'), undefined);
    await event;
    expect(log).toEqual(['end', 'event']);
  });
});
