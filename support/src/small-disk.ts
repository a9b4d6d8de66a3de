// SPDX-License-Identifier: Apache-2.0

import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { onTestFinished } from 'vitest';

const BLOCK = new Uint8Array(4096).fill(1);

/**
 * A directory on a disk that can be filled to the last byte: a file system of its own, in memory. Only root on Linux may mount
 * one, outside of most containers: `isReal` is false where this is an ordinary directory. Gone when the test is over.
 */
export class SmallDisk {
  readonly path: string = mkdtempSync(join(tmpdir(), 'mqttv5-small-disk-'));
  readonly isReal: boolean;

  constructor(kibibytes: number) {
    this.isReal = mount(this.path, kibibytes);
    onTestFinished(() => remove(this.path, this.isReal));
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

/** Whether small disks are real here. */
export const canMount: boolean = mountsHere();

function mountsHere(): boolean {
  const path = mkdtempSync(join(tmpdir(), 'mqttv5-small-disk-'));
  const mounted = mount(path, 64);
  remove(path, mounted);
  return mounted;
}

function mount(path: string, kibibytes: number): boolean {
  if (process.platform !== 'linux') return false;
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${kibibytes}k,mode=700`, 'mqttv5', path]).status === 0;
}

function remove(path: string, mounted: boolean): void {
  // Lazily: a file may be open still.
  if (mounted) spawnSync('umount', ['-l', path]);
  rmSync(path, { recursive: true, force: true });
}
