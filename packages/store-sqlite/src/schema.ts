// SPDX-License-Identifier: Apache-2.0
//
// What the database file says about itself, in the two header fields SQLite leaves to applications: `application_id` tells
// our files from other people's, `user_version` counts the migrations that have been applied. Both change inside the
// transaction of the migration, so a killed migration has not happened.

import { StoreError } from '@mqttv5/core';
import type { Database } from 'better-sqlite3';

/** "MQT5" in ASCII. */
export const APPLICATION_ID = 0x4d515435;

/** Statements that take a file from version `index` to `index + 1`. Never edit one that was released: add another. */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE record (
     key TEXT NOT NULL PRIMARY KEY,
     value BLOB NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE property (
     name TEXT NOT NULL PRIMARY KEY,
     value TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;`,
];

/**
 * Tells what the file is, without changing it: the version of one of ours, 0 of a new one.
 *
 * @throws StoreError when the file belongs to another program or to a newer version of this package
 */
export function inspect(database: Database, path: string, migrations: readonly string[] = MIGRATIONS): number {
  const applicationId = readInteger(database, 'SELECT application_id FROM pragma_application_id');
  const version = readInteger(database, 'SELECT user_version FROM pragma_user_version');
  if (applicationId !== APPLICATION_ID) {
    const isNew =
      applicationId === 0 && version === 0 && readInteger(database, 'SELECT count(*) FROM sqlite_schema') === 0;
    if (isNew) return 0;
    throw new StoreError(`${path} is an SQLite database of another program (application_id ${applicationId})`);
  }
  if (version > migrations.length)
    throw new StoreError(
      `${path} has schema version ${version}; this version of @mqttv5/store-sqlite knows up to ${migrations.length}`,
    );
  return version;
}

/** Applies the migrations that are missing, all in one transaction. */
export function migrate(database: Database, version: number, migrations: readonly string[] = MIGRATIONS): void {
  if (version === migrations.length) return;
  database.transaction(() => {
    for (const statements of migrations.slice(version)) database.exec(statements);
    // Pragmas take no bound values; both are integers of ours.
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${migrations.length};`);
  })();
}

/** The client identifier noted in the file, if any. Only for files of version 1 or above. */
export function readClientId(database: Database): string | undefined {
  return database.prepare<[], string>("SELECT value FROM property WHERE name = 'clientId'").pluck().get();
}

export function writeClientId(database: Database, clientId: string): void {
  database.prepare("INSERT INTO property (name, value) VALUES ('clientId', ?)").run(clientId);
}

export function readInteger(database: Database, query: string): number {
  return database.prepare<[], number>(query).pluck().get() ?? 0;
}
