// SPDX-License-Identifier: Apache-2.0
//
// A queue that has filled its disk to the last byte.

import type { QueueEntry } from '@mqttv5/core';
import { isMqttError } from '@mqttv5/core';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { expect, test } from 'vitest';
import { canMount, SmallDisk } from '@mqttv5/support/small-disk';

const unbounded = { maximumSize: Number.POSITIVE_INFINITY, overflow: 'dropNewest', keep: new Set<number>() } as const;

function entry(id: string): Omit<QueueEntry, 'sequence' | 'dead'> {
  return { id, topic: 't', payload: new Uint8Array(100).fill(1), options: {}, enqueuedAt: 0, expiresAt: undefined };
}

/** How many were taken until the disk was full. */
async function fillUp(queue: FilePublisherQueue, prefix: string): Promise<number> {
  for (let count = 0; ; count++) {
    try {
      await queue.enqueue(entry(`${prefix}-${count}`), unbounded);
    } catch (error) {
      expect(isMqttError(error) && error.code).toBe('STORE_FAILED');
      return count;
    }
  }
}

test.skipIf(!canMount)('can be emptied, and filled again, also after a restart', { timeout: 60_000 }, async () => {
  const { path } = new SmallDisk(1024);
  let taken = 0;
  for (let life = 0; life < 3; life++) {
    const queue = await FilePublisherQueue.open({ directory: path, sync: 'none', segmentBytes: 65_536 });
    expect(queue.size).toBe(taken);
    // The first life empties what it has put in, the others what the one before has left.
    if (life === 0) taken = await fillUp(queue, `life-${life}`);
    expect(taken).toBeGreaterThan(1000);
    for (let sequence = -1; queue.size > 0; ) {
      const entries = await queue.peek(sequence, 100);
      sequence = entries.at(-1)?.sequence ?? sequence;
      for (const one of entries) await queue.remove(one.sequence);
    }
    const again = await fillUp(queue, `again-${life}`);
    expect(again).toBeGreaterThan(taken * 0.9);
    taken = again;
    await queue.close();
  }
});
