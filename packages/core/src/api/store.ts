// SPDX-License-Identifier: Apache-2.0

import type { MaybePromise } from './common.ts';

/**
 * Durable map with atomic batches. The engine owns the format of the values (versioned, with a checksum) and their order;
 * a store neither reads nor validates them, and survives every change of the format.
 */
export interface SessionStore {
  load(): MaybePromise<Iterable<readonly [key: string, value: Uint8Array]>>;
  /** All or nothing, durable when it returns or resolves. Deleting a missing key is success. */
  commit(operations: readonly SessionOperation[]): MaybePromise<void>;
  close(): MaybePromise<void>;
}

export type SessionOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly key: string };
