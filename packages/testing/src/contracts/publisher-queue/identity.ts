// SPDX-License-Identifier: Apache-2.0

import type { QueueLimit } from '@mqttv5/core';
import { ensure, ensureSame } from '../contract.ts';
import type { ContractCase } from '../contract.ts';
import { NOTHING_KEPT, START, UNBOUNDED, cases, enqueueAll, ensureIds, entry } from './entries.ts';
import type { Open } from './entries.ts';

export function identityCases(open: Open): readonly ContractCase[] {
  return cases(open, {
    'the queue has an id of its own, another queue another one': async (queue) => {
      ensure(typeof queue.id === 'string' && queue.id.length > 0, 'id is not a string, or empty');
      const other = await open();
      try {
        ensure(other.id !== queue.id, `two queues have the same id ${queue.id}`);
      } finally {
        await other.close();
      }
    },

    'an id that is in the queue gives the entry that is there and changes nothing': async (queue) => {
      const first = await queue.enqueue(entry('a', { topic: 'first', payload: Uint8Array.of(1) }), UNBOUNDED);
      ensure(!first.existed, 'the first enqueue of an id reported `existed`');
      const again = await queue.enqueue(entry('a', { topic: 'second', payload: Uint8Array.of(2) }), UNBOUNDED);
      ensure(again.existed, 'the second enqueue of an id did not report `existed`');
      ensureSame(again.entry, first.entry, 'the entry of the second enqueue');
      ensureSame(again.evicted, [], 'evicted by an enqueue that inserted nothing');
      ensureSame(queue.size, 1, 'size');
      ensureSame(await queue.peek(START, 10), [first.entry], 'peek');
    },

    'an id that is in a full queue gives the entry that is there': async (queue) => {
      const limit: QueueLimit = { maximumSize: 1, overflow: 'dropNewest', keep: NOTHING_KEPT };
      const first = await queue.enqueue(entry('a'), limit);
      for (const overflow of ['dropNewest', 'dropOldest'] as const) {
        const again = await queue.enqueue(entry('a'), { ...limit, overflow });
        ensure(again.existed, `${overflow}: the enqueue of an id that is there did not report \`existed\``);
        ensureSame(again.entry, first.entry, `${overflow}: the entry`);
        ensureSame(again.evicted, [], `${overflow}: evicted`);
      }
    },

    'two enqueues of one id at once insert one entry': async (queue) => {
      const results = await Promise.all(
        Array.from({ length: 10 }, async () => await queue.enqueue(entry('same'), UNBOUNDED)),
      );
      ensureSame(results.filter((one) => !one.existed).length, 1, 'enqueues that inserted');
      ensureSame(new Set(results.map((one) => one.entry.sequence)).size, 1, 'sequences given out');
      ensureSame(queue.size, 1, 'size');
    },

    'a removed id may come again, under a new sequence': async (queue) => {
      const first = await queue.enqueue(entry('a'), UNBOUNDED);
      await queue.remove(first.entry.sequence);
      const second = await queue.enqueue(entry('a'), UNBOUNDED);
      ensure(!second.existed, 'an id that was removed still reported `existed`');
      ensure(second.entry.sequence > first.entry.sequence, 'the sequence was used again');
    },

    'ids are exact': async (queue) => {
      const ids = ['a', 'A', 'a ', 'é', 'e\u0301', '🔑', '%', "'", 'x'.repeat(1000)];
      await enqueueAll(queue, ids);
      ensureIds(await queue.peek(START, 100), ids, 'peek');
    },
  });
}
