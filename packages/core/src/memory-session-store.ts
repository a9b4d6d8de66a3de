// SPDX-License-Identifier: Apache-2.0

import { isBytes } from '@mqttv5/wire/client-side';
import type { SessionOperation, SessionStore } from './api/store.ts';
import { StoreError } from './errors.ts';

/**
 * Session state in memory: survives the client object, not the process.
 *
 * Without `store` a client keeps its state itself, and cheaper. This one is for handing a session from one client object to the
 * next, and for tests of what a durable store does. Bytes are copied in and out.
 *
 * @see MQTT v5.0 §4.1
 */
export class MemorySessionStore implements SessionStore {
  readonly #values: Map<string, Uint8Array> = new Map();
  #closed = false;

  /**
   * What is stored at this moment; later commits do not show in it.
   *
   * @throws StoreError after `close`
   */
  load(): Iterable<readonly [key: string, value: Uint8Array]> {
    this.#assertOpen('load');
    return Array.from(this.#values, ([key, value]) => [key, new Uint8Array(value)] as const);
  }

  /**
   * All operations in order, or none.
   *
   * @throws StoreError after `close`, or when an operation is not one; then nothing has changed
   */
  commit(operations: readonly SessionOperation[]): void {
    this.#assertOpen('commit');
    // `new Uint8Array` and not `slice()`: that of a Buffer is a view.
    // Looked at first and carried out afterwards: the second half cannot fail.
    for (const operation of operations) assertOperation(operation);
    for (const operation of operations) {
      if (operation.type === 'put') this.#values.set(operation.key, new Uint8Array(operation.value));
      else this.#values.delete(operation.key);
    }
  }

  /** Ends the use of this object. Closing again is success; everything else fails. */
  close(): void {
    this.#closed = true;
    this.#values.clear();
  }

  #assertOpen(operation: string): void {
    if (this.#closed) throw new StoreError(`Cannot ${operation}: the session store is closed`);
  }
}

function assertOperation(operation: SessionOperation): void {
  // Plain JavaScript may hand in anything.
  const { type, key, value }: { type: unknown; key: unknown; value?: unknown } = operation;
  if (typeof key === 'string' && (type === 'delete' || (type === 'put' && isBytes(value)))) return;
  throw new StoreError('A session operation must be a put with key and bytes, or a delete with key');
}
