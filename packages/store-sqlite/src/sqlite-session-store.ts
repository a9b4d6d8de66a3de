// SPDX-License-Identifier: Apache-2.0

import { MqttError, StoreError, isMqttError } from '@mqttv5/core';
import type { SessionOperation, SessionStore } from '@mqttv5/core';
import SqliteDatabase from 'better-sqlite3';
import type { Database, Statement } from 'better-sqlite3';
import { makeFile, protectFile } from './database-file.ts';
import { planOpen } from './open-options.ts';
import type { OpenPlan, SqliteSessionStoreOptions } from './open-options.ts';
import { inspect, migrate, readClientId, readInteger, writeClientId } from './schema.ts';

/**
 * Pages of 4 KiB in the log before they are copied into the database. A session is small and its pages are written again and
 * again, so a checkpoint costs its syncs, not its pages: four times SQLite's 1000 saves three of four. Opening after a kill
 * reads at most this much.
 */
const CHECKPOINT_PAGES = 4000;
/** The log is cut back to this after a checkpoint, so that one large burst does not occupy the disk for ever. */
const LOG_SIZE_LIMIT_BYTES = CHECKPOINT_PAGES * 4096;
/** Room that database and log take when they are opened, so that a session of about this size goes on when the disk is full. */
const RESERVED_BYTES = 64 * 1024;
/** Pages of 4 KiB that must be free, and more than half of all, before `open` rewrites the file without them: 16 MiB. */
const VACUUM_PAGES = 4096;

/**
 * A `SessionStore` in an SQLite file: what a client has accepted and not finished, kept over a killed process, and with
 * `synchronous: "full"` over a power failure.
 *
 * Every call is synchronous and blocks the event loop for the time of the disk. One store at a time has a file open, in
 * whatever process; the lock is the operating system's and goes with the process that held it. Payloads are not encrypted.
 *
 * @example
 * ```ts
 * const store = SqliteSessionStore.open({ path: 'data/gateway-7.db', clientId: 'gateway-7' });
 * const client = new Client({ brokers: 'mqtt://localhost', clientId: 'gateway-7', store });
 * ```
 */
export class SqliteSessionStore implements SessionStore, Disposable {
  readonly #path: string;
  readonly #database: Database;
  readonly #select: Statement<[], [key: string, value: Uint8Array]>;
  readonly #put: Statement<[key: string, value: Uint8Array]>;
  readonly #delete: Statement<[key: string]>;
  readonly #begin: Statement<[]>;
  readonly #commit: Statement<[]>;
  readonly #rollback: Statement<[]>;

  private constructor(path: string, database: Database) {
    this.#path = path;
    this.#database = database;
    this.#select = database.prepare<[], [string, Uint8Array]>('SELECT key, value FROM record').raw();
    // REPLACE costs less than an upsert, and there is nothing in a row that it could lose.
    this.#put = database.prepare('REPLACE INTO record (key, value) VALUES (?, ?)');
    this.#delete = database.prepare('DELETE FROM record WHERE key = ?');
    this.#begin = database.prepare('BEGIN IMMEDIATE');
    this.#commit = database.prepare('COMMIT');
    this.#rollback = database.prepare('ROLLBACK');
  }

  /**
   * Opens a store, and makes it when it is not there.
   *
   * @throws MqttError `LOCKED` when a store, of this process or another, has the file open
   * @throws MqttError `INVALID_OPTION` for an unknown or unusable option, and when the file belongs to another `clientId`;
   * the file is as it was then
   * @throws StoreError when the file cannot be opened, is not a database, is another program's, or was written by a newer
   * version of this package; the file is as it was then
   */
  static open(options: SqliteSessionStoreOptions): SqliteSessionStore {
    const plan = planOpen(options);
    let database: Database | undefined;
    try {
      makeFile(plan.path);
      // No waiting: the lock is held for as long as the other store is open, not for a moment.
      database = new SqliteDatabase(plan.path, { timeout: 0 });
      prepareDatabase(database, plan);
      return new SqliteSessionStore(plan.path, database);
    } catch (error) {
      closeQuietly(database);
      throw openError(error, plan.path);
    }
  }

  /**
   * Everything that is stored, as one consistent copy, in no particular order.
   *
   * @throws StoreError when the file cannot be read, or the store is closed
   */
  load(): Iterable<readonly [key: string, value: Uint8Array]> {
    this.#requireOpen();
    try {
      // Plain views of bytes that better-sqlite3 copied for us: a Buffer's `slice` would not copy.
      return this.#select
        .all()
        .map(([key, value]) => [key, new Uint8Array(value.buffer, value.byteOffset, value.byteLength)] as const);
    } catch (error) {
      throw this.#failed('read', error);
    }
  }

  /**
   * Does all of the operations, in order, or none. When it returns they are as durable as `synchronous` says.
   *
   * @throws StoreError when the file cannot be written (the disk is full, say) or the store is closed; nothing has
   * changed then
   */
  commit(operations: readonly SessionOperation[]): void {
    this.#requireOpen();
    try {
      this.#write(operations);
    } catch (error) {
      throw this.#failed('write', error);
    }
  }

  /**
   * Closes the file and lets go of the lock. Calling it again changes nothing; every other call fails afterwards.
   *
   * @throws StoreError when SQLite reports an error
   */
  close(): void {
    if (!this.#database.open) return;
    try {
      this.#database.close();
    } catch (error) {
      throw this.#failed('close', error);
    }
  }

  /** {@link SqliteSessionStore.close} */
  [Symbol.dispose](): void {
    this.close();
  }

  #write(operations: readonly SessionOperation[]): void {
    try {
      this.#transact(operations);
    } catch (error) {
      if (sqliteCode(error) !== 'SQLITE_FULL' || !this.#emptyLog()) throw error;
      this.#transact(operations);
    }
  }

  /**
   * Nearly all of the log is pages that later ones have replaced. On a full disk their room is what is left: copied into the
   * database, the log begins anew in the place it has. False when the database would have to grow for that.
   */
  #emptyLog(): boolean {
    try {
      this.#database.pragma('wal_checkpoint(RESTART)');
      return true;
    } catch {
      return false;
    }
  }

  #transact(operations: readonly SessionOperation[]): void {
    const [first] = operations;
    if (first === undefined) return;
    // A single statement is a transaction of its own: two statements less on the way of one message.
    if (operations.length === 1) {
      this.#apply(first);
      return;
    }
    this.#begin.run();
    try {
      for (const operation of operations) this.#apply(operation);
      this.#commit.run();
    } catch (error) {
      // A full disk or an I/O error may have ended the transaction already.
      if (this.#database.inTransaction) this.#rollback.run();
      throw error;
    }
  }

  #apply(operation: SessionOperation): void {
    switch (operation.type) {
      case 'put':
        this.#put.run(operation.key, operation.value);
        return;
      case 'delete':
        this.#delete.run(operation.key);
        return;
      default:
        operation satisfies never;
        throw new StoreError(`Unknown session operation ${JSON.stringify(operation)}`);
    }
  }

  #requireOpen(): void {
    if (!this.#database.open) throw new StoreError(`The session store ${this.#path} is closed`);
  }

  #failed(action: string, error: unknown): StoreError {
    if (error instanceof StoreError) return error;
    return new StoreError(`Cannot ${action} the session store ${this.#path}: ${describe(error)}`, { cause: error });
  }
}

/** Lock, look, and only when everything is as it should be: change. */
function prepareDatabase(database: Database, plan: OpenPlan): void {
  // Taken by the first transaction and kept until the connection is closed, or its process dies. In WAL mode it also
  // keeps the index of the log in our memory: there is no -shm file.
  database.pragma('locking_mode = EXCLUSIVE');
  database.pragma('trusted_schema = OFF');
  const version = database
    .transaction(() => {
      const found = inspect(database, plan.path);
      if (found > 0) requireClientId(database, plan);
      return found;
    })
    .exclusive();

  protectFile(plan.path);
  database.pragma('journal_mode = WAL');
  database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  database.pragma(`journal_size_limit = ${LOG_SIZE_LIMIT_BYTES}`);
  database.pragma(`synchronous = ${plan.synchronous === 'full' ? 'FULL' : 'NORMAL'}`);
  // On macOS fsync leaves the data in the drive's cache. Elsewhere both pragmas do nothing.
  database.pragma(`fullfsync = ${plan.synchronous === 'full' ? 1 : 0}`);
  database.pragma(`checkpoint_fullfsync = ${plan.synchronous === 'full' ? 1 : 0}`);
  migrate(database, version);
  if (plan.clientId !== undefined && readClientId(database) === undefined) writeClientId(database, plan.clientId);
  vacuumIfMostlyFree(database);
  reserveRoom(database);
}

function requireClientId(database: Database, { path, clientId }: OpenPlan): void {
  const stored = readClientId(database);
  if (clientId === undefined || stored === undefined || stored === clientId) return;
  throw new MqttError(
    'INVALID_OPTION',
    `${path} holds the session of ${JSON.stringify(stored)}, not of ${JSON.stringify(clientId)}`,
  );
}

function vacuumIfMostlyFree(database: Database): void {
  const free = readInteger(database, 'SELECT freelist_count FROM pragma_freelist_count');
  if (free < VACUUM_PAGES || free * 2 < readInteger(database, 'SELECT page_count FROM pragma_page_count')) return;
  try {
    database.exec('VACUUM');
  } catch {
    // Needs room for a second copy of what is left. Without it the file is as good as before, only larger.
  }
}

/** Both files get their size from a row that is written and removed; neither shrinks by that. */
function reserveRoom(database: Database): void {
  try {
    database.prepare("REPLACE INTO property (name, value) VALUES ('reserved', ?)").run('-'.repeat(RESERVED_BYTES));
    database.pragma('wal_checkpoint(RESTART)');
  } catch {
    // The disk is full already. What is stored can be read all the same.
  }
  try {
    database.exec("DELETE FROM property WHERE name = 'reserved'");
  } catch {
    // It stays for the next open to remove, and is nobody's record.
  }
}

function closeQuietly(database: Database | undefined): void {
  try {
    database?.close();
  } catch {
    // The error that made us close is the one to report.
  }
}

function openError(error: unknown, path: string): Error {
  if (isMqttError(error)) return error;
  const code = sqliteCode(error);
  if (code?.startsWith('SQLITE_BUSY') === true || code?.startsWith('SQLITE_LOCKED') === true)
    return new MqttError('LOCKED', `The session store ${path} is open elsewhere, in this process or another`, {
      cause: error,
    });
  if (code === 'SQLITE_NOTADB') return new StoreError(`${path} is not an SQLite database`, { cause: error });
  return new StoreError(`Cannot open the session store ${path}: ${describe(error)}`, { cause: error });
}

function describe(error: unknown): string {
  const code = sqliteCode(error);
  const message = error instanceof Error ? error.message : String(error);
  return code === undefined || message.includes(code) ? message : `${message} (${code})`;
}

function sqliteCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
