// SPDX-License-Identifier: Apache-2.0

import type { MaybePromise, SessionOperation, SessionStore } from '@mqttv5/core';
import { ensure, ensureFailure, ensureSame } from './contract.ts';
import type { ContractCase } from './contract.ts';

/** As many records as there are packet identifiers (§2.2.1): the most a session can hold in one direction. */
const EVERY_PACKET_IDENTIFIER = 65_535;
/** Ten times what a slow machine needs; a store that reads in quadratic time misses it by far. */
const LOAD_BOUND_MS = 10_000;

/**
 * What a `SessionStore` has to do, as cases for any test runner:
 * `for (const c of sessionStoreContract(open)) test(c.name, c.run)`.
 *
 * `open` gives a new, empty store each time it is called; a case closes the stores it was given. With `reopen`, which
 * opens the store that `open` or `reopen` gave last and that has been closed since, what has to survive is checked too.
 * No case depends on another, and none on the order of the keys.
 *
 * @example
 * ```ts
 * import { test } from 'node:test';
 * import { MemorySessionStore } from '@mqttv5/core';
 * import { sessionStoreContract } from '@mqttv5/testing';
 *
 * for (const c of sessionStoreContract(() => new MemorySessionStore())) test(c.name, c.run);
 * ```
 */
export function sessionStoreContract(
  open: () => MaybePromise<SessionStore>,
  options: { reopen?: () => MaybePromise<SessionStore> } = {},
): readonly ContractCase[] {
  const cases: ContractCase[] = [];
  const add = (name: string, check: (store: SessionStore) => Promise<void>): void => {
    cases.push({
      name: `SessionStore: ${name}`,
      run: async () => {
        const store = await open();
        try {
          await check(store);
        } finally {
          await store.close();
        }
      },
    });
  };

  add('a new store loads nothing [C-01]', async (store) => {
    ensureSame(await contents(store), [], 'load() of a new store');
  });

  add('values come back byte for byte, whatever their length [C-02]', async (store) => {
    const records: Records = [
      ['meta', everyByte()],
      ['o/1', new Uint8Array(0)],
      ['o/2', Uint8Array.of(0)],
      ['o/3', filled(65_536, 7)],
      ['o/4', filled(1 << 20, 9)],
    ];
    await store.commit(records.map(put));
    ensureSame(await contents(store), sorted(records), 'load() after one commit');
  });

  add('a value that is a view of a larger buffer is stored alone', async (store) => {
    const buffer = everyByte();
    await store.commit([{ type: 'put', key: 'o/1', value: buffer.subarray(10, 13) }]);
    ensureSame(await contents(store), [['o/1', Uint8Array.of(10, 11, 12)]], 'load()');
  });

  add('put replaces [C-03]', async (store) => {
    await store.commit([put(['o/1', filled(100, 1)])]);
    await store.commit([put(['o/1', Uint8Array.of(2)])]);
    ensureSame(await contents(store), [['o/1', Uint8Array.of(2)]], 'load() after two puts of one key');
    await store.commit([put(['o/1', new Uint8Array(0)])]);
    ensureSame(await contents(store), [['o/1', new Uint8Array(0)]], 'load() after a put of no bytes');
  });

  add('delete removes, and deleting what is missing is success [C-05]', async (store) => {
    await store.commit([put(['o/1', Uint8Array.of(1)]), put(['o/2', Uint8Array.of(2)])]);
    await store.commit([{ type: 'delete', key: 'o/1' }]);
    await store.commit([
      { type: 'delete', key: 'o/1' },
      { type: 'delete', key: 'never there' },
    ]);
    ensureSame(await contents(store), [['o/2', Uint8Array.of(2)]], 'load() after deletes');
    await store.commit([put(['o/1', Uint8Array.of(3)])]);
    ensureSame(
      await contents(store),
      [
        ['o/1', Uint8Array.of(3)],
        ['o/2', Uint8Array.of(2)],
      ],
      'load() after the deleted key was put again',
    );
  });

  add('keys are exact: direction, case, length and code points tell them apart [C-06]', async (store) => {
    const keys = [
      'o/1',
      'i/1',
      'O/1',
      'o/1 ',
      'o/',
      'o',
      'o/10',
      'o/01',
      'é',
      'e\u0301',
      'ключ',
      '鍵',
      '🔑',
      '%',
      '_',
      "'",
    ];
    const records: Records = keys.map((key, index) => [key, Uint8Array.of(index)]);
    await store.commit(records.map(put));
    ensureSame(await contents(store), sorted(records), 'load() of keys that resemble each other');
    for (const key of keys) {
      await store.commit([{ type: 'delete', key }]);
      const left = await contents(store);
      ensure(!left.some(([found]) => found === key), `delete of ${JSON.stringify(key)} left it there`);
    }
    ensureSame(await contents(store), [], 'load() after each key was deleted');
  });

  add('bytes are copied in and out [C-07]', async (store) => {
    const given = Uint8Array.of(1, 2, 3);
    await store.commit([{ type: 'put', key: 'o/1', value: given }]);
    given.fill(9);
    const expected: Records = [['o/1', Uint8Array.of(1, 2, 3)]];
    const first = await contents(store);
    ensureSame(first, expected, 'load() after the committed bytes were overwritten by their owner');
    for (const [, value] of first) value.fill(9);
    ensureSame(await contents(store), expected, 'load() after loaded bytes were overwritten');
  });

  add('the operations of a batch take effect in order', async (store) => {
    await store.commit([put(['kept', Uint8Array.of(1)]), put(['gone', Uint8Array.of(1)])]);
    await store.commit([
      put(['twice', Uint8Array.of(1)]),
      put(['twice', Uint8Array.of(2)]),
      put(['brief', Uint8Array.of(1)]),
      { type: 'delete', key: 'brief' },
      { type: 'delete', key: 'kept' },
      put(['kept', Uint8Array.of(3)]),
      { type: 'delete', key: 'gone' },
    ]);
    ensureSame(
      await contents(store),
      [
        ['kept', Uint8Array.of(3)],
        ['twice', Uint8Array.of(2)],
      ],
      'load() after a batch that touches keys twice',
    );
  });

  add('an empty batch is success', async (store) => {
    await store.commit([]);
    ensureSame(await contents(store), [], 'load()');
  });

  add('a batch is seen whole or not at all', async (store) => {
    const batch = numbered('o', 200).map(put);
    const committed = Promise.resolve(store.commit(batch));
    const during = await Promise.all([contents(store), contents(store), contents(store)]);
    await committed;
    for (const seen of during)
      ensure(
        seen.length === 0 || seen.length === batch.length,
        `load() during a commit saw ${seen.length} of its ${batch.length} records`,
      );
    ensureSame((await contents(store)).length, batch.length, 'records after the commit');
  });

  add('the order in which keys were put changes nothing [C-04]', async (store) => {
    const records = numbered('o', 64);
    await store.commit(records.toReversed().map(put));
    for (const record of records.toSorted((a, b) => hash(a[0]) - hash(b[0]))) await store.commit([put(record)]);
    ensureSame(await contents(store), sorted(records), 'load()');
  });

  add('load can be repeated and sees the last commit [C-08]', async (store) => {
    await store.commit([put(['meta', Uint8Array.of(1)])]);
    ensureSame(await contents(store), [['meta', Uint8Array.of(1)]], 'the first load()');
    ensureSame(await contents(store), [['meta', Uint8Array.of(1)]], 'the second load()');
    await store.commit([put(['meta', Uint8Array.of(2)])]);
    ensureSame(await contents(store), [['meta', Uint8Array.of(2)]], 'load() after a further commit');
  });

  add('emptied in one batch it stays usable [C-09]', async (store) => {
    const records = numbered('o', 100);
    await store.commit(records.map(put));
    await store.commit(records.map(([key]) => ({ type: 'delete', key })));
    ensureSame(await contents(store), [], 'load() after every key was deleted');
    await store.commit([put(['o/1', Uint8Array.of(1)])]);
    ensureSame(await contents(store), [['o/1', Uint8Array.of(1)]], 'load() after the next put');
  });

  add('8 writers of 50 records at once lose none [C-10]', async (store) => {
    const writers = Array.from({ length: 8 }, (_, writer) => numbered(`w${writer}`, 50));
    await Promise.all(
      writers.map(async (records) => {
        for (const record of records) await store.commit([put(record)]);
      }),
    );
    ensureSame(await contents(store), sorted(writers.flat()), 'load() after concurrent commits');
  });

  add('two instances share nothing', async (store) => {
    const other = await open();
    try {
      await store.commit([put(['o/1', Uint8Array.of(1)])]);
      ensureSame(await contents(other), [], 'load() of a second new store');
    } finally {
      await other.close();
    }
  });

  add(`${EVERY_PACKET_IDENTIFIER} records load in bounded time`, async (store) => {
    const records = numbered('o', EVERY_PACKET_IDENTIFIER);
    for (const batch of chunks(records, 4096)) await store.commit(batch.map(put));
    const before = performance.now();
    const loaded = await contents(store);
    const elapsedMs = performance.now() - before;
    ensure(
      elapsedMs <= LOAD_BOUND_MS,
      `load() of ${records.length} records took ${Math.round(elapsedMs)} ms, the bound is ${LOAD_BOUND_MS} ms`,
    );
    ensureSame(loaded.length, records.length, 'number of records loaded');
    const byKey = new Map(records);
    for (const [key, value] of loaded) ensureSame(value, byKey.get(key), `value of ${key}`);
    for (const batch of chunks(records, 4096)) await store.commit(batch.map(([key]) => ({ type: 'delete', key })));
    ensureSame(await contents(store), [], 'load() after all were deleted');
  });

  cases.push({
    name: 'SessionStore: a closed store fails every call [C-11]',
    run: async () => {
      const store = await open();
      await store.commit([put(['o/1', Uint8Array.of(1)])]);
      await store.close();
      await ensureFailure(() => contents(store), 'load() of a closed store');
      await ensureFailure(() => store.commit([put(['o/2', Uint8Array.of(2)])]), 'commit() of a put to a closed store');
      await ensureFailure(
        () => store.commit([{ type: 'delete', key: 'o/1' }]),
        'commit() of a delete to a closed store',
      );
    },
  });

  const { reopen } = options;
  if (reopen !== undefined) cases.push(...reopenCases(open, reopen));
  return cases;
}

function reopenCases(
  open: () => MaybePromise<SessionStore>,
  reopen: () => MaybePromise<SessionStore>,
): readonly ContractCase[] {
  const cases: ContractCase[] = [];
  /** `steps` run one after the other, each on the store as the one before it left it, closed and opened in between. */
  const add = (name: string, steps: readonly ((store: SessionStore) => Promise<void>)[]): void => {
    cases.push({
      name: `SessionStore: ${name}`,
      run: async () => {
        let store = await open();
        for (const [index, step] of steps.entries()) {
          if (index > 0) store = await reopen();
          try {
            await step(store);
          } finally {
            await store.close();
          }
        }
      },
    });
  };

  add('what was committed is there after reopening, what was deleted is not [C-12]', [
    async (store) => {
      await store.commit([put(['o/1', everyByte()]), put(['o/2', Uint8Array.of(2)]), put(['🔑', new Uint8Array(0)])]);
      await store.commit([{ type: 'delete', key: 'o/2' }, put(['i/1', Uint8Array.of(3)])]);
    },
    async (store) =>
      ensureSame(
        await contents(store),
        sorted([
          ['i/1', Uint8Array.of(3)],
          ['o/1', everyByte()],
          ['🔑', new Uint8Array(0)],
        ]),
        'load() after reopening',
      ),
  ]);

  add('each reopening continues where the last one ended', [
    async (store) => await store.commit([put(['o/1', Uint8Array.of(1)])]),
    async (store) => await store.commit([put(['o/2', Uint8Array.of(2)]), { type: 'delete', key: 'o/1' }]),
    async (store) => await store.commit([put(['o/2', Uint8Array.of(3)])]),
    async (store) => ensureSame(await contents(store), [['o/2', Uint8Array.of(3)]], 'load() after three reopenings'),
    async (store) =>
      ensureSame(await contents(store), [['o/2', Uint8Array.of(3)]], 'load() after a reopening without commit'),
  ]);

  add(`${EVERY_PACKET_IDENTIFIER} records are there after reopening, in bounded time`, [
    async (store) => {
      for (const batch of chunks(numbered('o', EVERY_PACKET_IDENTIFIER), 4096)) await store.commit(batch.map(put));
    },
    async (store) => {
      const before = performance.now();
      const loaded = new Map(await contents(store));
      const elapsedMs = performance.now() - before;
      ensure(
        elapsedMs <= LOAD_BOUND_MS,
        `load() after reopening took ${Math.round(elapsedMs)} ms, the bound is ${LOAD_BOUND_MS} ms`,
      );
      ensureSame(loaded.size, EVERY_PACKET_IDENTIFIER, 'number of records');
      for (const [key, value] of numbered('o', EVERY_PACKET_IDENTIFIER))
        ensureSame(loaded.get(key), value, `value of ${key}`);
    },
  ]);

  return cases;
}

type Records = readonly (readonly [key: string, value: Uint8Array])[];

/** Everything the store holds, sorted by key, since a store has no order of its own. */
async function contents(store: SessionStore): Promise<Records> {
  return sorted([...(await store.load())]);
}

function sorted(records: Records): Records {
  return records.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function put([key, value]: readonly [key: string, value: Uint8Array]): SessionOperation {
  return { type: 'put', key, value };
}

/** `prefix/1` … `prefix/count`, each with four bytes that tell it from the others. */
function numbered(prefix: string, count: number): Records {
  return Array.from({ length: count }, (_, index) => {
    const value = new Uint8Array(4);
    new DataView(value.buffer).setUint32(0, index + 1);
    return [`${prefix}/${index + 1}`, value] as const;
  });
}

function* chunks<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}

function everyByte(): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, index) => index);
}

function filled(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * seed) & 0xff);
}

/** An order that is neither that of the keys nor that of their insertion. */
function hash(text: string): number {
  let value = 0;
  for (let index = 0; index < text.length; index++) value = (Math.imul(value, 31) + text.charCodeAt(index)) | 0;
  return value;
}
