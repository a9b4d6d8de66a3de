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
import { type AnyMqttError, mqttError } from './errors.ts';
import { checkCount, checkOptions } from './options/check.ts';
import { resolveWaitOptions } from './options/wait-options.ts';

/** Adds the member's name to a message, which stays the same object: its acknowledgement goes back where it came from. */
function withMember(message: Message, member: string): GroupMessage {
  return Object.defineProperty(message, 'member', { value: member, enumerable: true }) as GroupMessage;
}

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

/**
 * The merged stream: it ends when the last member's has ended.
 *
 * Every message it gives out is in hand of a loop over its member's own stream, a loop that is made for this one message. To leave
 * that loop puts the message back where it was, so that bounds, order, other consumers and the end of a subscription are the
 * member's business throughout.
 */
export class GroupSubscription extends GroupHandle implements Subscription<GroupMessage> {
  readonly #parts: readonly Part[];
  readonly #ack: 'auto' | 'manual' | 'onReceipt';
  /** Who is looked at first: members take turns, so that a busy one does not starve the others. */
  #turn = 0;

  constructor(parts: readonly Part[], ack: 'auto' | 'manual' | 'onReceipt') {
    super(parts.map(({ subscription }) => subscription));
    this.#parts = parts;
    this.#ack = ack;
  }

  /** The error of a member that has one comes only when no other member can bring anything any more. */
  tryReceive(): GroupMessage | undefined {
    for (const { subscription, member } of this.#inTurn()) {
      const message = subscription.size > 0 ? subscription.tryReceive() : undefined;
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

  #inTurn(): readonly Part[] {
    const first = this.#turn;
    this.#turn = (first + 1) % this.#parts.length;
    return [...this.#parts.slice(first), ...this.#parts.slice(0, first)];
  }

  /** A message that is there already. */
  #pullBuffered(): Pull | undefined {
    for (const part of this.#inTurn()) {
      if (part.subscription.size === 0) continue;
      const pull = new Pull(part);
      if (pull.hasTaken) return pull;
      // The member drains: it gives nothing out.
      pull.end();
    }
    return undefined;
  }

  /** The next message of any member; undefined when all have ended. Throws the error of one that has one, then. */
  async #pull(signal: AbortSignal | undefined): Promise<Pull | undefined> {
    const buffered = this.#pullBuffered();
    if (buffered === undefined)
      return firstOf(
        this.#inTurn().map((part) => new Pull(part)),
        signal,
      );
    await buffered.next;
    return buffered;
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

/** One message of one member, or the wait for it. */
class Pull {
  /** Settles when there is a message, or none will come. */
  readonly next: Promise<boolean>;
  /** The message was there at once. */
  readonly hasTaken: boolean;
  readonly #member: string;
  readonly #loop: AsyncIterator<Message, undefined, undefined>;
  #message: Message | undefined;

  constructor({ subscription, member }: Part) {
    const waiting = subscription.size;
    this.#member = member;
    this.#loop = subscription[Symbol.asyncIterator]();
    const next = this.#loop.next();
    this.hasTaken = subscription.size < waiting;
    this.next = next.then(({ value }) => {
      this.#message = value;
      return value !== undefined;
    });
  }

  /** Once `next` has said that there is one. */
  get message(): GroupMessage {
    if (this.#message === undefined) throw mqttError('CLOSED', 'The subscription has ended');
    return withMember(this.#message, this.#member);
  }

  /** Ends the wait, or puts the message back unless it was acknowledged. */
  end(): void {
    this.#loop.return?.().catch(() => undefined); // the loop of a member does not reject here
  }
}

/** The first that has a message; the others are ended. Undefined when none will have one. */
function firstOf(pulls: readonly Pull[], signal: AbortSignal | undefined): Promise<Pull | undefined> {
  return new Promise((resolve, reject) => {
    let open = pulls.length;
    let failure: { readonly error: unknown } | undefined;
    const settle = (winner: Pull | undefined): void => {
      open = 0;
      signal?.removeEventListener('abort', abort);
      for (const pull of pulls) if (pull !== winner) pull.end();
    };
    const abort = (): void => {
      settle(undefined);
      reject(signal?.reason);
    };
    const ended = (): void => {
      open -= 1;
      if (open !== 0) return;
      settle(undefined);
      if (failure === undefined) resolve(undefined);
      else reject(failure.error);
    };
    signal?.addEventListener('abort', abort, { once: true });
    for (const pull of pulls) {
      pull.next.then(
        (hasMessage) => {
          if (open === 0) return;
          if (!hasMessage) return ended();
          settle(pull);
          resolve(pull);
        },
        (error: unknown) => {
          if (open === 0) return;
          failure ??= { error };
          ended();
        },
      );
    }
  });
}

function given(pull: Pull | undefined): readonly Pull[] {
  return pull === undefined ? [] : [pull];
}

const DONE: IteratorResult<never, undefined> = Object.freeze({ value: undefined, done: true });

/** A loop over the group: has its own messages in hand until it asks for the next ones or is left. */
class GroupLoop<T> implements AsyncIterator<T, undefined, undefined> {
  readonly #take: (signal: AbortSignal) => Promise<readonly Pull[]>;
  readonly #finish: (pull: Pull) => void;
  readonly #value: (pulls: readonly [Pull, ...Pull[]]) => T;
  readonly #left = new AbortController();
  #hand: readonly Pull[] = [];

  constructor(
    take: (signal: AbortSignal) => Promise<readonly Pull[]>,
    finish: (pull: Pull) => void,
    value: (pulls: readonly [Pull, ...Pull[]]) => T,
  ) {
    this.#take = take;
    this.#finish = finish;
    this.#value = value;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    this.#finishHand();
    const { signal } = this.#left;
    if (signal.aborted) return DONE;
    let taken: readonly Pull[];
    try {
      taken = await this.#take(signal);
    } catch (error) {
      if (signal.aborted) return DONE;
      throw error;
    }
    // Another next() was called meanwhile and has something in hand.
    this.#finishHand();
    this.#hand = taken;
    if (signal.aborted) this.#putBack();
    const [first, ...rest] = this.#hand;
    return first === undefined ? DONE : { value: this.#value([first, ...rest]), done: false };
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#left.abort();
    this.#putBack();
    return DONE;
  }

  #finishHand(): void {
    const hand = this.#hand;
    this.#hand = [];
    for (const pull of hand) this.#finish(pull);
  }

  /** Newest first: nobody takes one before its elders are back. */
  #putBack(): void {
    const hand = this.#hand;
    this.#hand = [];
    for (const pull of hand.toReversed()) pull.end();
  }
}
