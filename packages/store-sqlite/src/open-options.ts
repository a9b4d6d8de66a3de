// SPDX-License-Identifier: Apache-2.0

import { resolve } from 'node:path';
import { MqttError } from '@mqttv5/core';

/** How `SqliteSessionStore.open` opens a store. */
export interface SqliteSessionStoreOptions {
  /**
   * The database file. It and the directories above it are made when they are missing. One file holds one session; several
   * clients may keep their files in one directory.
   */
  path: string;
  /**
   * `"full"`: a commit is on the disk when it returns, so it survives a power failure (on macOS with `F_FULLFSYNC`).
   * `"normal"`: a commit survives a killed process; a power failure may take back the last commits, never half of one.
   *
   * @defaultValue "full"
   */
  synchronous?: 'full' | 'normal' | undefined;
  /**
   * The client identifier of the session that is kept here, noted in the file when it is first given. Opening the file
   * with another one is refused before anything is touched.
   *
   * @defaultValue not checked
   */
  clientId?: string | undefined;
}

export interface OpenPlan {
  /** Absolute, so that it names the same file after `process.chdir`. */
  readonly path: string;
  readonly synchronous: 'full' | 'normal';
  readonly clientId: string | undefined;
}

const KNOWN = ['path', 'synchronous', 'clientId'] as const;

export function planOpen(options: SqliteSessionStoreOptions): OpenPlan {
  if (typeof options !== 'object' || options === null)
    throw invalid('SqliteSessionStore.open needs an options object with a path');
  for (const key of Object.keys(options)) if (!isKnown(key)) throw invalid(unknownKey(key));
  const { path, synchronous = 'full', clientId } = options;
  if (typeof path !== 'string' || path === '') throw invalid('path must name the database file');
  if (path === ':memory:') throw invalid('path names no file; a session in memory is a MemorySessionStore');
  if (path.includes('\0')) throw invalid('path contains U+0000');
  // better-sqlite3 trims file names: it would open another file than the one whose permissions are set here.
  if (path !== path.trim()) throw invalid(`path ${JSON.stringify(path)} begins or ends with white space`);
  if (synchronous !== 'full' && synchronous !== 'normal')
    throw invalid(`synchronous must be "full" or "normal", not ${JSON.stringify(synchronous)}`);
  if (clientId !== undefined && (typeof clientId !== 'string' || clientId === ''))
    throw invalid('clientId must be a string that is not empty, or absent');
  return { path: resolve(path), synchronous, clientId };
}

function isKnown(key: string): boolean {
  return KNOWN.some((known) => known === key);
}

function unknownKey(key: string): string {
  const folded = key.toLowerCase();
  const meant = KNOWN.find((known) => {
    const candidate = known.toLowerCase();
    return candidate.startsWith(folded) || folded.startsWith(candidate) || candidate.endsWith(folded);
  });
  const hint = meant === undefined ? `the options are ${KNOWN.join(', ')}` : `did you mean ${meant}?`;
  return `Unknown option ${JSON.stringify(key)} of SqliteSessionStore.open: ${hint}`;
}

function invalid(message: string): MqttError {
  return new MqttError('INVALID_OPTION', message);
}
