// SPDX-License-Identifier: Apache-2.0

import type { Bytes } from '@mqttv5/wire';
import type { AnyMqttError, ErrorCode } from '../errors.ts';
import type { MaybePromise, WaitOptions } from './common.ts';
import type { Backoff } from './options.ts';
import type { PublishOptions, PublishResult } from './publish.ts';

export interface QueueOptions {
  window?: number | undefined;
  maximumSize?: number | undefined;
  overflow?: 'dropNewest' | 'dropOldest' | undefined;
  ttlMs?: number | undefined;
  /** Awaited; the entry is removed afterwards. */
  onDeadLetter?: ((entry: QueueEntry, error: AnyMqttError) => unknown) | undefined;
  isPermanent?: ((error: AnyMqttError) => boolean) | undefined;
  retryBackoff?: Backoff | undefined;
  idempotencyKey?: boolean | undefined;
}

/** QoS 1 unless 2 is asked for. An `id` already in the queue gives the existing entry. */
export interface QueuePublishOptions extends Omit<PublishOptions, 'qos' | 'topicAlias'> {
  qos?: 1 | 2 | undefined;
  id?: string | undefined;
}

export interface QueuedPublish {
  readonly id: string;
  delivered(options?: WaitOptions): Promise<PublishResult>;
}

export interface QueueEntry {
  /** Strictly increasing, never reused, also after reopening. */
  readonly sequence: number;
  readonly id: string;
  readonly topic: string;
  readonly payload: Bytes;
  readonly options: Omit<QueuePublishOptions, 'signal' | 'id'>;
  /** Wall clock, ms since 1970. */
  readonly enqueuedAt: number;
  readonly expiresAt: number | undefined;
  /** Why, once it is dead and waits for `onDeadLetter`. */
  readonly dead: ErrorCode | undefined;
}

export interface QueueLimit {
  readonly maximumSize: number;
  readonly overflow: 'dropNewest' | 'dropOldest' /** Sequences that may not be evicted. */;
  readonly keep: ReadonlySet<number>;
}

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
  markDead(sequence: number, reason: ErrorCode): MaybePromise<void>;
  remove(sequence: number): MaybePromise<void>;
  /** Entries that are not dead; constant time. */
  readonly size: number;
  close(): MaybePromise<void>;
}
