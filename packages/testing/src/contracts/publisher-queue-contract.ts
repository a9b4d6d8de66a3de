// SPDX-License-Identifier: Apache-2.0

import type { MaybePromise, PublisherQueue, QueueEntry, QueueLimit } from '@mqttv5/core';
import { ensure, ensureCode, ensureSame } from './contract.ts';
import type { ContractCase } from './contract.ts';

type NewEntry = Omit<QueueEntry, 'sequence' | 'dead'>;
type Enqueued = Awaited<ReturnType<PublisherQueue['enqueue']>>;

const NOTHING_KEPT: ReadonlySet<number> = new Set();
const UNBOUNDED: QueueLimit = { maximumSize: Number.POSITIVE_INFINITY, overflow: 'dropNewest', keep: NOTHING_KEPT };
/** Before every sequence, wherever an implementation starts to count. */
const START = -1;
/** A `size` that counts needs seconds for this many reads of that many entries, one that knows needs milliseconds. */
const SIZE_READS = 1_000_000;
const SIZE_ENTRIES = 500;
const SIZE_BOUND_MS = 500;

/**
 * What a `PublisherQueue` has to do, as cases for any test runner:
 * `for (const c of publisherQueueContract(open)) test(c.name, c.run)`.
 *
 * `open` gives a new, empty queue each time it is called; a case closes the queues it was given. With `reopen`, which
 * opens the queue that `open` or `reopen` gave last and that has been closed since, what has to survive is checked too.
 * No case depends on another.
 *
 * @example
 * ```ts
 * import { test } from 'node:test';
 * import { MemoryPublisherQueue } from '@mqttv5/core';
 * import { publisherQueueContract } from '@mqttv5/testing';
 *
 * for (const c of publisherQueueContract(() => new MemoryPublisherQueue())) test(c.name, c.run);
 * ```
 */
export function publisherQueueContract(
  open: () => MaybePromise<PublisherQueue>,
  options: { reopen?: () => MaybePromise<PublisherQueue> } = {},
): readonly ContractCase[] {
  const { reopen } = options;
  return [
    ...orderCases(open),
    ...identityCases(open),
    ...copyCases(open),
    ...boundCases(open),
    ...deadCases(open),
    ...lifeCases(open),
    ...(reopen === undefined ? [] : reopenCases(open, reopen)),
  ];
}

function orderCases(open: Open): readonly ContractCase[] {
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

function identityCases(open: Open): readonly ContractCase[] {
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

function copyCases(open: Open): readonly ContractCase[] {
  const samples: Record<string, Partial<NewEntry>> = {
    'every option': {
      topic: 'sensors/🌡/1',
      payload: Uint8Array.from({ length: 256 }, (_, index) => index),
      options: {
        qos: 2,
        retain: true,
        messageExpiryInterval: 4_294_967_295,
        contentType: 'application/json; charset=utf-8',
        payloadFormatIndicator: 1,
        responseTopic: 'réponse/1',
        correlationData: Uint8Array.of(0, 255, 128),
        userProperties: [
          ['b', '2'],
          ['a', '1'],
          ['b', '2'],
          ['', ''],
        ],
      },
      enqueuedAt: 1_790_000_000_123,
      expiresAt: 1_790_000_600_456,
    },
    'no option': { payload: new Uint8Array(0), options: {}, expiresAt: undefined },
    'empty options': {
      payload: new Uint8Array(0),
      options: {
        qos: 1,
        retain: false,
        messageExpiryInterval: 0,
        contentType: '',
        payloadFormatIndicator: 0,
        correlationData: new Uint8Array(0),
        userProperties: [],
      },
      enqueuedAt: 0,
      expiresAt: 0,
    },
    'a payload of 1 MiB': { payload: Uint8Array.from({ length: 1 << 20 }, (_, index) => (index * 31) & 0xff) },
    'a payload that is a view': { payload: Uint8Array.of(1, 2, 3, 4, 5).subarray(1, 4) },
  };
  const roundTrips = Object.entries(samples).map(
    ([name, fields]) =>
      [
        `an entry comes back as it was: ${name}; absent and empty are kept apart [D-04]`,
        async (queue: PublisherQueue) => {
          const given = entry('a', fields);
          const { entry: stored } = await queue.enqueue(given, UNBOUNDED);
          const expected = { ...given, sequence: stored.sequence, dead: undefined };
          ensureSame(stored, expected, 'what enqueue() returned');
          ensureSame(await queue.peek(START, 1), [expected], 'what peek() returned');
        },
      ] as const,
  );

  return cases(open, {
    ...Object.fromEntries(roundTrips),

    'bytes and lists are copied in and out [D-05]': async (queue) => {
      const userProperties: [string, string][] = [['name', 'value']];
      const given = entry('a', {
        payload: Uint8Array.of(1, 2, 3),
        options: { correlationData: Uint8Array.of(4, 5), userProperties },
      });
      const expected = entry('a', {
        payload: Uint8Array.of(1, 2, 3),
        options: { correlationData: Uint8Array.of(4, 5), userProperties: [['name', 'value']] },
      });
      const { entry: stored } = await queue.enqueue(given, UNBOUNDED);
      scribble(given);
      userProperties.push(['more', '']);
      const peekOne = async (): Promise<QueueEntry> => only(await queue.peek(START, 1), 'peek(-1, 1)');
      const whole = { ...expected, sequence: stored.sequence, dead: undefined };
      ensureSame(await peekOne(), whole, 'after the enqueued buffers were overwritten by their owner');
      scribble(stored);
      ensureSame(await peekOne(), whole, 'after the returned entry was overwritten');
      scribble(await peekOne());
      ensureSame(await peekOne(), whole, 'after a peeked entry was overwritten');
    },
  });
}

function boundCases(open: Open): readonly ContractCase[] {
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

function deadCases(open: Open): readonly ContractCase[] {
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

function lifeCases(open: Open): readonly ContractCase[] {
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

function reopenCases(open: Open, reopen: Open): readonly ContractCase[] {
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

type Open = () => MaybePromise<PublisherQueue>;

function cases(open: Open, checks: Record<string, (queue: PublisherQueue) => Promise<void>>): readonly ContractCase[] {
  return Object.entries(checks).map(([name, check]) => ({
    name: `PublisherQueue: ${name}`,
    run: () => using(open, check),
  }));
}

async function using(open: Open, check: (queue: PublisherQueue) => Promise<void>): Promise<void> {
  const queue = await open();
  try {
    await check(queue);
  } finally {
    await queue.close();
  }
}

function entry(id: string, fields: Partial<NewEntry> = {}): NewEntry {
  return {
    topic: `topic/${id}`.slice(0, 100),
    payload: Uint8Array.of(1, 2, 3),
    options: { qos: 1 },
    enqueuedAt: 1_790_000_000_000,
    expiresAt: undefined,
    ...fields,
    id,
  };
}

async function enqueueAll<const T extends readonly string[]>(
  queue: PublisherQueue,
  ids: T,
): Promise<{ -readonly [K in keyof T]: QueueEntry }> {
  const entries: QueueEntry[] = [];
  for (const id of ids) entries.push((await queue.enqueue(entry(id), UNBOUNDED)).entry);
  // One entry for each id, in their order.
  return entries as { -readonly [K in keyof T]: QueueEntry };
}

function ensureIds(entries: readonly QueueEntry[], ids: readonly string[], subject: string): void {
  ensureSame(
    entries.map((one) => one.id),
    ids,
    `${subject}: ids`,
  );
}

function only(entries: readonly QueueEntry[], subject: string): QueueEntry {
  const [first] = entries;
  ensure(first !== undefined && entries.length === 1, `${subject}: expected one entry, got ${entries.length}`);
  return first;
}

function sequenceOf(entries: readonly QueueEntry[]): number {
  return only(entries, 'peek').sequence;
}

function lastSequence(entries: readonly QueueEntry[]): number {
  return Math.max(...entries.map((one) => one.sequence));
}

/** Overwrites every byte an entry refers to. */
function scribble(one: NewEntry): void {
  one.payload.fill(0xee);
  one.options.correlationData?.fill(0xee);
}
