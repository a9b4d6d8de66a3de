// SPDX-License-Identifier: Apache-2.0
//
// A queue that fails is tried again for as long as it does, and that is said: no failure is silent (api.md, "Observing").

import { constantBackoff, MemoryPublisherQueue, type PublisherQueue, QueuePublisher } from '@mqttv5/core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { scripted } from '../lifecycle/setup.ts';

const DISK = new Error('the disk is full');
const TIMES = 3;

/** Fails the first calls of one method, after `good` ones. */
class FailingQueue extends MemoryPublisherQueue {
  readonly #method: 'peek' | 'remove' | 'markDead';
  #left = TIMES;

  constructor(method: 'peek' | 'remove' | 'markDead') {
    super();
    this.#method = method;
  }

  override peek(...args: Parameters<PublisherQueue['peek']>) {
    this.#fail('peek');
    return super.peek(...args);
  }

  override remove(sequence: number): void {
    this.#fail('remove');
    super.remove(sequence);
  }

  override markDead(...args: Parameters<PublisherQueue['markDead']>): void {
    this.#fail('markDead');
    super.markDead(...args);
  }

  #fail(method: 'peek' | 'remove' | 'markDead'): void {
    if (method !== this.#method || this.#left === 0) return;
    this.#left -= 1;
    throw DISK;
  }
}

function logged() {
  const errors: (readonly [message: string, error: unknown])[] = [];
  const ignore = (): void => undefined;
  const error = (message: string, details?: object): void => {
    errors.push([message, details !== undefined && 'error' in details ? details.error : undefined]);
  };
  return { errors, logger: { debug: ignore, info: ignore, warn: ignore, error } };
}

describe('what the queue cannot do is said once, however often it is tried', () => {
  test.each(['peek', 'remove', 'markDead'] as const)('%s', async (method) => {
    const { errors, logger } = logged();
    const { broker, client } = scripted({ logger });
    const publisher = new QueuePublisher(client, new FailingQueue(method), {
      retryBackoff: constantBackoff(1),
      onDeadLetter: () => undefined,
    });
    onTestFinished(() => publisher.close());
    await publisher.publish('a', '1');
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake();
    await connecting;
    const { packetIdentifier } = await connection.expect('publish');
    connection.send({ type: 'puback', packetIdentifier, reasonCode: method === 'markDead' ? 0x87 : 0 });
    await publisher.flush();
    expect(publisher.size).toBe(0);
    expect(errors).toEqual([[expect.stringContaining('queue'), DISK]]);
  });
});
