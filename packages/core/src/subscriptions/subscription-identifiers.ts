// SPDX-License-Identifier: Apache-2.0

/** §3.8.2.1.2: a Variable Byte Integer, and 0 is not one. */
const LARGEST_IDENTIFIER = 268_435_455;
/** Ended identifiers that are still recognised: what the broker had under way for them is not handed to other subscriptions. */
const REMEMBERED = 1024;

/** What an identifier stands for. */
export interface Addressed {
  readonly filters: ReadonlySet<string>;
  /**
   * Serial number of the subscription it was made for. Newer ones with the same filter are not meant: they have asked for it
   * with an identifier of their own.
   */
  readonly serial: number;
}

/**
 * Subscription Identifiers (§3.8.4) of one Client object, and the filters each was asked for with.
 *
 * They start at a random point and only go up, so that none comes again within a session and one that an earlier process used in
 * the same session is, in all likelihood, not among ours: its messages are routed by topic.
 */
export class SubscriptionIdentifiers {
  #next: number;
  readonly #addressed = new Map<number, Addressed>();
  /** Keys of `#addressed` that no subscription has any more, oldest first: a Set keeps the order. */
  readonly #retired = new Set<number>();

  constructor(random: () => number) {
    this.#next = 1 + Math.floor(random() * LARGEST_IDENTIFIER);
  }

  allocate(filters: Iterable<string>, serial: number): number {
    let identifier = this.#next;
    // Only after 268,435,455 allocations can one be taken.
    while (this.#addressed.has(identifier)) identifier = following(identifier);
    this.#next = following(identifier);
    this.#addressed.set(identifier, { filters: new Set(filters), serial });
    return identifier;
  }

  retire(identifier: number): void {
    if (!this.#addressed.has(identifier)) return;
    this.#retired.add(identifier);
    if (this.#retired.size <= REMEMBERED) return;
    const [oldest] = this.#retired;
    if (oldest !== undefined) this.#forget(oldest);
  }

  /** A new session: the broker holds nothing of the old one back any more. */
  forgetRetired(): void {
    for (const identifier of this.#retired) this.#forget(identifier);
  }

  /** Undefined: not one of ours. */
  lookUp(identifier: number): Addressed | undefined {
    return this.#addressed.get(identifier);
  }

  /** None is in force, nor was in this session. */
  get unused(): boolean {
    return this.#addressed.size === 0;
  }

  #forget(identifier: number): void {
    this.#retired.delete(identifier);
    this.#addressed.delete(identifier);
  }
}

function following(identifier: number): number {
  return identifier === LARGEST_IDENTIFIER ? 1 : identifier + 1;
}
