// SPDX-License-Identifier: Apache-2.0

import type { QueueLimit } from '@mqttv5/core';
import { ensure, ensureSame } from '../contract.ts';
import type { ContractCase } from '../contract.ts';
import { NOTHING_KEPT, START, UNBOUNDED, cases, enqueueAll, ensureIds, entry } from './entries.ts';
import type { Open, Enqueued } from './entries.ts';

export function orderCases(open: Open): readonly ContractCase[] {
  return cases(open, {
    'a new queue is empty': async (queue) => {
      ensureSame(queue.size, 0, 'size');
      ensureSame(await queue.peek(START, 10), [], 'peek()');
    },

    'entries come back oldest first, peek starts strictly after its sequence [D-01]': async (queue) => {
      const [a, b, c, d] = await enqueueAll(queue, ['a', 'b', 'c', 'd']);
      ensureIds(await queue.peek(START, 10), ['a', 'b', 'c', 'd'], 'peek(-1, 10)');
      ensureIds(await queue.peek(a.sequence, 10), ['b', 'c', 'd'], 'peek after the first');
      ensureIds(await queue.peek(b.sequence, 1), ['c'], 'peek after the second, one');
      ensureIds(await queue.peek(c.sequence, 10), ['d'], 'peek after the third');
      ensureIds(await queue.peek(d.sequence, 10), [], 'peek after the last');
      ensureIds(await queue.peek(d.sequence + 1000, 10), [], 'peek after a sequence that is not there yet');
      ensureIds(await queue.peek(START, 2), ['a', 'b'], 'peek(-1, 2)');
      ensureIds(await queue.peek(START, 0), [], 'peek(-1, 0)');
      ensureSame(queue.size, 4, 'size: peek takes nothing');
    },

    'peek after a sequence that has been removed goes on behind it': async (queue) => {
      const [, b, c] = await enqueueAll(queue, ['a', 'b', 'c', 'd']);
      await queue.remove(b.sequence);
      await queue.remove(c.sequence);
      ensureIds(await queue.peek(b.sequence, 10), ['d'], 'peek after a removed sequence');
      ensureIds(await queue.peek(START, 10), ['a', 'd'], 'peek(-1, 10)');
    },

    'remove removes, and removing what is missing is success [D-02]': async (queue) => {
      const [a, b] = await enqueueAll(queue, ['a', 'b']);
      await queue.remove(a.sequence);
      await queue.remove(a.sequence);
      await queue.remove(b.sequence + 1000);
      ensureIds(await queue.peek(START, 10), ['b'], 'peek after remove');
      ensureSame(queue.size, 1, 'size after remove');
      await queue.remove(b.sequence);
      ensureSame(queue.size, 0, 'size after the last was removed');
    },

    'sequences increase and are never reused, not after removal, not after eviction, not when empty [D-03]': async (
      queue,
    ) => {
      const seen: number[] = [];
      const next = async (id: string, limit: QueueLimit = UNBOUNDED): Promise<Enqueued> => {
        const enqueued = await queue.enqueue(entry(id), limit);
        const { sequence } = enqueued.entry;
        ensure(Number.isSafeInteger(sequence), `the sequence of ${id} is ${sequence}, not an integer`);
        const last = seen.at(-1);
        ensure(
          last === undefined || sequence > last,
          `the sequence of ${id} is ${sequence}, the one before was ${last}`,
        );
        seen.push(sequence);
        return enqueued;
      };
      const a = await next('a');
      await queue.remove(a.entry.sequence);
      const b = await next('b');
      await next('c', { maximumSize: 1, overflow: 'dropOldest', keep: NOTHING_KEPT });
      await queue.remove(b.entry.sequence);
      const d = await next('d');
      for (const { sequence } of await queue.peek(START, 10)) await queue.remove(sequence);
      ensureSame(queue.size, 0, 'size');
      const e = await next('e');
      ensure(e.entry.sequence > d.entry.sequence, 'a queue that was emptied started to count anew');
    },

    'enqueues that were not waited for keep their order': async (queue) => {
      const ids = Array.from({ length: 200 }, (_, index) => `id-${index}`);
      const enqueued = await Promise.all(ids.map(async (id) => await queue.enqueue(entry(id), UNBOUNDED)));
      ensureIds(await queue.peek(START, 1000), ids, 'peek');
      const sequences = enqueued.map((one) => one.entry.sequence);
      ensureSame(
        sequences,
        sequences.toSorted((x, y) => x - y),
        'sequences in the order of the calls',
      );
    },

    'one old entry does not keep the rest from being removed': async (queue) => {
      const entries = await enqueueAll(
        queue,
        Array.from({ length: 300 }, (_, index) => `id-${index}`),
      );
      for (const { sequence } of entries.slice(1, -1)) await queue.remove(sequence);
      ensureIds(await queue.peek(START, 10), ['id-0', 'id-299'], 'peek');
      ensureSame(queue.size, 2, 'size');
    },
  });
}
