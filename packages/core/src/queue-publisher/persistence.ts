// SPDX-License-Identifier: Apache-2.0

import type { Backoff } from '../api/options.ts';
import type { PublisherQueue, QueueEntry } from '../api/queue.ts';
import { sleep } from '../abort.ts';
import type { Clock } from '../clock.ts';
import type { QueueTrouble } from './queue-trouble.ts';

/** Changes in the queue that have to happen in the end: tried again, with backoff, until they do or the publisher closes. */
export class Persistence {
  readonly #queue: PublisherQueue;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #trouble: QueueTrouble;
  readonly #stop = new AbortController();

  constructor(queue: PublisherQueue, clock: Clock, backoff: Backoff, trouble: QueueTrouble) {
    this.#queue = queue;
    this.#clock = clock;
    this.#backoff = backoff;
    this.#trouble = trouble;
  }

  /** The publisher closes: what fails is left as it is, for the next one. */
  get isEnding(): boolean {
    return this.#stop.signal.aborted;
  }

  stopRetrying(): void {
    this.#stop.abort();
  }

  /** True once the entry is gone, durably. */
  async remove(sequence: number): Promise<boolean> {
    return await this.insist(async () => await this.#queue.remove(sequence));
  }

  /** The entry as the queue has it; undefined when it has none (any more). */
  async entry(sequence: number): Promise<QueueEntry | undefined> {
    let found: QueueEntry | undefined;
    await this.insist(async () => {
      [found] = await this.#queue.peek(sequence - 1, 1);
    });
    return found?.sequence === sequence ? found : undefined;
  }

  /** False when the publisher closes, or the queue was closed under it, before it could be done. */
  async insist(operation: () => Promise<unknown>): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      try {
        await operation();
        this.#trouble.over();
        return true;
      } catch (error) {
        if (!this.#trouble.passes(error) || !(await this.pause(attempt))) return false;
      }
    }
  }

  /** Waits as long as the backoff says; false when the publisher closes meanwhile. */
  async pause(attempt: number): Promise<boolean> {
    try {
      await sleep(this.#clock, this.#backoff(attempt), this.#stop.signal);
      return true;
    } catch {
      return false;
    }
  }
}
