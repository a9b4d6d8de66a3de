// SPDX-License-Identifier: Apache-2.0
//
// In a file of its own: the declarations of the queue name these types, and must not lead to anything of Node.

import type { QueueEntry } from '@mqttv5/core';

export type NewEntry = Omit<QueueEntry, 'sequence' | 'dead'>;

export interface Enqueued {
  readonly entry: QueueEntry;
  readonly existed: boolean;
  readonly evicted: readonly QueueEntry[];
}
