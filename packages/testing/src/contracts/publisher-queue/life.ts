// SPDX-License-Identifier: Apache-2.0

import { ensure, ensureCode, ensureSame } from '../contract.ts';
import type { ContractCase } from '../contract.ts';
import { cases, entry, START, UNBOUNDED } from './entries.ts';
import type { Open } from './entries.ts';

/** A `size` that counts needs seconds for this many reads of that many entries, one that knows needs milliseconds. */
const SIZE_READS = 1_000_000;
const SIZE_ENTRIES = 500;
const SIZE_BOUND_MS = 500;

export function lifeCases(open: Open): readonly ContractCase[] {
  return [
    ...cases(open, {
      'size takes constant time': async (queue) => {
        const ids = Array.from({ length: SIZE_ENTRIES }, (_, index) => `id-${index}`);
        await Promise.all(ids.map(async (id) => await queue.enqueue(entry(id), UNBOUNDED)));
        const before = performance.now();
        let sum = 0;
        for (let read = 1; read <= SIZE_READS; read++) {
          sum += queue.size;
          if (read % 1000 !== 0) continue;
          const elapsedMs = performance.now() - before;
          ensure(
            elapsedMs <= SIZE_BOUND_MS,
            `${read} reads of size took ${Math.round(elapsedMs)} ms with ${SIZE_ENTRIES} entries`,
          );
        }
        ensureSame(sum, SIZE_READS * SIZE_ENTRIES, 'sum of all sizes');
      },

      'two queues share nothing': async (queue) => {
        const other = await open();
        try {
          await queue.enqueue(entry('a'), UNBOUNDED);
          ensureSame(other.size, 0, 'size of a second new queue');
          ensureSame((await other.enqueue(entry('a'), UNBOUNDED)).existed, false, 'existed in a second new queue');
        } finally {
          await other.close();
        }
      },
    }),
    {
      name: 'PublisherQueue: a closed queue fails every call with QUEUE_CLOSED [D-09]',
      run: async () => {
        const queue = await open();
        const { entry: stored } = await queue.enqueue(entry('a'), UNBOUNDED);
        await queue.close();
        await ensureCode(() => queue.enqueue(entry('b'), UNBOUNDED), 'QUEUE_CLOSED', 'enqueue() after close()');
        await ensureCode(
          () => queue.enqueue(entry('a'), UNBOUNDED),
          'QUEUE_CLOSED',
          'enqueue() of a known id after close()',
        );
        await ensureCode(() => queue.peek(START, 1), 'QUEUE_CLOSED', 'peek() after close()');
        await ensureCode(
          () => queue.markDead(stored.sequence, 'MESSAGE_EXPIRED'),
          'QUEUE_CLOSED',
          'markDead() after close()',
        );
        await ensureCode(() => queue.remove(stored.sequence), 'QUEUE_CLOSED', 'remove() after close()');
      },
    },
  ];
}
