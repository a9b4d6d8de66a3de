// SPDX-License-Identifier: Apache-2.0

import { StoreError } from '@mqttv5/core';
import { HEADER_BYTES, encodeHeader, recordSeed } from './format.ts';
import type { LogDirectory, LogFile } from './log-directory.ts';
import { Segment } from './segment.ts';
import { asStoreError } from './store-error.ts';

/**
 * The segments of a queue: written at the end of the last one, deleted from the first one on.
 *
 * Only ever deleted in order: the removal of an entry stands behind the entry, so a segment that notes removals outlives
 * all that it notes.
 */
export class SegmentedLog {
  readonly #directory: LogDirectory;
  readonly #queueId: Uint8Array;
  readonly #segments: Segment[];
  #active: Segment;
  #file: LogFile;
  #totalBytes: number;
  /** Why nothing can be written any more. */
  #broken: unknown;

  private constructor(
    directory: LogDirectory,
    queueId: Uint8Array,
    segments: Segment[],
    active: Segment,
    file: LogFile,
  ) {
    this.#directory = directory;
    this.#queueId = queueId;
    this.#segments = segments;
    this.#active = active;
    this.#file = file;
    this.#totalBytes = segments.reduce((sum, segment) => sum + segment.size, 0);
  }

  /** A log with one empty segment. */
  static async make(
    directory: LogDirectory,
    queueId: Uint8Array,
    number: number,
    nextSequence: number,
  ): Promise<SegmentedLog> {
    const { segment, file } = await makeSegment(directory, queueId, number, nextSequence);
    return new SegmentedLog(directory, queueId, [segment], segment, file);
  }

  /** Goes on behind what `recover` has read. */
  static async resume(directory: LogDirectory, queueId: Uint8Array, segments: Segment[]): Promise<SegmentedLog> {
    const active = segments.at(-1);
    if (active === undefined) throw new StoreError(`no segment in ${directory.path}`);
    return new SegmentedLog(directory, queueId, segments, active, await directory.open(active.name));
  }

  /** Where the next append goes, at its `size`. */
  get active(): Segment {
    return this.#active;
  }

  /** The oldest one. */
  get first(): Segment {
    return this.#segments[0] ?? this.#active;
  }

  get totalBytes(): number {
    return this.#totalBytes;
  }

  /**
   * Writes at the end of the active segment. A write that fails is taken back: nothing of it can be seen afterwards.
   *
   * @throws StoreError
   */
  async append(bytes: Uint8Array, sync: boolean): Promise<void> {
    if (this.#broken !== undefined)
      throw new StoreError(`The queue in ${this.#directory.path} has failed and must be opened anew`, {
        cause: this.#broken,
      });
    if (!this.#directory.isOurs) {
      this.#broken = new StoreError(
        `Another process has opened the queue in ${this.#directory.path} since, or the directory is not there any more`,
      );
      throw this.#broken;
    }
    const start = this.#active.size;
    let written = false;
    try {
      await this.#file.write(bytes, start);
      written = true;
      if (sync) await this.#file.sync();
    } catch (error) {
      // After a failed sync nobody knows what the disk holds, and the system forgets that it failed (Linux drops the
      // pages): a later sync that succeeds would prove nothing.
      if (written) this.#broken = error;
      await this.#file.truncate(start).catch((failure: unknown) => (this.#broken = failure));
      throw asStoreError('write to', this.#directory.path, error);
    }
    this.#active.size += bytes.length;
    this.#totalBytes += bytes.length;
  }

  /** Goes on in a new segment. */
  async rotate(nextSequence: number): Promise<void> {
    if (!this.#directory.isOurs) return;
    const { segment, file } = await makeSegment(this.#directory, this.#queueId, this.#active.number + 1, nextSequence);
    const previous = this.#file;
    this.#active = segment;
    this.#file = file;
    this.#segments.push(segment);
    this.#totalBytes += segment.size;
    await previous.close();
  }

  /** Deletes the segments before the first one that is still needed. */
  async dropDrained(): Promise<void> {
    // Whoever has succeeded us may need what we think is drained.
    if (!this.#directory.isOurs) return;
    for (let first = this.first; first !== this.#active && first.entries === 0; first = this.first) {
      await this.#directory.remove(first.name, true);
      this.#segments.shift();
      this.#totalBytes -= first.size;
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function makeSegment(
  directory: LogDirectory,
  queueId: Uint8Array,
  number: number,
  nextSequence: number,
): Promise<{ readonly segment: Segment; readonly file: LogFile }> {
  const segment = new Segment(number, recordSeed(queueId, number), HEADER_BYTES);
  // Synced whatever `sync` is: it happens once in a few megabytes, and without its header a segment says nothing.
  const file = await directory.create(segment.name, encodeHeader({ queueId, number, nextSequence }), true);
  return { segment, file };
}
