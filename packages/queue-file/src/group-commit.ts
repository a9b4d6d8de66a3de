// SPDX-License-Identifier: Apache-2.0
//
// How operations become durable: all that are asked for while the disk is busy are decided, written and synced together,
// between the files of the log being changed and given back. One at a time, so that nothing here needs a lock. Sequences are
// given out here, because a batch takes them.

import { Batch } from './batch.ts';
import type { Compaction } from './compaction.ts';
import type { EntryIndex } from './entry-index.ts';
import type { EntryReader } from './entry-reader.ts';
import type { OpenPlan } from './open-options.ts';
import { isNoRoom } from './reserve.ts';
import type { Reserve } from './reserve.ts';
import type { SegmentedLog } from './segmented-log.ts';
import { asStoreError } from './store-error.ts';

/** A batch is written once it has this size, whoever else waits: it bounds the memory and the time of one write. */
const BATCH_BYTES = 1024 * 1024;
const BATCH_OPERATIONS = 1024;
/** A drained queue leaves a file of this size behind at most, so that it opens in milliseconds. */
const DRAINED_BYTES = 256 * 1024;
/** Compaction copies as much as a batch can have written, then lets the next batch go first. */
const STEPS_BETWEEN_BATCHES = 4;
/**
 * How far the sequence jumps when the queue was not closed: more than can have been given out and lost. A sequence that is
 * in a session store must never name another entry. 33 million kills fit into what a number holds.
 */
const SEQUENCE_JUMP = 2 ** 28;

interface Task {
  /** It adds an entry; what does not is done from the reserve when the disk is full. */
  readonly grows: boolean;
  /** Stages the operation; false when it has to wait for the next batch. Throws what its caller is to be told. */
  stage(batch: Batch): boolean;
  done(): void;
  failed(error: unknown): void;
}

/** The log as `open` has found or made it, and what is in it. */
export interface LogState {
  readonly log: SegmentedLog;
  readonly index: EntryIndex;
  readonly nextSequence: number;
  /** The queue was closed: no sequence was given out that the log does not tell of. */
  readonly clean: boolean;
}

export class GroupCommit {
  readonly #plan: OpenPlan;
  readonly #log: SegmentedLog;
  readonly #index: EntryIndex;
  readonly #reader: EntryReader;
  readonly #compaction: Compaction;
  readonly #reserve: Reserve;
  readonly #tasks: Task[] = [];
  #nextSequence: number;
  /** The first batch has to say so before it uses a sequence. */
  #announceSequence: boolean;
  #running: Promise<void> | undefined;

  constructor(plan: OpenPlan, state: LogState, reader: EntryReader, compaction: Compaction, reserve: Reserve) {
    this.#plan = plan;
    this.#log = state.log;
    this.#index = state.index;
    this.#nextSequence = state.clean ? state.nextSequence : state.nextSequence + SEQUENCE_JUMP;
    this.#announceSequence = !state.clean;
    this.#reader = reader;
    this.#compaction = compaction;
    this.#reserve = reserve;
  }

  /** The disk was full, and has had no room for the reserve since: only what the queue has already can be dealt with. */
  get isDiskFull(): boolean {
    return this.#reserve.isSpent;
  }

  /**
   * Resolves when what `stage` puts into a batch is durable. `stage` gives false to wait for the next batch, and throws what the
   * caller is to be told. What does not add an entry (`grows`) is done from the reserve when the disk is full.
   */
  perform(stage: (batch: Batch) => boolean, grows: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#tasks.push({ grows, stage, done: resolve, failed: reject });
      // In a microtask: all calls of this turn share the first write.
      this.#running ??= Promise.resolve().then(() => this.#run());
    });
  }

  /** Completes what has been asked for, notes that nothing follows, and closes the log. `perform` is not called after this. */
  async end(): Promise<void> {
    await this.#running;
    try {
      const batch = this.#newBatch();
      batch.writeSequence(this.#nextSequence, true);
      await this.#log.append(batch.writer.bytes, true);
    } catch {
      // Then the next open takes the queue for killed, and jumps. Everything that was confirmed is in the log.
    }
    await this.#log.close();
  }

  async #run(): Promise<void> {
    while (this.#tasks.length > 0) {
      await this.#rotateIfFull();
      await this.#commit();
      await this.#tidy();
    }
    this.#running = undefined;
  }

  /** Stages as many tasks as belong together, writes them, and settles them. */
  async #commit(): Promise<void> {
    if (this.#reserve.isSpent && this.#tasks.some(({ grows }) => grows)) await this.#reserve.restore();
    const batch = this.#newBatch();
    if (this.#announceSequence) batch.writeSequence(this.#nextSequence, false);
    const staged = this.#stage(batch);
    try {
      await this.#write(batch);
      for (const task of staged) task.done();
    } catch (error) {
      const failure = asStoreError('write to', this.#plan.directory, error);
      const left = staged.filter(({ grows }) => !grows);
      const again = left.length > 0 && isNoRoom(failure) && (await this.#reserve.giveUp());
      for (const task of again ? staged.filter(({ grows }) => grows) : staged) task.failed(failure);
      if (again) this.#tasks.unshift(...left);
    }
  }

  #stage(batch: Batch): readonly Task[] {
    const staged: Task[] = [];
    const most = this.#plan.sync === 'always' ? 1 : BATCH_OPERATIONS;
    let taken = 0;
    while (staged.length < most && batch.writer.length < BATCH_BYTES) {
      const task = this.#tasks[taken];
      if (task === undefined) break;
      try {
        if (!task.stage(batch)) break;
        staged.push(task);
      } catch (error) {
        task.failed(asStoreError('read', this.#plan.directory, error));
      }
      taken += 1;
    }
    // All at once: there may be 100,000 behind them, and each would be moved for each.
    this.#tasks.splice(0, taken);
    return staged;
  }

  async #write(batch: Batch): Promise<void> {
    const sync = this.#plan.sync !== 'none' || this.#announceSequence;
    if (batch.writer.length > 0) await this.#log.append(batch.writer.bytes, sync);
    this.#announceSequence &&= batch.writer.length === 0;
    batch.apply();
  }

  #newBatch(): Batch {
    return new Batch({
      index: this.#index,
      segment: this.#log.active,
      maximumBytes: this.#plan.maximumBytes,
      // Never taken back, not even when the write fails: it costs nothing, and nothing can go wrong.
      takeSequence: () => this.#nextSequence++,
      read: (indexed) => this.#reader.read([indexed])[0],
    });
  }

  async #rotateIfFull(): Promise<void> {
    if (this.#log.active.size < this.#plan.segmentBytes) return;
    // Without a new segment the old one grows on. If the disk is full the write will say so.
    await this.#log.rotate(this.#nextSequence).catch(() => {});
  }

  /** Gives space back. None of it is anybody's call, so a failure waits for the next time. */
  async #tidy(): Promise<void> {
    try {
      if (this.#index.count === 0 && this.#log.active.size > Math.min(DRAINED_BYTES, this.#plan.segmentBytes))
        await this.#log.rotate(this.#nextSequence);
      await this.#log.dropDrained();
      for (let step = 0; this.#compaction.isDue; step++) {
        if (step >= STEPS_BETWEEN_BATCHES && this.#tasks.length > 0) break;
        await this.#compaction.step();
      }
    } catch {
      this.#compaction.abandon();
    }
  }
}
