// SPDX-License-Identifier: Apache-2.0

import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { isMqttError } from '@mqttv5/core';
import { sessionStoreContract } from '@mqttv5/testing';
import SqliteDatabase from 'better-sqlite3';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { temporaryDirectory } from '@mqttv5/support/temporary-directory';
import type { SqliteSessionStoreOptions } from './open-options.ts';
import { APPLICATION_ID, MIGRATIONS } from './schema.ts';
import { SqliteSessionStore } from './sqlite-session-store.ts';

const one = { type: 'put', key: 'o/1', value: Uint8Array.of(1) } as const;

function temporaryFile(): string {
  return join(temporaryDirectory(), 'session.db');
}

function opened(path: string, options: Omit<SqliteSessionStoreOptions, 'path'> = {}): SqliteSessionStore {
  const store = SqliteSessionStore.open({ path, ...options });
  onTestFinished(() => store.close());
  return store;
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return isMqttError(error) ? error.code : `not an MqttError: ${String(error)}`;
  }
  return 'no error';
}

describe.each(['full', 'normal'] as const)('synchronous: %s', (synchronous) => {
  let path = '';
  const cases = sessionStoreContract(() => SqliteSessionStore.open({ path: (path = temporaryFile()), synchronous }), {
    reopen: () => SqliteSessionStore.open({ path, synchronous }),
  });
  test.each(cases)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe('the lock', () => {
  test('a second open of the same file is LOCKED, until the first is closed', () => {
    const path = temporaryFile();
    const first = opened(path);
    first.commit([one]);
    expect(codeOf(() => SqliteSessionStore.open({ path }))).toBe('LOCKED');
    expect(codeOf(() => SqliteSessionStore.open({ path: join(path, '..', '.', 'session.db') }))).toBe('LOCKED');
    first.commit([{ ...one, key: 'o/2' }]);
    first.close();
    expect([...opened(path).load()]).toHaveLength(2);
  });

  test('it is taken before the first commit', () => {
    const path = temporaryFile();
    opened(path);
    expect(codeOf(() => SqliteSessionStore.open({ path }))).toBe('LOCKED');
  });

  test('stores in one directory do not lock each other out', () => {
    const directory = temporaryDirectory();
    const a = opened(join(directory, 'a.db'));
    const b = opened(join(directory, 'b.db'));
    a.commit([one]);
    expect([...b.load()]).toEqual([]);
  });

  test('a refused open leaves no lock behind', () => {
    const path = temporaryFile();
    opened(path, { clientId: 'a' }).close();
    expect(codeOf(() => SqliteSessionStore.open({ path, clientId: 'b' }))).toBe('INVALID_OPTION');
    expect(codeOf(() => opened(path, { clientId: 'a' }))).toBe('no error');
  });
});

describe('the file', () => {
  test.skipIf(process.platform === 'win32')('only the owner reads it, its log, and the directory made for it', () => {
    const directory = join(temporaryDirectory(), 'made', 'for it');
    const path = join(directory, 'session.db');
    const store = opened(path);
    store.commit([one]);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const file of [path, `${path}-wal`]) expect([file, statSync(file).mode & 0o777]).toEqual([file, 0o600]);
    expect(existsSync(`${path}-shm`)).toBe(false);
    store.close();
    chmodSync(path, 0o644);
    opened(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('an empty file becomes a store', () => {
    const path = temporaryFile();
    writeFileSync(path, '');
    const store = opened(path);
    store.commit([one]);
    expect([...store.load()]).toHaveLength(1);
  });

  test('closing leaves one file, with everything in it', () => {
    const path = temporaryFile();
    const store = opened(path);
    store.commit([one]);
    store.close();
    expect(existsSync(`${path}-wal`)).toBe(false);
    const database = new SqliteDatabase(path, { readonly: true });
    onTestFinished(() => void database.close());
    expect(database.prepare('SELECT key FROM record').pluck().all()).toEqual(['o/1']);
    expect(database.pragma('application_id', { simple: true })).toBe(APPLICATION_ID);
    expect(database.pragma('user_version', { simple: true })).toBe(MIGRATIONS.length);
    expect(database.pragma('journal_mode', { simple: true })).toBe('wal');
  });

  test.each([
    ['text', Buffer.from('this is no database, but it is longer than the header of one would be: '.repeat(20))],
    ['two bytes', Buffer.of(0, 0)],
    ['the head of a database', Buffer.from('SQLite format 3\0')],
  ])('a file that is no database is a StoreError and stays as it is: %s', (_, bytes) => {
    const path = temporaryFile();
    writeFileSync(path, bytes);
    expect(codeOf(() => SqliteSessionStore.open({ path }))).toBe('STORE_FAILED');
    expect(readFileSync(path)).toEqual(bytes);
  });

  test.each([
    ['CREATE TABLE record (key TEXT, value BLOB)'],
    ['PRAGMA application_id = 7'],
    ['PRAGMA user_version = 1'],
  ])('a database of another program is a StoreError and stays as it is: %s', (sql) => {
    const path = temporaryFile();
    const foreign = new SqliteDatabase(path);
    foreign.exec(sql);
    foreign.close();
    const before = readFileSync(path);
    expect(() => SqliteSessionStore.open({ path })).toThrow(/another program/);
    expect(codeOf(() => SqliteSessionStore.open({ path }))).toBe('STORE_FAILED');
    expect(readFileSync(path)).toEqual(before);
  });

  test('a store of a newer version is a StoreError and stays as it is', () => {
    const path = temporaryFile();
    opened(path).close();
    const newer = new SqliteDatabase(path);
    newer.pragma(`user_version = ${MIGRATIONS.length + 1}`);
    newer.close();
    const before = readFileSync(path);
    expect(() => SqliteSessionStore.open({ path })).toThrow(/schema version 2/);
    expect(codeOf(() => SqliteSessionStore.open({ path }))).toBe('STORE_FAILED');
    expect(readFileSync(path)).toEqual(before);
  });

  test('a directory instead of a file is a StoreError', () => {
    const path = temporaryFile();
    mkdirSync(path);
    expect(codeOf(() => SqliteSessionStore.open({ path }))).toBe('STORE_FAILED');
  });

  test('a damaged page is a StoreError when it is read, with the error of SQLite as its cause', () => {
    const path = temporaryFile();
    const store = opened(path);
    store.commit(
      Array.from({ length: 500 }, (_, index) => ({ ...one, key: `o/${index}`, value: new Uint8Array(500) })),
    );
    store.close();
    const bytes = readFileSync(path);
    bytes.fill(0xff, 8192, 8192 + 4096 * 8);
    writeFileSync(path, bytes);
    expect(() => [...opened(path).load()]).toThrow(
      expect.objectContaining({ code: 'STORE_FAILED', cause: expect.objectContaining({ code: 'SQLITE_CORRUPT' }) }),
    );
  });

  test('space that a large session has left is given back when the store is opened', () => {
    const path = temporaryFile();
    const store = opened(path, { synchronous: 'normal' });
    const keys = Array.from({ length: 300 }, (_, index) => `o/${index}`);
    store.commit(keys.map((key) => ({ type: 'put', key, value: new Uint8Array(100_000) })));
    store.commit(keys.slice(1).map((key) => ({ type: 'delete', key })));
    store.close();
    expect(statSync(path).size).toBeGreaterThan(29_000_000);
    const reopened = opened(path, { synchronous: 'normal' });
    expect([...reopened.load()]).toEqual([['o/0', new Uint8Array(100_000)]]);
    reopened.close();
    expect(statSync(path).size).toBeLessThan(200_000);
  });
});

describe('clientId', () => {
  test('another one than the file was made for is INVALID_OPTION, and nothing is touched', () => {
    const path = temporaryFile();
    const store = opened(path, { clientId: 'gateway-7' });
    store.commit([one]);
    store.close();
    const before = readFileSync(path);
    expect(() => SqliteSessionStore.open({ path, clientId: 'gateway-8' })).toThrow(/"gateway-7", not of "gateway-8"/);
    expect(codeOf(() => SqliteSessionStore.open({ path, clientId: 'gateway-8' }))).toBe('INVALID_OPTION');
    expect(readFileSync(path)).toEqual(before);
    expect([...opened(path, { clientId: 'gateway-7' }).load()]).toHaveLength(1);
  });

  test('without the option it is not checked, and a file made without one takes the first', () => {
    const path = temporaryFile();
    opened(path).close();
    opened(path, { clientId: 'a' }).close();
    opened(path).close();
    expect(codeOf(() => SqliteSessionStore.open({ path, clientId: 'b' }))).toBe('INVALID_OPTION');
  });
});

describe('options', () => {
  test.each([
    [{ path: '' }, /path must name/],
    [{}, /path must name/],
    [{ path: ':memory:' }, /MemorySessionStore/],
    [{ path: 'a\0b' }, /U\+0000/],
    [{ path: ' a.db' }, /white space/],
    [{ path: 'a.db', synchronous: 'off' }, /"full" or "normal", not "off"/],
    [{ path: 'a.db', clientId: '' }, /clientId/],
    [{ path: 'a.db', sync: 'full' }, /"sync".*did you mean synchronous\?/],
    [{ path: 'a.db', clientid: 'a' }, /"clientid".*did you mean clientId\?/],
    [{ path: 'a.db', verbose: true }, /"verbose".*options are path, synchronous, clientId/],
    [undefined, /options object/],
  ])('%j is INVALID_OPTION', (options, message) => {
    // What a program in JavaScript can pass.
    const open = () => SqliteSessionStore.open(options as unknown as SqliteSessionStoreOptions);
    expect(open).toThrow(message);
    expect(codeOf(open)).toBe('INVALID_OPTION');
  });

  test('undefined means absent', () => {
    expect(codeOf(() => opened(temporaryFile(), { synchronous: undefined, clientId: undefined }))).toBe('no error');
  });
});

describe('durability', () => {
  // Power does not fail in a test: SQLite is asked what it has been told.
  test.each([
    [{}, 2, 1],
    [{ synchronous: 'full' }, 2, 1],
    [{ synchronous: 'normal' }, 1, 0],
  ] as const)('%o: commits are synced as it says, checkpoints are rare, the log is cut back', (options, sync, full) => {
    const asked = vi.spyOn(SqliteDatabase.prototype, 'pragma');
    opened(temporaryFile(), options);
    const [database] = asked.mock.contexts;
    if (!(database instanceof SqliteDatabase)) throw new TypeError('no database was opened');
    const names = [
      'synchronous',
      'fullfsync',
      'checkpoint_fullfsync',
      'journal_mode',
      'locking_mode',
      'trusted_schema',
      'wal_autocheckpoint',
      'journal_size_limit',
    ];
    const values = names.map((name): unknown => database.pragma(name, { simple: true }));
    expect(values).toEqual([sync, full, full, 'wal', 'exclusive', 0, 4000, 4000 * 4096]);
  });
});

describe('a closed store', () => {
  test('fails with a StoreError, close and dispose excepted', () => {
    const store = opened(temporaryFile());
    store.close();
    store.close();
    store[Symbol.dispose]();
    expect(codeOf(() => store.load())).toBe('STORE_FAILED');
    expect(codeOf(() => store.commit([one]))).toBe('STORE_FAILED');
    expect(codeOf(() => store.commit([]))).toBe('STORE_FAILED');
  });

  test('dispose closes it', () => {
    const path = temporaryFile();
    opened(path)[Symbol.dispose]();
    expect(codeOf(() => opened(path))).toBe('no error');
  });
});

describe('commit', () => {
  test('a batch that fails half-way leaves nothing behind, and the store goes on', () => {
    const store = opened(temporaryFile());
    // A value no column takes: as an operation that the disk refuses, but at a place of our choosing.
    const refused = { type: 'put', key: 'o/2', value: null as unknown as Uint8Array } as const;
    expect(codeOf(() => store.commit([one, refused]))).toBe('STORE_FAILED');
    expect([...store.load()]).toEqual([]);
    store.commit([one, { ...one, key: 'o/2' }]);
    expect([...store.load()]).toHaveLength(2);
  });

  test('an operation of an unknown type is a StoreError, and the batch leaves nothing', () => {
    const store = opened(temporaryFile());
    const unknown = { type: 'clear', key: 'o/1' } as unknown as typeof one;
    expect(() => store.commit([one, unknown])).toThrow(/Unknown session operation/);
    expect([...store.load()]).toEqual([]);
  });

  test('what load gives is plain bytes whose slice is a copy', () => {
    const store = opened(temporaryFile());
    store.commit([one]);
    const [first] = [...store.load()];
    expect(first?.[1].constructor).toBe(Uint8Array);
  });
});
