// SPDX-License-Identifier: Apache-2.0

import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { describeEnding, REASON } from './ending.ts';
import { type End, type Operation, operations } from './operations.ts';
import { connectedWorld, type World } from './world.ts';

const ends: Readonly<Record<End, (world: World, abort: (reason: Error) => void) => unknown>> = {
  drop: (world) => world.drop(),
  signal: (_world, abort) => abort(REASON),
  disconnect: ({ group }) => group.disconnect(),
  takenOver: (world) => world.takeOver(),
  exhausted: (world) => world.exhaust(),
  storeFailed: (world) => world.breakStore(),
};

const cases = operations.flatMap((operation) =>
  // The table has every end: Object.entries of a Record of End.
  Object.entries(operation.endings).map(([end, expected]) => ({ operation, end: end as End, expected })),
);

describe('every promise settles', () => {
  test.each(cases)('$operation.name, $end: $expected', async ({ operation, end, expected }) => {
    expect(await endingOf(operation, end)).toBe(expected);
  });
});

async function endingOf(operation: Operation, end: End): Promise<string> {
  const world = await connectedWorld();
  const controller = new AbortController();
  const { promise } = await operation.begin(world, end === 'signal' ? controller.signal : undefined, end);
  await ends[end](world, (reason) => controller.abort(reason));
  const ending = await describeEnding(promise, end === 'signal');
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  return ending;
}
