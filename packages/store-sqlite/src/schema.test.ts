// SPDX-License-Identifier: Apache-2.0

import SqliteDatabase from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { APPLICATION_ID, MIGRATIONS, inspect, migrate } from './schema.ts';

const next = 'ALTER TABLE record ADD COLUMN note TEXT; UPDATE record SET note = key;';

function memory() {
  const database = new SqliteDatabase(':memory:');
  onTestFinished(() => void database.close());
  return database;
}

test('a new file goes through every migration', () => {
  const database = memory();
  expect(inspect(database, 'f')).toBe(0);
  migrate(database, 0);
  expect(inspect(database, 'f')).toBe(MIGRATIONS.length);
  expect(database.pragma('application_id', { simple: true })).toBe(APPLICATION_ID);
});

test('an older file goes through those it lacks and keeps its records', () => {
  const database = memory();
  migrate(database, 0);
  database.prepare('INSERT INTO record VALUES (?, ?)').run('o/1', Buffer.of(1));
  const version = inspect(database, 'f', [...MIGRATIONS, next]);
  expect(version).toBe(MIGRATIONS.length);
  migrate(database, version, [...MIGRATIONS, next]);
  expect(inspect(database, 'f', [...MIGRATIONS, next])).toBe(MIGRATIONS.length + 1);
  expect(database.prepare('SELECT key, note FROM record').all()).toEqual([{ key: 'o/1', note: 'o/1' }]);
});

test('a migration that fails has not happened', () => {
  const database = memory();
  migrate(database, 0);
  expect(() => migrate(database, MIGRATIONS.length, [...MIGRATIONS, next, 'nonsense'])).toThrow(/syntax error/);
  expect(inspect(database, 'f')).toBe(MIGRATIONS.length);
  expect(() => database.prepare('SELECT note FROM record')).toThrow(/no such column/);
});
