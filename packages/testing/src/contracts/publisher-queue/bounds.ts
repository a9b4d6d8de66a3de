// SPDX-License-Identifier: Apache-2.0

import type { PublisherQueue, QueueLimit } from '@mqttv5/core';
import { ensure, ensureCode, ensureSame } from '../contract.ts';
import type { ContractCase } from '../contract.ts';
import { START, cases, enqueueAll, ensureIds, entry, sequenceOf } from './entries.ts';
import type { Open } from './entries.ts';

export function boundCases(open: Open): readonly ContractCase[] {
  const limited = (
    maximumSize: number,
    overflow: QueueLimit['overflow'],
    keep: readonly number[] = [],
  ): QueueLimit => ({ maximumSize, overflow, keep: new Set(keep) });

  const concurrent = (overflow: QueueLimit['overflow']) => async (queue: PublisherQueue) => {
    const refused: unknown[] = [];
    const producers = Array.from({ length: 8 }, async (_, producer) => {
      for (let index = 0; index < 25; index++) {
        try {
          await queue.enqueue(entry(`p${producer}-${index}`), limited(50, overflow));
        } catch (error) {
          refused.push(error);
        }
        ensure(queue.size <= 50, `size rose to ${queue.size} over a bound of 50`);
      }
    });
    await Promise.all(producers);
    for (const error of refused) await ensureCode(() => Promise.reject(error), 'QUEUE_FULL', 'a refused enqueue');
    const entries = await queue.peek(START, 1000);
    const dead = entries.filter((one) => one.dead !== undefined);
    ensureSame(queue.size, 50, 'size once all producers are done');
    ensureSame(entries.length - dead.length, 50, 'entries that are not dead');
    ensureSame(refused.length, overflow === 'dropNewest' ? 150 : 0, 'refused enqueues');
    ensureSame(dead.length, overflow === 'dropNewest' ? 0 : 150, 'evicted entries');
  };

  return cases(open, {
    'dropNewest refuses at the bound and changes nothing [D-06]': async (queue) => {
      const limit = limited(2, 'dropNewest');
      await queue.enqueue(entry('a'), limit);
      await queue.enqueue(entry('b'), limit);
      await ensureCode(() => queue.enqueue(entry('c'), limit), 'QUEUE_FULL', 'the third enqueue under a bound of 2');
      ensureIds(await queue.peek(START, 10), ['a', 'b'], 'peek');
      ensureSame(queue.size, 2, 'size');
      await queue.remove(sequenceOf(await queue.peek(START, 1)));
      await queue.enqueue(entry('c'), limit);
      ensureIds(await queue.peek(START, 10), ['b', 'c'], 'peek after room was made');
    },

    'a bound of 0 refuses everything': async (queue) => {
      for (const overflow of ['dropNewest', 'dropOldest'] as const)
        await ensureCode(() => queue.enqueue(entry('a'), limited(0, overflow)), 'QUEUE_FULL', overflow);
      ensureSame(queue.size, 0, 'size');
    },

    'dropOldest marks the oldest dead, in the same step, and returns it [D-07]': async (queue) => {
      const [a, b] = await enqueueAll(queue, ['a', 'b']);
      const { evicted, entry: inserted, existed } = await queue.enqueue(entry('c'), limited(2, 'dropOldest'));
      ensure(!existed, 'the new entry reported `existed`');
      ensureSame(inserted.id, 'c', 'the inserted entry');
      ensureSame(evicted, [{ ...a, dead: 'QUEUE_EVICTED' }], 'evicted');
      ensureSame(queue.size, 2, 'size');
      ensureSame(
        await queue.peek(START, 10),
        [{ ...a, dead: 'QUEUE_EVICTED' }, b, inserted],
        'peek: the evicted entry stays, dead, until it is removed',
      );
    },

    'dropOldest passes over what must be kept [D-07]': async (queue) => {
      const [a, b] = await enqueueAll(queue, ['a', 'b', 'c']);
      const { evicted } = await queue.enqueue(entry('d'), limited(3, 'dropOldest', [a.sequence]));
      ensureSame(evicted, [{ ...b, dead: 'QUEUE_EVICTED' }], 'evicted');
    },

    'dropOldest with nothing to evict refuses and changes nothing [D-07]': async (queue) => {
      const [a, b] = await enqueueAll(queue, ['a', 'b']);
      const limit = limited(2, 'dropOldest', [a.sequence, b.sequence]);
      await ensureCode(
        () => queue.enqueue(entry('c'), limit),
        'QUEUE_FULL',
        'an enqueue to a queue full of kept entries',
      );
      ensureSame(await queue.peek(START, 10), [a, b], 'peek');
      ensureSame(queue.size, 2, 'size');
    },

    'dropOldest under a lowered bound evicts as many as it takes, or none': async (queue) => {
      const [a, b, c] = await enqueueAll(queue, ['a', 'b', 'c']);
      const tooTight = limited(1, 'dropOldest', [b.sequence]);
      await ensureCode(() => queue.enqueue(entry('d'), tooTight), 'QUEUE_FULL', 'a bound that the kept entry fills');
      ensureSame(await queue.peek(START, 10), [a, b, c], 'peek after the refusal');
      const { evicted } = await queue.enqueue(entry('d'), limited(2, 'dropOldest', [b.sequence]));
      ensureIds(evicted, ['a', 'c'], 'evicted');
      ensureSame(queue.size, 2, 'size');
    },

    'an evicted entry is not evicted twice': async (queue) => {
      await enqueueAll(queue, ['a', 'b']);
      await queue.enqueue(entry('c'), limited(2, 'dropOldest'));
      const { evicted } = await queue.enqueue(entry('d'), limited(2, 'dropOldest'));
      ensureIds(evicted, ['b'], 'evicted by the second overflow');
    },

    '8 producers of 25 never exceed a bound of 50: dropNewest [D-08]': concurrent('dropNewest'),
    '8 producers of 25 never exceed a bound of 50: dropOldest [D-08]': concurrent('dropOldest'),
  });
}
