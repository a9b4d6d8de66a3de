// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { Client } from './client.ts';
import { GroupSubscription } from './group-subscription.ts';
import { settled } from './virtual-clock.ts';

/** The stream of a group of one, whose member can be declared again. */
function merged(): GroupSubscription {
  const client = new Client({ brokers: 'mqtt://127.0.0.1' });
  const declare = () => client.declare('a');
  return new GroupSubscription([{ member: 'member-1', handle: declare(), again: declare }], 'auto');
}

test('a receive() that is aborted in the turn in which its member is declared again ends with the reason', async () => {
  const stream = merged();
  const controller = new AbortController();
  const outcomes: unknown[] = [];
  stream.receive({ signal: controller.signal }).catch((reason: unknown) => outcomes.push(reason));
  stream.outlives('member-1')();
  controller.abort('enough');
  await settled();
  expect(outcomes).toEqual(['enough']);
});

test('a loop that is left in the turn in which its member is declared again ends', async () => {
  const stream = merged();
  const loop = stream[Symbol.asyncIterator]();
  const outcomes: unknown[] = [];
  void loop.next().then((outcome) => outcomes.push(outcome));
  stream.outlives('member-1')();
  await loop.return?.();
  await settled();
  expect(outcomes).toEqual([{ value: undefined, done: true }]);
});
