// SPDX-License-Identifier: Apache-2.0

import { Buffer } from 'node:buffer';
import process from 'node:process';
import { MqttError, StoreError, isMqttError } from '@mqttv5/core';
import type { ErrorCode, PublisherQueue, QueueEntry, QueueLimit } from '@mqttv5/core';
import { Batch } from './batch.ts';
import type { Enqueued, NewEntry } from './enqueued.ts';
import { Compaction } from './compaction.ts';
import type { QueueDamage } from './damage.ts';
import { lockDirectory } from './directory-lock.ts';
import type { DirectoryLock } from './directory-lock.ts';
import { EntryIndex } from './entry-index.ts';
import type { IndexedEntry } from './entry-index.ts';
import { readEntry, storedForm } from './entry-record.ts';
import { RecordType, readRecord } from './format.ts';
import { LogDirectory } from './log-directory.ts';
import { planOpen } from './open-options.ts';
import type { FilePublisherQueueOptions, OpenPlan } from './open-options.ts';
import { recover, saveBytes } from './recovery.ts';
import { isNoRoom, Reserve } from './reserve.ts';
import { SegmentedLog } from './segmented-log.ts';

/** A batch is written once it has this size, whoever else waits: it bounds the memory and the time of one write. */
const BATCH_BYTES = 1024 * 1024;
const BATCH_OPERATIONS = 1024;
/** Neighbours are read in one go: up to this much, over gaps up to that much (a removed entry between them, say). */
const READ_BYTES = 1024 * 1024;
const READ_GAP = 4096;
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

/**
 * A durable `PublisherQueue`: a write-ahead log in a directory. What `enqueue` has confirmed is there after a killed process
 * and, unless `sync` is "none", after a power failure.
 *
 * Topics, options and payloads stay on the disk; memory holds about 300 bytes for each entry. One queue at a time has a
 * directory open, on this machine. Payloads are not encrypted. The format is described in FORMAT.md.
 *
 * @example
 * ```ts
 * const queue = await FilePublisherQueue.open({ directory: 'data/outbox' });
 * const publisher = new QueuePublisher(client, queue);
 * ```
 */
export class FilePublisherQueue implements PublisherQueue, AsyncDisposable {
  readonly #id: string;
  readonly #plan: OpenPlan;
  readonly #directory: LogDirectory;
  readonly #lock: DirectoryLock;
  readonly #log: SegmentedLog;
  readonly #index: EntryIndex;
  readonly #compaction: Compaction;
  readonly #reserve: Reserve;
  readonly #damaged: QueueDamage[] = [];
  readonly #tasks: Task[] = [];
  #nextSequence: number;
  /** The first batch has to say so before it uses a sequence. */
  #announceSequence: boolean;
  #running: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    plan: OpenPlan,
    directory: LogDirectory,
    lock: DirectoryLock,
    reserve: Reserve,
    state: OpenState,
  ) {
    this.#plan = plan;
    this.#directory = directory;
    this.#lock = lock;
    this.#reserve = reserve;
    this.#log = state.log;
    this.#index = state.index;
    this.#id = Buffer.from(state.queueId).toString('hex');
    this.#nextSequence = state.clean ? state.nextSequence : state.nextSequence + SEQUENCE_JUMP;
    this.#announceSequence = !state.clean;
    this.#compaction = new Compaction(directory, state.log, state.index, plan.segmentBytes, (entry) =>
      this.#setAside(entry),
    );
  }

  /**
   * Opens a queue, and makes it when it is not there. What of it cannot be read is set aside and reported, the rest is there.
   * The time it takes grows with what is in the queue, not with what has been.
   *
   * @throws MqttError `LOCKED` when a queue, of this process or another on this machine, has the directory open
   * @throws MqttError `INVALID_OPTION` for an unknown or unusable option
   * @throws StoreError when the directory cannot be used, or was written by a newer version of this package
   */
  static async open(options: FilePublisherQueueOptions): Promise<FilePublisherQueue> {
    const plan = planOpen(options);
    return await FilePublisherQueue.openIn(new LogDirectory(plan.directory), plan);
  }

  /** With a file layer of the test's own. @internal */
  static async openIn(directory: LogDirectory, plan: OpenPlan): Promise<FilePublisherQueue> {
    let lock: DirectoryLock | undefined;
    try {
      await directory.make();
      lock = await lockDirectory(plan.directory);
      await directory.own();
      const state = await openState(directory);
      const reserve = new Reserve(directory, plan.segmentBytes);
      await reserve.make();
      const queue = new FilePublisherQueue(plan, directory, lock, reserve, state);
      for (const damage of state.damaged) queue.#report(damage);
      return queue;
    } catch (error) {
      directory.close();
      if (lock !== undefined) await directory.disown();
      await lock?.release();
      if (isMqttError(error)) throw error;
      throw new StoreError(`Cannot open the queue in ${plan.directory}: ${messageOf(error)}`, { cause: error });
    }
  }

  /** 128 random bits in hex, made with the queue: tells its entries in a session store from those of another queue. */
  get id(): string {
    return this.#id;
  }

  /** Entries that are not dead. Constant time. */
  get size(): number {
    return this.#index.aliveCount;
  }

  /** Bytes that the entries in the queue take, dead ones included, as `maximumBytes` counts them. Constant time. */
  get bytes(): number {
    return this.#index.bytes;
  }

  /** Everything that could not be read since `open`, oldest first. */
  get damaged(): readonly QueueDamage[] {
    return this.#damaged;
  }

  /**
   * Adds an entry, unless one with its `id` is there. Resolves when it is durable.
   *
   * @throws MqttError `QUEUE_FULL` when `limit` or `maximumBytes` leaves no room; nothing has changed then
   * @throws MqttError `QUEUE_CLOSED` after `close()`
   * @throws StoreError when it cannot be written (the disk is full, say); nothing has changed then
   */
  async enqueue(entry: NewEntry, limit: QueueLimit): Promise<Enqueued> {
    // Used when the batch is made; until then the caller may do with its buffers what it likes. `keep` is the caller's set as it
    // is at that moment: whoever adds to it spares an entry from all evictions that are still to be decided.
    const given = storedForm({ ...entry, sequence: 0, dead: undefined });
    let enqueued: Enqueued | undefined;
    await this.#perform((batch) => {
      if (batch.removes(given.id)) return false;
      if (this.#reserve.isSpent && this.#index.byId(given.id) === undefined)
        throw new StoreError(`The disk of the queue in ${this.#plan.directory} is full`);
      enqueued = batch.enqueue(given, limit);
      return true;
    }, true);
    if (enqueued === undefined) throw new StoreError('the entry was not staged');
    return enqueued;
  }

  /**
   * At most `count` entries with a greater sequence, oldest first, dead ones included. Reads the disk synchronously: what was
   * written lately comes from the page cache.
   *
   * @throws MqttError `QUEUE_CLOSED` after `close()`
   * @throws StoreError when the disk cannot be read
   */
  async peek(sequence: number, count: number): Promise<readonly QueueEntry[]> {
    await Promise.resolve();
    this.#requireOpen();
    try {
      const entries: QueueEntry[] = [];
      let after = sequence;
      while (entries.length < count) {
        const indexed = this.#index.after(after, count - entries.length);
        const last = indexed.at(-1);
        if (last === undefined) break;
        // Those that cannot be read are set aside; as many more are taken instead.
        for (const entry of this.#read(indexed)) if (entry !== undefined) entries.push(entry);
        after = last.sequence;
      }
      return entries;
    } catch (error) {
      throw this.#asStoreError('read', error);
    }
  }

  /**
   * Marks an entry dead. Resolves when that is durable. One that is not there, or is dead already, is left as it is.
   *
   * @throws MqttError `QUEUE_CLOSED` after `close()`
   * @throws StoreError when it cannot be written
   */
  async markDead(sequence: number, reason: ErrorCode): Promise<void> {
    await this.#perform((batch) => {
      batch.markDead(sequence, reason);
      return true;
    });
  }

  /**
   * Removes an entry; its `id` may be used again, its sequence never. Resolves when that is durable. Removing what is not
   * there is success.
   *
   * @throws MqttError `QUEUE_CLOSED` after `close()`
   * @throws StoreError when it cannot be written
   */
  async remove(sequence: number): Promise<void> {
    await this.#perform((batch) => {
      batch.remove(sequence);
      return true;
    });
  }

  /** Completes what has been asked for, closes the files and lets go of the lock. Calling it again gives the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  /** {@link FilePublisherQueue.close} */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #perform(stage: (batch: Batch) => boolean, grows = false): Promise<void> {
    this.#requireOpen();
    await new Promise<void>((resolve, reject) => {
      this.#tasks.push({ grows, stage, done: resolve, failed: reject });
      // In a microtask: all calls of this turn share the first write.
      this.#running ??= Promise.resolve().then(() => this.#run());
    });
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
      const failure = this.#asStoreError('write to', error);
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
        task.failed(this.#asStoreError('read', error));
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
      read: (indexed) => this.#read([indexed])[0],
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

  /** The entries from their files; undefined for one that cannot be read, which is set aside. */
  #read(indexed: readonly IndexedEntry[]): readonly (QueueEntry | undefined)[] {
    const entries: (QueueEntry | undefined)[] = [];
    for (let from = 0; from < indexed.length; ) {
      const first = indexed[from];
      if (first === undefined) break;
      const run = neighbours(indexed, from, first);
      const last = run.at(-1) ?? first;
      const bytes = this.#directory.read(first.segment.name, first.offset, last.offset + last.length - first.offset);
      for (const entry of run) entries.push(this.#decode(entry, bytes, first.offset));
      from += run.length;
    }
    return entries;
  }

  #decode(indexed: IndexedEntry, bytes: Buffer, base: number): QueueEntry | undefined {
    const record = readRecord(bytes, indexed.offset - base, indexed.segment.seed, base);
    if (record?.type === RecordType.Entry) {
      try {
        return readEntry(record.body, indexed.dead);
      } catch {
        // Below: as unreadable as a wrong checksum.
      }
    }
    this.#setAside(indexed);
    return undefined;
  }

  /** The disk has lost an entry since the queue was opened. It must not hold up those behind it. */
  #setAside(indexed: IndexedEntry): void {
    const { sequence, segment, offset, length } = indexed;
    if (this.#index.bySequence(sequence) !== indexed) return;
    const bytes = this.#directory.read(segment.name, offset, length);
    this.#index.remove(indexed);
    const place = { kind: 'record', file: segment.name, offset, length } as const;
    void saveBytes(this.#directory, segment.name, offset, bytes).then(
      (savedAs) => this.#report({ ...place, savedAs }),
      () => this.#report(place),
    );
    // Noted, so that a later open does not find it again. Nobody waits for it.
    this.#perform((batch) => {
      batch.writeRemoval(sequence);
      return true;
    }).catch(() => {});
  }

  #report(damage: QueueDamage): void {
    this.#damaged.push(damage);
    const { onDamage } = this.#plan;
    if (onDamage !== undefined) queueMicrotask(() => onDamage(damage));
    else if (damage.kind !== 'tornTail')
      process.emitWarning(
        `${damage.length} bytes at ${damage.offset} of ${damage.file} in ${this.#plan.directory} cannot be read (${damage.kind})`,
        { code: 'MQTTV5_QUEUE_DAMAGED' },
      );
  }

  async #shutDown(): Promise<void> {
    await this.#running;
    try {
      const batch = this.#newBatch();
      batch.writeSequence(this.#nextSequence, true);
      await this.#log.append(batch.writer.bytes, true);
    } catch {
      // Then the next open takes the queue for killed, and jumps. Everything that was confirmed is in the log.
    }
    try {
      await this.#log.close();
    } finally {
      this.#directory.close();
      await this.#directory.disown();
      await this.#lock.release();
    }
  }

  /** What the disk says; what is ours already stays as it is. */
  #asStoreError(action: string, error: unknown): unknown {
    if (isMqttError(error)) return error;
    return new StoreError(`Cannot ${action} the queue in ${this.#plan.directory}: ${messageOf(error)}`, {
      cause: error,
    });
  }

  #requireOpen(): void {
    if (this.#closing !== undefined)
      throw new MqttError('QUEUE_CLOSED', `The queue in ${this.#plan.directory} is closed`, { delivery: 'notSent' });
  }
}

interface OpenState {
  readonly queueId: Uint8Array;
  readonly log: SegmentedLog;
  readonly index: EntryIndex;
  readonly nextSequence: number;
  readonly clean: boolean;
  readonly damaged: readonly QueueDamage[];
}

async function openState(directory: LogDirectory): Promise<OpenState> {
  const recovered = await recover(directory);
  if ('queueId' in recovered) {
    const log = await SegmentedLog.resume(directory, recovered.queueId, recovered.segments);
    return { ...recovered, log };
  }
  const queueId = crypto.getRandomValues(new Uint8Array(16));
  const log = await SegmentedLog.make(directory, queueId, 1, 1);
  return { queueId, log, index: new EntryIndex(), nextSequence: 1, clean: true, damaged: recovered.damaged };
}

/** The entries from `from` on whose records stand close enough to be read at once. */
function neighbours(indexed: readonly IndexedEntry[], from: number, first: IndexedEntry): readonly IndexedEntry[] {
  let end = first.offset + first.length;
  let to = from + 1;
  for (let next = indexed[to]; next !== undefined; next = indexed[++to]) {
    const gap = next.offset - end;
    if (
      next.segment !== first.segment ||
      gap < 0 ||
      gap > READ_GAP ||
      next.offset + next.length - first.offset > READ_BYTES
    )
      break;
    end = next.offset + next.length;
  }
  return indexed.slice(from, to);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
