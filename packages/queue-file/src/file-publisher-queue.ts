// SPDX-License-Identifier: Apache-2.0
//
// The queue as its callers see it, and how it is opened and closed. What they ask for becomes durable in group-commit.ts.

import { Buffer } from 'node:buffer';
import process from 'node:process';
import { MqttError, StoreError } from '@mqttv5/core';
import type { ErrorCode, PublisherQueue, QueueEntry, QueueLimit } from '@mqttv5/core';
import type { Batch } from './batch.ts';
import type { Enqueued, NewEntry } from './enqueued.ts';
import { Compaction } from './compaction.ts';
import type { QueueDamage } from './damage.ts';
import { lockDirectory } from './directory-lock.ts';
import type { DirectoryLock } from './directory-lock.ts';
import { EntryIndex } from './entry-index.ts';
import type { IndexedEntry } from './entry-index.ts';
import { EntryReader } from './entry-reader.ts';
import { storedForm } from './entry-record.ts';
import { GroupCommit } from './group-commit.ts';
import type { LogState } from './group-commit.ts';
import { LogDirectory } from './log-directory.ts';
import { planOpen } from './open-options.ts';
import type { FilePublisherQueueOptions, OpenPlan } from './open-options.ts';
import { recover, saveBytes } from './recovery.ts';
import { Reserve } from './reserve.ts';
import { SegmentedLog } from './segmented-log.ts';
import { asStoreError } from './store-error.ts';

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
  readonly #index: EntryIndex;
  readonly #reader: EntryReader;
  readonly #commit: GroupCommit;
  readonly #damaged: QueueDamage[] = [];
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
    this.#index = state.index;
    this.#id = Buffer.from(state.queueId).toString('hex');
    const setAside = (indexed: IndexedEntry): void => this.#setAside(indexed);
    this.#reader = new EntryReader(directory, setAside);
    const compaction = new Compaction(directory, state.log, state.index, plan.segmentBytes, setAside);
    this.#commit = new GroupCommit(plan, state, this.#reader, compaction, reserve);
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
      throw asStoreError('open', plan.directory, error);
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
      if (this.#commit.isDiskFull && this.#index.byId(given.id) === undefined)
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
        for (const entry of this.#reader.read(indexed)) if (entry !== undefined) entries.push(entry);
        after = last.sequence;
      }
      return entries;
    } catch (error) {
      throw asStoreError('read', this.#plan.directory, error);
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
    await this.#commit.perform(stage, grows);
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
    try {
      await this.#commit.end();
    } finally {
      this.#directory.close();
      await this.#directory.disown();
      await this.#lock.release();
    }
  }

  #requireOpen(): void {
    if (this.#closing !== undefined)
      throw new MqttError('QUEUE_CLOSED', `The queue in ${this.#plan.directory} is closed`, { delivery: 'notSent' });
  }
}

interface OpenState extends LogState {
  readonly queueId: Uint8Array;
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
