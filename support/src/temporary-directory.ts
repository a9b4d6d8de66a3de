// SPDX-License-Identifier: Apache-2.0

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Linux: a file system in memory. */
const MEMORY = '/dev/shm';

/** A new directory that is removed when the test is over. */
export function temporaryDirectory(parent: string = tmpdir()): string {
  const directory = mkdtempSync(join(parent, 'mqttv5-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** One where syncing costs nothing, if the machine has such a place: for tests about bytes that open thousands of files. */
export function temporaryDirectoryInMemory(): string {
  return temporaryDirectory(existsSync(MEMORY) ? MEMORY : tmpdir());
}
