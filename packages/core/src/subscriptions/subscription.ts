// SPDX-License-Identifier: Apache-2.0

import type { WaitOptions } from '../api/common.ts';
import type { Message, Subscription } from '../api/receive.ts';
import { checkCount, checkOptions } from '../options/check.ts';
import { resolveWaitOptions } from '../options/wait-options.ts';
import { onAbort, orAborted } from '../abort.ts';
import { LocalSubscription } from './local-subscription.ts';
import type { ReceivedMessage } from './message.ts';
import { BatchLoop, type Consumer, MessageLoop, type StreamReader } from './stream-loops.ts';

/** A subscription as a stream and as a queue. Loops and `receive()` calls compete: each message goes to one of them. @internal */
export class StreamSubscription extends LocalSubscription implements Subscription, StreamReader {
  /** In the order in which they asked. */
  readonly #consumers = new Set<Consumer>();
  /** Batch loops: woken when there is something, so that they take all that one read brought. */
  readonly #sleepers = new Set<() => void>();

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined, undefined> {
    return new MessageLoop(this);
  }

  batches(options?: { maximum?: number | undefined }): AsyncIterable<readonly Message[]> {
    const maximum = batchMaximum(options);
    return { [Symbol.asyncIterator]: () => new BatchLoop(this, maximum) };
  }

  tryReceive(): Message | undefined {
    const message = this.take();
    if (message !== undefined) return this.#giveAway(message);
    if (this.isOver && this.error !== undefined) throw this.error;
    return undefined;
  }

  receive(options?: WaitOptions): Promise<Message | undefined> {
    try {
      const signal = resolveWaitOptions(options);
      signal?.throwIfAborted();
      const message = this.tryReceive();
      if (message !== undefined || this.isOver) return Promise.resolve(message);
      return this.#receiveNext(signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  // What the loops need ------------------------------------------------------------------------------------------------------

  /** The end is reached: nothing is buffered, nothing will come. @internal */
  get isOver(): boolean {
    return this.closed && this.buffer.length === 0;
  }

  /** @internal */
  takeForLoop(): ReceivedMessage | undefined {
    const message = this.take();
    if (message !== undefined) this.beginProcessing(message);
    return message;
  }

  /** @internal */
  beginProcessing(message: ReceivedMessage): void {
    this.host.port.counters.messagesDelivered++;
    this.handedOut(message);
  }

  /** The loop asks for the next one. @internal */
  endProcessing(message: ReceivedMessage): void {
    if (this.options.ack !== 'manual') this.acknowledge(message);
    else if (!message.awaited) this.finished(message);
  }

  /** The loop was left with `message` in hand. @internal */
  abandon(message: ReceivedMessage): void {
    if (this.options.ack !== 'manual') this.putBack(message);
    else if (!message.awaited) this.finished(message);
  }

  /** @internal */
  enlist(consumer: Consumer): void {
    this.#consumers.add(consumer);
  }

  /** @internal */
  dismiss(consumer: Consumer): void {
    this.#consumers.delete(consumer);
  }

  /** Calls back once, when there may be something to take or the end was reached. @internal */
  onSomething(wake: () => void): void {
    this.#sleepers.add(wake);
  }

  // What the buffer asks for -------------------------------------------------------------------------------------------------

  protected get idle(): boolean {
    return this.#consumers.size > 0 && this.buffer.length === 0 && !this.host.work.draining;
  }

  protected consume(message: ReceivedMessage): void {
    for (const consumer of this.#consumers) {
      this.#consumers.delete(consumer);
      consumer.give(message);
      return;
    }
  }

  protected consumeBuffered(): void {
    if (this.host.work.draining) return;
    while (this.#consumers.size > 0) {
      const message = this.take();
      if (message === undefined) return;
      this.consume(message);
    }
    if (this.#sleepers.size > 0) this.#wake();
  }

  protected endConsumers(): void {
    const consumers = [...this.#consumers];
    this.#consumers.clear();
    for (const consumer of consumers) consumer.end(this.error);
    this.#wake();
  }

  #wake(): void {
    const sleepers = [...this.#sleepers];
    this.#sleepers.clear();
    for (const wake of sleepers) wake();
  }

  #receiveNext(signal: AbortSignal | undefined): Promise<Message | undefined> {
    let consumer: Consumer | undefined;
    const next = new Promise<Message | undefined>((resolve, reject) => {
      consumer = {
        give: (message) => resolve(this.#giveAway(message)),
        end: (error) => (error === undefined ? resolve(undefined) : reject(error)),
      };
      this.enlist(consumer);
    });
    if (signal === undefined || consumer === undefined) return next;
    const waiting = consumer;
    // Before the wait ends, or a message that comes in between would be given to nobody.
    const forget = onAbort(signal, () => this.dismiss(waiting));
    next.then(forget, forget);
    return orAborted(next, signal);
  }

  /** It is its taker's from here on. Only what the broker waits for can be waited for by a drain. */
  #giveAway(message: ReceivedMessage): ReceivedMessage {
    this.host.port.counters.messagesDelivered++;
    if (message.awaited) this.handedOut(message);
    return message;
  }
}

function batchMaximum(options: { maximum?: number | undefined } | undefined): number {
  if (options === undefined) return Number.POSITIVE_INFINITY;
  checkOptions(options, 'options of batches()', ['maximum']);
  return checkCount(options.maximum ?? Number.POSITIVE_INFINITY, 'maximum', 1);
}
