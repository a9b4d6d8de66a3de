// SPDX-License-Identifier: Apache-2.0
//
// Subscriptions of several clients as one. Nothing is forwarded: the consumer pulls from the members, so that bounds and
// acknowledgements stay where they are.

import type { WaitOptions } from './api/common.ts';
import type { GroupMessage } from './api/group.ts';
import type {
  Message,
  MessageHandler,
  SubscribeResult,
  Subscription,
  SubscriptionHandle,
  TopicFilter,
} from './api/receive.ts';
import type { AnyMqttError } from './errors.ts';
import { checkCount, checkKnownKeys } from './options/check.ts';

/** Adds the member's name to a message, which stays the same object: its acknowledgement goes back where it came from. */
export function withMember(message: Message, member: string): GroupMessage {
  return Object.defineProperty(message, 'member', { value: member, enumerable: true }) as GroupMessage;
}

/** One handler for all members, in turns: `concurrency` counts over the whole group. */
export function inTurns(
  handler: MessageHandler<GroupMessage>,
  concurrency = 1,
): (message: Message, member: string) => Promise<unknown> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (message, member) => {
    if (running < concurrency) running += 1;
    else {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
    }
    try {
      return await handler(withMember(message, member));
    } finally {
      // The place passes on: whoever waits takes it over without giving it back in between.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

/** What the subscriptions of all members have in common. */
export class GroupHandle implements SubscriptionHandle {
  readonly #parts: readonly SubscriptionHandle[];
  #whenEnded: (() => void) | undefined;

  constructor(parts: readonly SubscriptionHandle[]) {
    this.#parts = parts;
  }

  /** @internal */
  whenEnded(callback: () => void): void {
    this.#whenEnded = callback;
  }

  get filters(): readonly TopicFilter[] {
    return this.#parts[0]?.filters ?? [];
  }

  get results(): readonly SubscribeResult[] {
    return this.#parts.flatMap((part) => part.results);
  }

  get size(): number {
    return this.#parts.reduce((sum, part) => sum + part.size, 0);
  }

  get dropped(): number {
    return this.#parts.reduce((sum, part) => sum + part.dropped, 0);
  }

  get closed(): boolean {
    return this.#parts.every((part) => part.closed);
  }

  get error(): AnyMqttError | undefined {
    return this.#parts.find((part) => part.error !== undefined)?.error;
  }

  async ready(options?: WaitOptions): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.ready(options)));
  }

  async unsubscribe(options?: WaitOptions): Promise<void> {
    this.#whenEnded?.();
    await Promise.all(this.#parts.map((part) => part.unsubscribe(options)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#whenEnded?.();
    await Promise.all(this.#parts.map((part) => part[Symbol.asyncDispose]()));
  }
}

interface Part {
  readonly subscription: Subscription;
  readonly member: string;
}

/** The merged stream: it ends when the last member's has ended. */
export class GroupSubscription extends GroupHandle implements Subscription<GroupMessage> {
  readonly #parts: readonly Part[];
  readonly #ack: 'auto' | 'manual' | 'onReceipt';
  /** Put back by a loop that was left. */
  readonly #returned: GroupMessage[] = [];
  #turn = 0;

  constructor(parts: readonly Part[], ack: 'auto' | 'manual' | 'onReceipt') {
    super(parts.map(({ subscription }) => subscription));
    this.#parts = parts;
    this.#ack = ack;
  }

  override get size(): number {
    return super.size + this.#returned.length;
  }

  /** Members take turns, so that a busy one does not starve the others. */
  tryReceive(): GroupMessage | undefined {
    const returned = this.#returned.shift();
    if (returned !== undefined) return returned;
    for (let tried = 0; tried < this.#parts.length; tried += 1) {
      const part = this.#parts[this.#turn % this.#parts.length];
      this.#turn += 1;
      const message = part?.subscription.tryReceive();
      if (part !== undefined && message !== undefined) return withMember(message, part.member);
    }
    return undefined;
  }

  async receive(options?: WaitOptions): Promise<GroupMessage | undefined> {
    checkKnownKeys(options ?? {}, WAIT_KEYS, 'receive');
    options?.signal?.throwIfAborted();
    return this.tryReceive() ?? (await this.#first(options?.signal));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<GroupMessage, undefined, undefined> {
    for await (const batch of this.batches({ maximum: 1 })) yield* batch;
    return undefined;
  }

  async *batches(
    options: { maximum?: number | undefined } = {},
  ): AsyncGenerator<readonly GroupMessage[], undefined, undefined> {
    checkKnownKeys(options, BATCH_KEYS, 'batches');
    const maximum = checkCount(options.maximum ?? Infinity, 'maximum', 1);
    let inHand: GroupMessage[] = [];
    try {
      for (;;) {
        const first = await this.receive();
        if (first === undefined) return undefined;
        inHand = [first];
        for (let next = inHand.length < maximum ? this.tryReceive() : undefined; next !== undefined; ) {
          inHand.push(next);
          next = inHand.length < maximum ? this.tryReceive() : undefined;
        }
        yield inHand;
        if (this.#ack === 'auto') for (const message of inHand) message.ack();
        inHand = [];
      }
    } finally {
      if (this.#ack === 'auto') this.#returned.unshift(...inHand.filter((message) => !message.acknowledged));
    }
  }

  /** Waits on every member at once; what the slower ones have already taken is put to the front. */
  async #first(signal: AbortSignal | undefined): Promise<GroupMessage | undefined> {
    const over = new AbortController();
    const abort = (): void => over.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    let taken: GroupMessage | undefined;
    let failure: { readonly error: unknown } | undefined;
    await Promise.all(
      this.#parts.map(async ({ subscription, member }) => {
        try {
          const message = await subscription.receive({ signal: over.signal });
          if (message === undefined) return;
          if (taken === undefined) taken = withMember(message, member);
          else this.#returned.push(withMember(message, member));
          over.abort();
        } catch (error) {
          if (!over.signal.aborted) failure = { error };
        }
      }),
    );
    signal?.removeEventListener('abort', abort);
    if (taken !== undefined) return taken;
    if (signal?.aborted) throw signal.reason;
    if (failure !== undefined) throw failure.error;
    return undefined;
  }
}

const WAIT_KEYS: ReadonlySet<string> = new Set(['signal']);
const BATCH_KEYS: ReadonlySet<string> = new Set(['maximum']);
