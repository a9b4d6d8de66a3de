// SPDX-License-Identifier: Apache-2.0

import type { QueueLimit } from '@mqttv5/core';
import { ensure, ensureSame } from '../contract.ts';
import type { ContractCase } from '../contract.ts';
import { NOTHING_KEPT, START, UNBOUNDED, cases, enqueueAll, ensureIds, entry } from './entries.ts';
import type { Open } from './entries.ts';

export function deadCases(open: Open): readonly ContractCase[] {
  return cases(open, {
    'a dead entry keeps its place and its reason, and does not count': async (queue) => {
      const [a, b] = await enqueueAll(queue, ['a', 'b', 'c']);
      await queue.markDead(b.sequence, 'MESSAGE_EXPIRED');
      ensureSame(queue.size, 2, 'size: entries that are not dead');
      ensureIds(await queue.peek(START, 10), ['a', 'b', 'c'], 'peek: dead ones included');
      ensureSame(await queue.peek(a.sequence, 1), [{ ...b, dead: 'MESSAGE_EXPIRED' }], 'the dead entry');
      await queue.remove(b.sequence);
      ensureSame(queue.size, 2, 'size after the dead entry was removed');
      ensureIds(await queue.peek(START, 10), ['a', 'c'], 'peek after the dead entry was removed');
    },

    'a dead entry gives its place under the bound to another': async (queue) => {
      const limit: QueueLimit = { maximumSize: 1, overflow: 'dropNewest', keep: NOTHING_KEPT };
      const { entry: first } = await queue.enqueue(entry('a'), limit);
      await queue.markDead(first.sequence, 'PUBLISH_REFUSED');
      await queue.enqueue(entry('b'), limit);
      ensureSame(queue.size, 1, 'size');
    },

    'the id of a dead entry is taken until it is removed': async (queue) => {
      const { entry: first } = await queue.enqueue(entry('a'), UNBOUNDED);
      await queue.markDead(first.sequence, 'PUBLISH_REFUSED');
      const again = await queue.enqueue(entry('a'), UNBOUNDED);
      ensure(again.existed, 'the enqueue of a dead entry’s id did not report `existed`');
      ensureSame(again.entry, { ...first, dead: 'PUBLISH_REFUSED' }, 'the entry');
    },

    'a dead entry that is marked again counts once': async (queue) => {
      const [a] = await enqueueAll(queue, ['a', 'b']);
      await queue.markDead(a.sequence, 'MESSAGE_EXPIRED');
      await queue.markDead(a.sequence, 'MESSAGE_EXPIRED');
      ensureSame(queue.size, 1, 'size');
    },
  });
}
