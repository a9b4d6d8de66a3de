// SPDX-License-Identifier: Apache-2.0

import type { SessionOperation, SessionStore } from '@mqttv5/core';
import { expect, test } from 'vitest';
import { failedCases, isNoticedBy } from './contract-verdicts.ts';
import { sessionStoreContract } from './session-store-contract.ts';

type Disk = Map<string, Uint8Array>;

/** A correct store over a "disk" that outlives it, asynchronous like one over a network. Each flaw is one override. */
class MapStore implements SessionStore {
  protected open = true;
  readonly disk: Disk;

  constructor(disk: Disk = new Map()) {
    this.disk = disk;
  }

  async load(): Promise<Iterable<readonly [string, Uint8Array]>> {
    await this.turn();
    return [...this.disk].map(([key, value]) => [key, value.slice()] as const);
  }

  async commit(operations: readonly SessionOperation[]): Promise<void> {
    await this.turn();
    for (const operation of operations) this.apply(operation);
  }

  async close(): Promise<void> {
    await Promise.resolve();
    this.open = false;
  }

  protected apply(operation: SessionOperation): void {
    if (operation.type === 'put') this.disk.set(operation.key, operation.value.slice());
    else this.disk.delete(operation.key);
  }

  protected async turn(): Promise<void> {
    await Promise.resolve();
    if (!this.open) throw new TypeError('closed');
  }
}

const suite = (make: (disk: Disk) => SessionStore) => {
  let disk: Disk = new Map();
  return sessionStoreContract(() => make((disk = new Map())), { reopen: () => make(disk) });
};

test('a correct asynchronous store passes every case', async () => {
  expect(await failedCases(suite((disk) => new MapStore(disk)))).toEqual([]);
});

test('without reopen there are no cases about reopening', () => {
  const names = (cases: readonly { name: string }[]) => cases.map(({ name }) => name);
  const withReopen = names(suite((disk) => new MapStore(disk)));
  const without = names(sessionStoreContract(() => new MapStore()));
  expect(withReopen.filter((name) => name.includes('reopening'))).toHaveLength(3);
  expect(without).toEqual(withReopen.filter((name) => !name.includes('reopening')));
});

test('every case has a name of its own', () => {
  const names = suite((disk) => new MapStore(disk)).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

/** What is wrong, and words of the case that must notice. */
const flaws: readonly [flaw: string, noticedBy: string, make: (disk: Disk) => SessionStore][] = [
  [
    'keeps the caller’s buffer',
    'copied in and out',
    (disk) =>
      new (class extends MapStore {
        protected override apply(operation: SessionOperation): void {
          if (operation.type === 'put') this.disk.set(operation.key, operation.value);
          else super.apply(operation);
        }
      })(disk),
  ],
  [
    'hands out its own buffer',
    'copied in and out',
    (disk) =>
      new (class extends MapStore {
        override async load(): Promise<Iterable<readonly [string, Uint8Array]>> {
          await super.load();
          return this.disk;
        }
      })(disk),
  ],
  [
    'stores the whole buffer of a view',
    'view of a larger buffer',
    (disk) =>
      new (class extends MapStore {
        protected override apply(operation: SessionOperation): void {
          if (operation.type === 'put') this.disk.set(operation.key, new Uint8Array(operation.value.buffer).slice());
          else super.apply(operation);
        }
      })(disk),
  ],
  [
    'takes no bytes for a delete',
    'put replaces',
    (disk) =>
      new (class extends MapStore {
        protected override apply(operation: SessionOperation): void {
          super.apply(operation);
          if (operation.type === 'put' && operation.value.length === 0) this.disk.delete(operation.key);
        }
      })(disk),
  ],
  [
    'applies the deletes of a batch last',
    'in order',
    (disk) =>
      new (class extends MapStore {
        override async commit(operations: readonly SessionOperation[]): Promise<void> {
          await super.commit(operations.toSorted((a, b) => Number(a.type === 'delete') - Number(b.type === 'delete')));
        }
      })(disk),
  ],
  [
    'applies a batch one turn at a time',
    'whole or not at all',
    (disk) =>
      new (class extends MapStore {
        override async commit(operations: readonly SessionOperation[]): Promise<void> {
          for (const operation of operations) await super.commit([operation]);
        }
      })(disk),
  ],
  [
    'folds the case of keys',
    'keys are exact',
    (disk) =>
      new (class extends MapStore {
        protected override apply(operation: SessionOperation): void {
          super.apply({ ...operation, key: operation.key.toLowerCase() });
        }
      })(disk),
  ],
  [
    'normalises keys',
    'keys are exact',
    (disk) =>
      new (class extends MapStore {
        protected override apply(operation: SessionOperation): void {
          super.apply({ ...operation, key: operation.key.normalize('NFC') });
        }
      })(disk),
  ],
  [
    'fails to delete what is missing',
    'deleting what is missing is success',
    (disk) =>
      new (class extends MapStore {
        protected override apply(operation: SessionOperation): void {
          // Swallowed, since the case must fail by what it sees, not by what was thrown at it.
          if (operation.type === 'delete' && !this.disk.has(operation.key))
            this.disk.set(operation.key, new Uint8Array(0));
          else super.apply(operation);
        }
      })(disk),
  ],
  [
    'works after close',
    'closed store fails',
    (disk) =>
      new (class extends MapStore {
        override async close(): Promise<void> {
          await Promise.resolve();
        }
      })(disk),
  ],
  ['forgets what it held when opened', 'after reopening', () => new MapStore()],
  [
    'does not write deletes through',
    'after reopening',
    (disk) => {
      const durable = new Map(disk);
      return new (class extends MapStore {
        protected override apply(operation: SessionOperation): void {
          super.apply(operation);
          if (operation.type === 'put') disk.set(operation.key, operation.value.slice());
        }
      })(durable);
    },
  ],
];

for (const [flaw, noticedBy, make] of flaws)
  test(`a store that ${flaw} is caught`, async () => {
    expect(await isNoticedBy(suite(make), noticedBy)).toBe(true);
  });

test('two stores over one disk are caught', async () => {
  const disk: Disk = new Map();
  const failed = await failedCases(sessionStoreContract(() => new MapStore(disk)));
  expect(failed).toContain('two instances share nothing');
});
