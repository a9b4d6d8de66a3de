// SPDX-License-Identifier: Apache-2.0
//
// Room on the disk that nobody else gets: a file full of nothing. A queue that has filled its disk could not even be emptied,
// because the removal of an entry has to be written, too, and gives space back only when a whole segment is done with. So
// when the disk is full the reserve is given up for removals and deaths, and new entries are refused until it is whole again.

import type { LogDirectory } from './log-directory.ts';

const NAME = 'reserve';
/** A block of most file systems. Less is no help. */
const SMALLEST_BYTES = 4096;
const LARGEST_BYTES = 1024 * 1024;

export class Reserve {
  readonly #directory: LogDirectory;
  #bytes = 0;
  #isSpent = false;

  /** A removal takes a quarter of the smallest usual entry, so this is enough to be done with the first segment. */
  constructor(directory: LogDirectory, segmentBytes: number) {
    this.#directory = directory;
    this.#bytes = Math.min(Math.max(segmentBytes / 4, SMALLEST_BYTES), LARGEST_BYTES);
  }

  /** It was given up, and there has been no room for it since. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  /** On a disk without that much room: as much as there is. */
  async make(): Promise<void> {
    if (this.#directory.sizeOf(NAME) === this.#bytes) return;
    for (; this.#bytes >= SMALLEST_BYTES; this.#bytes /= 2) if (await this.#create()) return;
    this.#bytes = 0;
  }

  /** False when there is none, or it cannot be deleted. */
  async giveUp(): Promise<boolean> {
    if (this.#bytes === 0 || this.#isSpent) return false;
    try {
      await this.#directory.remove(NAME, false);
      this.#isSpent = true;
    } catch {
      // The disk has worse to complain of than no room.
    }
    return this.#isSpent;
  }

  /** Makes it whole again, if there is room. */
  async restore(): Promise<void> {
    if (this.#isSpent && (await this.#create())) this.#isSpent = false;
  }

  async #create(): Promise<boolean> {
    try {
      const file = await this.#directory.create(NAME, new Uint8Array(this.#bytes), false);
      await file.close();
      return true;
    } catch {
      return false;
    }
  }
}

/** Whether the disk, or the owner's share of it, is full. */
export function isNoRoom(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT');
}
