// SPDX-License-Identifier: Apache-2.0

import type { Bytes } from '@mqttv5/wire';

import type { AnyMqttError, ErrorCode } from '../errors.ts';
import type { MaybePromise, WaitOptions } from './common.ts';
import type { Backoff } from './options.ts';
import type { PublishOptions, PublishResult } from './publish.ts';

/** How a `QueuePublisher` drains its queue. @throws MqttError `INVALID_OPTION` from its constructor */
export interface QueueOptions {
  /** Messages in flight at once, started in the order of the queue. 1 to 65,000. @defaultValue 32 */
  window?: number | undefined;
  /** Messages the queue holds; what `overflow` says beyond. @defaultValue no bound */
  maximumSize?: number | undefined;
  /** `"dropNewest"` rejects with `QUEUE_FULL`; `"dropOldest"` evicts the oldest, which becomes a dead letter. @defaultValue "dropNewest" */
  overflow?: 'dropNewest' | 'dropOldest' | undefined;
  /** How long a message is worth sending; what remains goes along as Message Expiry Interval. Unit: milliseconds. @defaultValue for ever */
  ttlMs?: number | undefined;
  /** Sees what was refused for good, expired, or evicted. Awaited; the entry is removed afterwards. At least once over a kill. */
  onDeadLetter?: ((entry: QueueEntry, error: AnyMqttError) => unknown) | undefined;
  /** Whether to try again. @defaultValue not after 0x87 0x90 0x95 0x99 0x9A 0x9B or what says the same locally */
  isPermanent?: ((error: AnyMqttError) => boolean) | undefined;
  /**
   * Delay of what is tried again, behind later messages: `retryBackoff(n)` before attempt n (1, 2, …), in milliseconds. When it
   * throws or gives no delay, 1 s applies.
   * @defaultValue 1 s doubling to 1 min, ±0.5 s
   */
  retryBackoff?: Backoff | undefined;
  /** Adds the entry's `id` as user property `mqttv5-msg-id`, for receivers that remove duplicates. @defaultValue false */
  idempotencyKey?: boolean | undefined;
}

/** QoS 1 unless 2 is asked for. An `id` already in the queue gives the existing entry. */
export interface QueuePublishOptions extends Omit<PublishOptions, 'qos' | 'topicAlias'> {
  /** @defaultValue 1 */
  qos?: 1 | 2 | undefined;
  /** Makes repeating an enqueue after a kill harmless, while the entry exists. @defaultValue random, 32 hexadecimal digits */
  id?: string | undefined;
}

/** A message that is safe. */
export interface QueuedPublish {
  /** The one given, or a random one. */
  readonly id: string;
  /** Ends with the exchange: resolves when the broker has accepted, rejects with why it never will. */
  delivered(options?: WaitOptions): Promise<PublishResult>;
}

/** A message in a queue. */
export interface QueueEntry {
  /** Strictly increasing, never reused, also after reopening. */
  readonly sequence: number;
  /** Unique in its queue as long as the entry is there. */
  readonly id: string;
  readonly topic: string;
  readonly payload: Bytes;
  /** As they were given to `publish`. */
  readonly options: Omit<QueuePublishOptions, 'signal' | 'id'>;
  /** Wall clock, ms since 1970. */
  readonly enqueuedAt: number;
  /** Wall clock, ms since 1970. */
  readonly expiresAt: number | undefined;
  /** Why, once it is dead and waits for `onDeadLetter`. */
  readonly dead: ErrorCode | undefined;
}

/** The bound an enqueue has to hold. */
export interface QueueLimit {
  /** Entries that are not dead; may be Infinity. */
  readonly maximumSize: number;
  readonly overflow: 'dropNewest' | 'dropOldest';
  /** Sequences that may not be evicted. */
  readonly keep: ReadonlySet<number>;
}

/**
 * An ordered queue of messages, durable or not. After `close` every call fails with `QUEUE_CLOSED`, but for `close`.
 *
 * `publisherQueueContract` of `@mqttv5/testing` tests any of them.
 */
export interface PublisherQueue {
  /** Random, made with the queue: tells its entries in a session store from those of another queue. */
  readonly id: string;
  /** One atomic, durable step: an entry with that id is returned as it is (`existed`); else check the limit, mark evicted entries dead, insert. Rejects with QUEUE_FULL. */
  enqueue(
    entry: Omit<QueueEntry, 'sequence' | 'dead'>,
    limit: QueueLimit,
  ): MaybePromise<{ readonly entry: QueueEntry; readonly existed: boolean; readonly evicted: readonly QueueEntry[] }>;
  /** Oldest first, strictly after `sequence`, dead ones included. */
  peek(sequence: number, count: number): MaybePromise<readonly QueueEntry[]>;
  /** Durable. A missing entry is success. */
  markDead(sequence: number, reason: ErrorCode): MaybePromise<void>;
  /** Durable. A missing entry is success. */
  remove(sequence: number): MaybePromise<void>;
  /** Entries that are not dead; constant time. */
  readonly size: number;
  /** Repeating it is success. The publisher never calls it. */
  close(): MaybePromise<void>;
}
