// SPDX-License-Identifier: Apache-2.0

import type { Report } from '../api/logger.ts';
import type { PublisherQueue, QueueEntry } from '../api/queue.ts';
import type { AnyMqttError, ErrorCode } from '../errors.ts';
import { errorOfDeadEntry } from './permanence.ts';
import type { Persistence } from './persistence.ts';

interface Letter {
  readonly sequence: number;
  /** Undefined for one that died in an earlier process. */
  readonly error: AnyMqttError | undefined;
  /** The queue knows already. */
  marked: boolean;
  attempt: number;
}

export interface DeadLetterListener {
  readonly report: Report;
  /** The application has been called, or cannot be: whoever waits for the message may hear now. At least once for each letter. */
  told(sequence: number): void;
  /** The entry has left the queue. */
  buried(sequence: number): void;
  /** There is nothing to do, for now. */
  resting(): void;
}

export type OnDeadLetter = (entry: QueueEntry, error: AnyMqttError) => unknown;

/**
 * Entries that will not be delivered. Each is marked dead durably, given to the application, and removed when the
 * application is done with it: exactly once without a kill, at least once with one.
 *
 * One at a time and in order. A callback that fails has not taken its letter: it is asked again later, behind the others.
 */
export class DeadLetters {
  readonly #queue: PublisherQueue;
  readonly #persistence: Persistence;
  readonly #onDeadLetter: OnDeadLetter | undefined;
  readonly #listener: DeadLetterListener;
  readonly #letters: Letter[] = [];
  readonly #sequences = new Set<number>();
  #working = false;

  constructor(
    queue: PublisherQueue,
    persistence: Persistence,
    onDeadLetter: OnDeadLetter | undefined,
    listener: DeadLetterListener,
  ) {
    this.#queue = queue;
    this.#persistence = persistence;
    this.#onDeadLetter = onDeadLetter;
    this.#listener = listener;
  }

  get size(): number {
    return this.#sequences.size;
  }

  has(sequence: number): boolean {
    return this.#sequences.has(sequence);
  }

  /** `error` says why; without one it is the reason in the queue. */
  add(sequence: number, error: AnyMqttError | undefined, marked: boolean): void {
    if (this.#sequences.has(sequence)) return;
    this.#sequences.add(sequence);
    this.#letters.push({ sequence, error, marked, attempt: 0 });
    if (!this.#working) void this.#work();
  }

  /** A letter is being delivered at this moment. */
  get isWorking(): boolean {
    return this.#working;
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (let letter = this.#letters.shift(); letter !== undefined; letter = this.#letters.shift()) {
      if (await this.#deliver(letter)) {
        this.#sequences.delete(letter.sequence);
        this.#listener.buried(letter.sequence);
      }
      // The others are in the queue, dead or about to die, for the next publisher.
      if (this.#persistence.isEnding) break;
    }
    this.#working = false;
    this.#listener.resting();
  }

  /** False when it has to be done again, or never by this publisher. */
  async #deliver(letter: Letter): Promise<boolean> {
    const { sequence, error } = letter;
    // Nobody to give it to: then there is nothing to be remembered for.
    if (this.#onDeadLetter === undefined) {
      this.#listener.told(sequence);
      return await this.#persistence.remove(sequence);
    }
    if (!letter.marked) letter.marked = await this.#mark(sequence, error?.code ?? 'MESSAGE_EXPIRED');
    const entry = letter.marked ? await this.#persistence.entry(sequence) : undefined;
    if (entry === undefined) {
      this.#listener.told(sequence);
      // Removed already, by somebody who has had the queue since; or the publisher closes.
      return letter.marked && !this.#persistence.isEnding;
    }
    try {
      const taken = this.#onDeadLetter(entry, error ?? errorOfDeadEntry(entry.dead ?? 'MESSAGE_EXPIRED', entry.topic));
      this.#listener.told(sequence);
      await taken;
    } catch (failure) {
      // Once a letter: it may fail for as long as the program has the mistake.
      if (letter.attempt === 0) this.#listener.report('mqtt: onDeadLetter failed; it is asked again later', failure);
      this.#listener.told(sequence);
      this.#again(letter);
      return false;
    }
    return await this.#persistence.remove(sequence);
  }

  async #mark(sequence: number, code: ErrorCode): Promise<boolean> {
    return await this.#persistence.insist(async () => {
      try {
        await this.#queue.markDead(sequence, code);
      } catch (failure) {
        // It may take long: the outcome is no secret until then.
        this.#listener.told(sequence);
        throw failure;
      }
    });
  }

  #again(letter: Letter): void {
    letter.attempt += 1;
    void this.#persistence.pause(letter.attempt).then((goOn) => {
      if (!goOn) return;
      this.#letters.push(letter);
      if (!this.#working) void this.#work();
    });
  }
}
