// SPDX-License-Identifier: Apache-2.0

import type { MaybePromise } from './common.ts';

/**
 * Durable map with atomic batches. The engine owns the format of the values (versioned, with a checksum) and their order;
 * a store neither reads nor validates them, and survives every change of the format.
 *
 * One that answers without a promise pays for none. `sessionStoreContract` of `@mqttv5/testing` tests any of them.
 */
export interface SessionStore {
  /** Everything stored, in any order. */
  load(): MaybePromise<Iterable<readonly [key: string, value: Uint8Array]>>;
  /** All or nothing, durable when it returns or resolves. Deleting a missing key is success. */
  commit(operations: readonly SessionOperation[]): MaybePromise<void>;
  /** Later calls fail, but for `close`. The client never calls it. */
  close(): MaybePromise<void>;
}

/** One change of a batch; they apply in order. */
export type SessionOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly key: string };
