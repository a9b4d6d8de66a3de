// SPDX-License-Identifier: Apache-2.0

/**
 * Topic aliases of outgoing QoS 0 messages (§3.3.2.3.4). Lives as long as one Network Connection.
 *
 * A mapping is entered when the PUBLISH that carries it is handed to the connection, which never takes a QoS 0 PUBLISH back:
 * an alias cannot be used before the broker has seen its topic. QoS 1 and 2 never rely on aliases, since a resend has to make
 * sense on any connection.
 *
 * When all aliases are taken, a topic that has not been used since the last look at it gives way ("second chance"): nearly
 * least-recently-used, at the price of one flag per use.
 */
export class OutboundAliases {
  readonly #maximum: number;
  readonly #aliases = new Map<string, number>();
  /** By alias; index 0 is unused. */
  readonly #topics: (string | undefined)[] = [undefined];
  readonly #used: boolean[] = [false];
  #hand = 0;

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** The alias of `topic`, one that is free, or one that is taken from another topic; 0 when the broker allows none. */
  choose(topic: string): number {
    const alias = this.#aliases.get(topic);
    if (alias !== undefined) return alias;
    if (this.#maximum === 0) return 0;
    return this.#topics.length <= this.#maximum ? this.#topics.length : this.#evictable();
  }

  /** Uses `alias` for `topic` from now on. True when the broker knows that already and the topic may be left out. */
  use(alias: number, topic: string): boolean {
    const current = this.#topics[alias];
    // An explicit alias may lie beyond those given out so far.
    while (this.#topics.length <= alias) {
      this.#topics.push(undefined);
      this.#used.push(false);
    }
    this.#used[alias] = true;
    if (current === topic) return true;
    if (current !== undefined && this.#aliases.get(current) === alias) this.#aliases.delete(current);
    this.#topics[alias] = topic;
    this.#aliases.set(topic, alias);
    return false;
  }

  #evictable(): number {
    for (;;) {
      this.#hand = this.#hand >= this.#maximum ? 1 : this.#hand + 1;
      if (!this.#used[this.#hand]) return this.#hand;
      this.#used[this.#hand] = false;
    }
  }
}
