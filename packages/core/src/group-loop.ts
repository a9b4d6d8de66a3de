// SPDX-License-Identifier: Apache-2.0
//
// How a merged subscription takes messages: each is in hand of a loop over its member's own stream, a loop that is made for this
// one message. To leave that loop puts the message back where it was.

import type { GroupMessage } from './api/group.ts';
import type { Message, Subscription, SubscriptionHandle } from './api/receive.ts';
import { onAbort } from './abort.ts';
import { mqttError } from './errors.ts';

/** One member's share in a subscription of the group. */
export interface Part<H extends SubscriptionHandle = SubscriptionHandle> {
  readonly member: string;
  handle: H;
  /** Declares it anew; only of what was declared. */
  readonly again?: () => H;
}

/** Adds the member's name to a message, which stays the same object: its acknowledgement goes back where it came from. */
export function withMember(message: Message, member: string): GroupMessage {
  return Object.defineProperty(message, 'member', { value: member, enumerable: true }) as GroupMessage;
}

/** One message of one member, or the wait for it. */
export class Pull {
  /** Settles when there is a message, or none will come. */
  readonly next: Promise<boolean>;
  /** The message was there at once. */
  readonly hasTaken: boolean;
  readonly #member: string;
  readonly #loop: AsyncIterator<Message, undefined, undefined>;
  #message: Message | undefined;

  constructor({ handle, member }: Part<Subscription>) {
    const waiting = handle.size;
    this.#member = member;
    this.#loop = handle[Symbol.asyncIterator]();
    const next = this.#loop.next();
    this.hasTaken = handle.size < waiting;
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

/**
 * The first that has a message; the others are ended. Undefined when none will have one. `renewals`, while it waits, has the call
 * that ends it because there is another part to look at: then it is 'renewed'.
 */
export function firstOf(
  pulls: readonly Pull[],
  signal: AbortSignal | undefined,
  renewals: Set<() => void>,
): Promise<Pull | 'renewed' | undefined> {
  return new Promise((resolve, reject) => {
    let open = pulls.length;
    let failure: { readonly error: unknown } | undefined;
    const end = (outcome?: Pull | 'renewed'): void => {
      open = 0;
      renewals.delete(renew);
      for (const pull of pulls) if (pull !== outcome) pull.end();
    };
    const settle = (outcome: Pull | 'renewed' | undefined): void => {
      forget();
      end(outcome);
      resolve(outcome);
    };
    const ended = (): void => {
      open -= 1;
      if (open !== 0) return;
      // Rejected first: what comes second does nothing.
      if (failure !== undefined) reject(failure.error);
      settle(undefined);
    };
    const renew = (): void => settle('renewed');
    renewals.add(renew);
    // It may have aborted since the last wait was renewed.
    const forget = onAbort(signal, (reason) => {
      end();
      reject(reason);
    });
    for (const pull of pulls) {
      pull.next.then(
        (hasMessage) => {
          if (open === 0) return;
          if (hasMessage) settle(pull);
          else ended();
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

const DONE: IteratorResult<never, undefined> = Object.freeze({ value: undefined, done: true });

/** A loop over the group: has its own messages in hand until it asks for the next ones or is left. */
export class GroupLoop<T> implements AsyncIterator<T, undefined, undefined> {
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
