// SPDX-License-Identifier: Apache-2.0

import type { MessageHandler } from '../api/receive.ts';
import { isMqttError } from '../errors.ts';
import type { ResolvedFilter, ResolvedSubscribeOptions } from '../options/subscribe-options.ts';
import { LocalSubscription, type SubscriptionHost } from './local-subscription.ts';
import type { ReceivedMessage } from './message.ts';

/**
 * A subscription with a handler, which runs on as many messages at once as `concurrency` says, begun in order.
 *
 * A handler that returns no promise runs inside the read that brought the message: no turn, no promise, no closure in between.
 * @internal
 */
export class CallbackSubscription extends LocalSubscription {
  readonly #handler: MessageHandler;
  #running = 0;
  /** The buffer is being worked off further up the stack. */
  #pumping = false;
  readonly #spareRuns: HandlerRun[] = [];

  constructor(
    host: SubscriptionHost,
    filters: readonly ResolvedFilter[],
    options: ResolvedSubscribeOptions,
    wholeOrNothing: boolean,
    handler: MessageHandler,
  ) {
    super(host, filters, options, wholeOrNothing);
    this.#handler = handler;
  }

  protected get idle(): boolean {
    return this.#running < this.options.concurrency && this.buffer.length === 0 && !this.host.work.draining;
  }

  protected consume(message: ReceivedMessage): void {
    this.#running++;
    this.host.work.begins();
    this.host.port.counters.messagesDelivered++;
    let result: unknown;
    try {
      // Not as a method: the handler has no business with this object.
      const handler = this.#handler;
      result = handler(message);
    } catch (error) {
      this.#failed(message, error);
      return;
    }
    if (isPromiseLike(result)) this.#await(message, result);
    else this.#processed(message);
  }

  protected consumeBuffered(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#running < this.options.concurrency) {
      const message = this.take();
      if (message === undefined) break;
      this.consume(message);
    }
    this.#pumping = false;
  }

  protected endConsumers(): void {
    // A handler waits for nothing. After a failure it still gets what is buffered, as its turn comes.
  }

  #await(message: ReceivedMessage, result: PromiseLike<unknown>): void {
    const run = this.#spareRuns.pop() ?? this.#newRun();
    run.message = message;
    Promise.resolve(result).then(run.fulfilled, run.rejected);
  }

  /** Made once per handler that runs at the same time as others, and used again. */
  #newRun(): HandlerRun {
    const run: HandlerRun = {
      message: undefined,
      fulfilled: () => {
        const message = this.#release(run);
        if (message !== undefined) this.#processed(message);
      },
      rejected: (error) => {
        const message = this.#release(run);
        if (message !== undefined) this.#failed(message, error);
      },
    };
    return run;
  }

  #release(run: HandlerRun): ReceivedMessage | undefined {
    const { message } = run;
    run.message = undefined;
    this.#spareRuns.push(run);
    return message;
  }

  #processed(message: ReceivedMessage): void {
    if (this.options.ack === 'manual') this.#leaveUnanswered(message);
    else this.acknowledge(message);
    this.#finishedRun();
  }

  #failed(message: ReceivedMessage, error: unknown): void {
    this.host.port.events.emit('handlerError', { error, message });
    // Nothing is wrong with a message whose handler wanted something of a client that is closing: it comes again.
    const closing = this.host.work.draining && isMqttError(error) && error.code === 'CLOSED';
    // Reported first: after the refusal the broker forgets the message.
    if (this.options.onHandlerError === 'refuse' && !closing) message.ack(0x83);
    this.#finishedRun();
  }

  /** The handler has kept it: it is in hand until it is answered. */
  #leaveUnanswered(message: ReceivedMessage): void {
    if (message.awaited) this.handedOut(message);
  }

  #finishedRun(): void {
    this.#running--;
    this.host.work.ends();
    if (this.buffer.length > 0) this.consumeBuffered();
  }
}

/** One running asynchronous handler. */
interface HandlerRun {
  message: ReceivedMessage | undefined;
  readonly fulfilled: () => void;
  readonly rejected: (error: unknown) => void;
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
