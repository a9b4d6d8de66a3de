// SPDX-License-Identifier: Apache-2.0
//
// The file around the database: who may read it, and that its name survives a power failure. SQLite gives -wal and -shm
// the mode of the database file and syncs their directory entries itself.

import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** A session holds payloads and topics in the clear: nobody but the owner reads them. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** Makes an empty file, with the directories above it, and syncs every new name. An existing file is left alone. */
export function makeFile(path: string): void {
  if (existsSync(path)) return;
  const directory = dirname(path);
  const firstMade = mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
  closeSync(openSync(path, 'a', FILE_MODE));
  syncDirectory(directory);
  if (firstMade === undefined) return;
  for (let made = directory; made.length >= firstMade.length; made = dirname(made)) syncDirectory(dirname(made));
}

/** Takes other people's permissions from files that were made by hand or by another umask. */
export function protectFile(path: string): void {
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? FILE_MODE;
    if ((mode & 0o077) !== 0) chmodSync(file, FILE_MODE);
  }
}

function syncDirectory(directory: string): void {
  // Windows opens no directories; NTFS journals its names.
  if (process.platform === 'win32') return;
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
