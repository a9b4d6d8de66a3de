// SPDX-License-Identifier: Apache-2.0

import type { PublisherQueue, QueueEntry, QueueLimit } from '@mqttv5/core';
import { ensure, ensureSame } from '../contract.ts';
import type { ContractCase } from '../contract.ts';
import { NOTHING_KEPT, START, UNBOUNDED, enqueueAll, ensureIds, entry, lastSequence, using } from './entries.ts';
import type { Open } from './entries.ts';

export function reopenCases(open: Open, reopen: Open): readonly ContractCase[] {
  /** Each step runs on the queue as the one before it left it, closed and opened in between. */
  const steps =
    (...all: readonly ((queue: PublisherQueue) => Promise<void>)[]) =>
    async (): Promise<void> => {
      for (const [index, step] of all.entries()) await using(index === 0 ? open : reopen, step);
    };
  const reopened: Record<string, () => Promise<void>> = {
    'entries, their order and the sequence continue after reopening [D-10]': async () => {
      let before: readonly QueueEntry[] = [];
      await steps(
        async (queue) => {
          const [, b] = await enqueueAll(queue, ['a', 'b', 'c']);
          await queue.remove(b.sequence);
          before = await queue.peek(START, 10);
        },
        async (queue) => {
          ensureSame(await queue.peek(START, 10), before, 'peek after reopening');
          ensureSame(queue.size, 2, 'size after reopening');
          const { entry: next } = await queue.enqueue(entry('d'), UNBOUNDED);
          ensure(next.sequence > lastSequence(before), 'the sequence went back after reopening');
        },
        async (queue) => ensureIds(await queue.peek(START, 10), ['a', 'c', 'd'], 'peek after the second reopening'),
      )();
    },

    'a queue that was drained does not count anew after reopening': async () => {
      const given: number[] = [];
      const insertAndRemove = async (queue: PublisherQueue): Promise<void> => {
        const { entry: stored } = await queue.enqueue(entry('a'), UNBOUNDED);
        const last = given.at(-1);
        ensure(last === undefined || stored.sequence > last, `sequence ${stored.sequence} after ${last}`);
        given.push(stored.sequence);
        await queue.remove(stored.sequence);
        ensureSame(queue.size, 0, 'size');
      };
      const nothing = async (queue: PublisherQueue): Promise<void> =>
        ensureSame(queue.size, 0, 'size of a drained queue');
      await steps(insertAndRemove, insertAndRemove, nothing, nothing, insertAndRemove)();
    },

    'the sequence of an evicted and removed entry is not used again after reopening': async () => {
      let last = START;
      await steps(
        async (queue) => {
          const limit: QueueLimit = { maximumSize: 1, overflow: 'dropOldest', keep: NOTHING_KEPT };
          await queue.enqueue(entry('a'), limit);
          const { entry: second } = await queue.enqueue(entry('b'), limit);
          last = second.sequence;
          for (const { sequence } of await queue.peek(START, 10)) await queue.remove(sequence);
        },
        async (queue) => {
          const { entry: next } = await queue.enqueue(entry('c'), UNBOUNDED);
          ensure(next.sequence > last, `sequence ${next.sequence} after ${last}`);
        },
      )();
    },

    'the id of the queue stays': async () => {
      let id = '';
      await steps(
        async (queue) => {
          id = queue.id;
          await Promise.resolve();
        },
        async (queue) => {
          ensureSame(queue.id, id, 'id after reopening');
          await queue.enqueue(entry('a'), UNBOUNDED);
        },
        async (queue) => {
          ensureSame(queue.id, id, 'id after the second reopening');
          await Promise.resolve();
        },
      )();
    },

    'dead entries are dead after reopening, with their reason': async () => {
      await steps(
        async (queue) => {
          const [a] = await enqueueAll(queue, ['a', 'b']);
          await queue.markDead(a.sequence, 'PUBLISH_REFUSED');
          await queue.enqueue(entry('c'), { maximumSize: 1, overflow: 'dropOldest', keep: NOTHING_KEPT });
        },
        async (queue) => {
          ensureSame(queue.size, 1, 'size after reopening');
          ensureSame(
            (await queue.peek(START, 10)).map(({ id, dead }) => [id, dead ?? 'alive']),
            [
              ['a', 'PUBLISH_REFUSED'],
              ['b', 'QUEUE_EVICTED'],
              ['c', 'alive'],
            ],
            'ids and reasons after reopening',
          );
        },
      )();
    },

    'an id is known after reopening': async () => {
      let first: QueueEntry | undefined;
      await steps(
        async (queue) => {
          ({ entry: first } = await queue.enqueue(entry('a', { topic: 'first' }), UNBOUNDED));
        },
        async (queue) => {
          const again = await queue.enqueue(entry('a', { topic: 'second' }), UNBOUNDED);
          ensure(again.existed, 'the enqueue of a known id did not report `existed` after reopening');
          ensureSame(again.entry, first, 'the entry');
        },
      )();
    },
  };
  return Object.entries(reopened).map(([name, run]) => ({ name: `PublisherQueue: ${name}`, run }));
}
