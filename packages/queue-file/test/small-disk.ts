// SPDX-License-Identifier: Apache-2.0

import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, rmdirSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { onTestFinished } from 'vitest';

const BLOCK = new Uint8Array(4096).fill(1);

/** A file system of its own, in memory, that can be filled to the last byte. */
export class SmallDisk {
  readonly path: string;

  /** @throws Error where `canMount` is false */
  constructor(kibibytes: number) {
    this.path = mount(kibibytes);
    onTestFinished(() => unmount(this.path));
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

/** Root on Linux may mount, outside of most containers. */
export const canMount: boolean = process.platform === 'linux' && process.getuid?.() === 0 && mountsHere();

function mountsHere(): boolean {
  try {
    unmount(mount(64));
    return true;
  } catch {
    return false;
  }
}

function mount(kibibytes: number): string {
  const path = mkdtempSync(join(tmpdir(), 'mqttv5-queue-file-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${kibibytes}k,mode=700`, 'mqttv5', path]);
  if (status === 0) return path;
  rmdirSync(path);
  throw new Error(`cannot mount a file system on ${path}`);
}

function unmount(path: string): void {
  // Lazily: a file may be open still.
  spawnSync('umount', ['-l', path]);
  rmdirSync(path);
}
