// SPDX-License-Identifier: Apache-2.0
//
// Loops over a stream. Each has its own message, or batch, in hand: acknowledged when the loop asks for the next, put back
// when the loop is left.

import type { Message } from '../api/receive.ts';
import type { AnyMqttError } from '../errors.ts';
import type { ReceivedMessage } from './message.ts';

/** Who waits for the next message. @internal */
export interface Consumer {
  give(message: ReceivedMessage): void;
  /** There will be none. `error` is undefined at a normal end. */
  end(error: AnyMqttError | undefined): void;
}

/** The stream, as its loops see it. @internal */
export interface StreamReader {
  readonly isOver: boolean;
  readonly error: AnyMqttError | undefined;
  takeForLoop(): ReceivedMessage | undefined;
  beginProcessing(message: ReceivedMessage): void;
  endProcessing(message: ReceivedMessage): void;
  abandon(message: ReceivedMessage): void;
  enlist(consumer: Consumer): void;
  dismiss(consumer: Consumer): void;
  onSomething(wake: () => void): void;
}

type Next<T> = IteratorResult<T, undefined>;

const DONE: Next<never> = Object.freeze({ value: undefined, done: true });

/** `for await (const message of subscription)`. One promise per message, none more: benchmarks/src/receive. @internal */
export class MessageLoop implements AsyncIterator<Message, undefined, undefined>, Consumer {
  readonly #stream: StreamReader;
  #hand: ReceivedMessage | undefined;
  #left = false;
  /** Calls of `next` that wait. A loop has one; whoever calls `next` by hand may have several. */
  readonly #resolvers: { resolve(next: Next<Message>): void; reject(error: unknown): void }[] = [];

  constructor(stream: StreamReader) {
    this.#stream = stream;
  }

  next(): Promise<Next<Message>> {
    this.#endProcessing();
    if (this.#left) return Promise.resolve(DONE);
    const message = this.#resolvers.length === 0 ? this.#stream.takeForLoop() : undefined;
    if (message !== undefined) {
      this.#hand = message;
      return Promise.resolve({ value: message, done: false });
    }
    if (this.#stream.isOver) return ended(this.#stream.error);
    return new Promise((resolve, reject) => {
      this.#resolvers.push({ resolve, reject });
      if (this.#resolvers.length === 1) this.#stream.enlist(this);
    });
  }

  return(): Promise<Next<Message>> {
    this.#left = true;
    this.#stream.dismiss(this);
    for (const waiting of this.#resolvers.splice(0)) waiting.resolve(DONE);
    const message = this.#hand;
    this.#hand = undefined;
    if (message !== undefined) this.#stream.abandon(message);
    return Promise.resolve(DONE);
  }

  give(message: ReceivedMessage): void {
    const waiting = this.#resolvers.shift();
    this.#endProcessing();
    this.#hand = message;
    this.#stream.beginProcessing(message);
    if (this.#resolvers.length > 0) this.#stream.enlist(this);
    waiting?.resolve({ value: message, done: false });
  }

  end(error: AnyMqttError | undefined): void {
    for (const waiting of this.#resolvers.splice(0)) {
      if (error === undefined) waiting.resolve(DONE);
      else waiting.reject(error);
    }
  }

  #endProcessing(): void {
    const message = this.#hand;
    if (message === undefined) return;
    this.#hand = undefined;
    this.#stream.endProcessing(message);
  }
}

/** `for await (const messages of subscription.batches())`: all that waits, up to a maximum. @internal */
export class BatchLoop implements AsyncIterator<readonly Message[], undefined, undefined> {
  readonly #stream: StreamReader;
  readonly #maximum: number;
  #hand: readonly ReceivedMessage[] = [];
  #left = false;
  /** Resolves a wait when the loop is left from outside. */
  #wake: (() => void) | undefined;

  constructor(stream: StreamReader, maximum: number) {
    this.#stream = stream;
    this.#maximum = maximum;
  }

  async next(): Promise<Next<readonly Message[]>> {
    for (const message of this.#takeHand()) this.#stream.endProcessing(message);
    while (!this.#left) {
      const batch = this.#take();
      if (batch.length > 0) {
        this.#hand = batch;
        return { value: batch, done: false };
      }
      if (this.#stream.isOver) return ended(this.#stream.error);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#stream.onSomething(resolve);
      });
    }
    return DONE;
  }

  async return(): Promise<Next<readonly Message[]>> {
    this.#left = true;
    this.#wake?.();
    // Oldest first: a consumer that waits is to get that one.
    for (const message of this.#takeHand()) this.#stream.abandon(message);
    return DONE;
  }

  #take(): readonly ReceivedMessage[] {
    const batch: ReceivedMessage[] = [];
    while (batch.length < this.#maximum) {
      const message = this.#stream.takeForLoop();
      if (message === undefined) break;
      batch.push(message);
    }
    return batch;
  }

  #takeHand(): readonly ReceivedMessage[] {
    const hand = this.#hand;
    this.#hand = [];
    return hand;
  }
}

/** As `for await` wants it: an end, or the error the stream ended with. */
function ended(error: AnyMqttError | undefined): Promise<Next<never>> {
  return error === undefined ? Promise.resolve(DONE) : Promise.reject(error);
}
