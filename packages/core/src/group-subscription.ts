// SPDX-License-Identifier: Apache-2.0
//
// Subscriptions of several clients as one. Nothing is forwarded and nothing is buffered: the consumer pulls from the members, so
// that bounds and acknowledgements stay where they are.

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
import { firstOf, GroupLoop, type Part, Pull, withMember } from './group-loop.ts';
import { checkCount, checkOptions } from './options/check.ts';
import { resolveWaitOptions } from './options/wait-options.ts';
import { Turns } from './turns.ts';

/**
 * One handler for all members, in turns: `concurrency` counts over the whole group. A message whose subscription ended while it
 * waited for its turn is left to that end: `isOver` is asked when the turn has come.
 */
export function inTurns(
  handler: MessageHandler<GroupMessage>,
  concurrency = 1,
): (message: Message, member: string, isOver: () => boolean) => Promise<unknown> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (message, member, isOver) => {
    if (running < concurrency) running += 1;
    else {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
    }
    try {
      return isOver() ? undefined : await handler(withMember(message, member));
    } finally {
      // The place passes on: whoever waits takes it over without giving it back in between.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

/** What the subscriptions of all members have in common. */
export class GroupHandle<H extends SubscriptionHandle = SubscriptionHandle> implements SubscriptionHandle {
  protected readonly parts: readonly Part<H>[];
  #whenEnded: (() => void) | undefined;
  #over = false;
  /** By parts that were replaced. */
  #droppedBefore = 0;

  constructor(parts: readonly Part<H>[]) {
    this.parts = parts;
  }

  /**
   * A member is about to be disconnected because another could not connect, which ends its share. The returned function declares
   * it again: what was declared stays for the next `connect()`, as it does on a client.
   *
   * @internal
   */
  outlives(member: string): () => void {
    const open = this.parts.filter((part) => part.member === member && !part.handle.closed);
    return () => {
      for (const part of this.#over ? [] : open) {
        if (part.again === undefined) continue;
        this.#droppedBefore += part.handle.dropped;
        part.handle = part.again();
      }
      this.renewed();
    };
  }

  /** A part has been replaced: whoever waits has to look at the new one. */
  protected renewed(): void {
    // Nobody waits for a handle.
  }

  /** @internal */
  whenEnded(callback: () => void): void {
    this.#whenEnded = callback;
  }

  get filters(): readonly TopicFilter[] {
    return this.parts[0]?.handle.filters ?? [];
  }

  get results(): readonly SubscribeResult[] {
    return this.parts.flatMap(({ handle }) => handle.results);
  }

  get size(): number {
    return this.parts.reduce((sum, { handle }) => sum + handle.size, 0);
  }

  get dropped(): number {
    return this.parts.reduce((sum, { handle }) => sum + handle.dropped, this.#droppedBefore);
  }

  get closed(): boolean {
    return this.parts.every(({ handle }) => handle.closed);
  }

  get error(): AnyMqttError | undefined {
    return this.parts.find(({ handle }) => handle.error !== undefined)?.handle.error;
  }

  async ready(options?: WaitOptions): Promise<void> {
    await Promise.all(this.parts.map(({ handle }) => handle.ready(options)));
  }

  async unsubscribe(options?: WaitOptions): Promise<void> {
    this.#end();
    await Promise.all(this.parts.map(({ handle }) => handle.unsubscribe(options)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    await Promise.all(this.parts.map(({ handle }) => handle[Symbol.asyncDispose]()));
  }

  #end(): void {
    this.#over = true;
    this.#whenEnded?.();
  }
}

/**
 * The merged stream: it ends when the last member's has ended.
 *
 * Every message it gives out is in hand of its member's own stream (see `group-loop.ts`), so that bounds, order, other consumers and
 * the end of a subscription are the member's business throughout.
 */
export class GroupSubscription extends GroupHandle<Subscription> implements Subscription<GroupMessage> {
  readonly #ack: 'auto' | 'manual' | 'onReceipt';
  /** Which member is looked at first: a busy one must not starve the others. */
  readonly #turns = new Turns();
  /** End the waits there are, which then look again. */
  readonly #renewals = new Set<() => void>();

  constructor(parts: readonly Part<Subscription>[], ack: 'auto' | 'manual' | 'onReceipt') {
    super(parts);
    this.#ack = ack;
  }

  protected override renewed(): void {
    // None of them begins a new wait in this call, so that the set only shrinks meanwhile.
    for (const renew of this.#renewals) renew();
  }

  /** The error of a member that has one comes only when no other member can bring anything any more. */
  tryReceive(): GroupMessage | undefined {
    for (const { handle, member } of this.#turns.next(this.parts)) {
      const message = handle.size > 0 ? handle.tryReceive() : undefined;
      if (message !== undefined) return withMember(message, member);
    }
    if (this.closed && this.error !== undefined && this.size === 0) throw this.error;
    return undefined;
  }

  async receive(options?: WaitOptions): Promise<GroupMessage | undefined> {
    const signal = resolveWaitOptions(options);
    signal?.throwIfAborted();
    const message = this.tryReceive();
    if (message !== undefined) return message;
    const pull = await this.#pull(signal);
    return pull && this.#giveAway(pull);
  }

  [Symbol.asyncIterator](): AsyncIterator<GroupMessage, undefined, undefined> {
    const take = async (signal: AbortSignal): Promise<readonly Pull[]> => given(await this.#pull(signal));
    return new GroupLoop(
      take,
      (pull) => this.#finish(pull),
      ([pull]) => pull.message,
    );
  }

  batches(options: { maximum?: number | undefined } = {}): AsyncIterable<readonly GroupMessage[]> {
    checkOptions(options, 'batches', ['maximum']);
    const maximum = checkCount(options.maximum ?? Infinity, 'maximum', 1);
    const take = async (signal: AbortSignal): Promise<readonly Pull[]> => {
      const pulls = [...given(await this.#pull(signal))];
      for (let more = true; more && pulls.length > 0 && pulls.length < maximum; ) {
        const pull = this.#pullBuffered();
        more = pull !== undefined;
        if (pull !== undefined) pulls.push(pull);
      }
      await Promise.all(pulls.map((pull) => pull.next));
      return pulls;
    };
    const finish = (pull: Pull): void => this.#finish(pull);
    return {
      [Symbol.asyncIterator]: () => new GroupLoop(take, finish, (pulls) => pulls.map(({ message }) => message)),
    };
  }

  /** A message that is there already. */
  #pullBuffered(): Pull | undefined {
    for (const part of this.#turns.next(this.parts)) {
      if (part.handle.size === 0) continue;
      const pull = new Pull(part);
      if (pull.hasTaken) return pull;
      // The member drains: it gives nothing out.
      pull.end();
    }
    return undefined;
  }

  /** The next message of any member; undefined when all have ended. Throws the error of one that has one, then. */
  async #pull(signal: AbortSignal | undefined): Promise<Pull | undefined> {
    for (;;) {
      const buffered = this.#pullBuffered();
      if (buffered !== undefined) {
        await buffered.next;
        return buffered;
      }
      const pulls = this.#turns.next(this.parts).map((part) => new Pull(part));
      const first = await firstOf(pulls, signal, this.#renewals);
      if (first !== 'renewed') return first;
    }
  }

  /** Its loop has moved on: the message has been dealt with. */
  #finish(pull: Pull): void {
    if (this.#ack !== 'manual') pull.message.ack();
    pull.end();
  }

  /** It is its taker's from here on. What nobody has to acknowledge is done with, or a drain would wait for it. */
  #giveAway(pull: Pull): GroupMessage {
    const { message } = pull;
    if (message.qos === 0 || message.acknowledged) this.#finish(pull);
    return message;
  }
}

function given(pull: Pull | undefined): readonly Pull[] {
  return pull === undefined ? [] : [pull];
}
