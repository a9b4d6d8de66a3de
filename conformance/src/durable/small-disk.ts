// SPDX-License-Identifier: Apache-2.0

import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { onTestFinished } from 'vitest';

const BLOCK = new Uint8Array(4096).fill(1);

/**
 * A directory on a disk that can be filled to the last byte: a file system of its own, in memory. Only root may mount one, and
 * not everywhere: `isReal` is false where this is an ordinary directory.
 */
export class SmallDisk {
  readonly path: string = mkdtempSync(join(tmpdir(), 'mqttv5-small-disk-'));
  readonly isReal: boolean;

  constructor(mebibytes: number) {
    this.isReal = process.platform === 'linux' && mount(this.path, mebibytes);
    onTestFinished(() => {
      // Lazily: a file may be open still.
      if (this.isReal) spawnSync('umount', ['-l', this.path]);
      rmSync(this.path, { recursive: true, force: true });
    });
  }

  /** Takes all the room that is left. */
  fill(): void {
    const file = openSync(join(this.path, 'ballast'), 'a');
    try {
      for (;;) writeSync(file, BLOCK);
    } catch {
      // Full.
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(join(this.path, 'ballast'));
  }
}

function mount(path: string, mebibytes: number): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=700`, 'mqttv5', path]).status === 0;
}
