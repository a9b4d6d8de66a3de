// SPDX-License-Identifier: Apache-2.0

/** Topics of one generation: what a busy client meets within seconds, and small enough to forget. */
const GENERATION_SIZE = 2048;
/** Longer topics are matched anew each time, so that the cache stays below some megabytes whatever the broker sends. */
const LONGEST_CACHED_TOPIC = 256;

/**
 * What was found for a topic, remembered within bounds.
 *
 * Two generations instead of an order of use: a full young one becomes the old one, and what is still in use moves over when it
 * is asked for. That costs a lookup nothing, and a flood of new topics at most the moving.
 */
export class MatchCache<T> {
  #young = new Map<string, T>();
  #old = new Map<string, T>();
  /** Floods come on one topic more often than not. */
  #lastTopic: string | undefined;
  #last: T | undefined;

  get(topic: string): T | undefined {
    if (topic === this.#lastTopic) return this.#last;
    let found = this.#young.get(topic);
    if (found === undefined) {
      found = this.#old.get(topic);
      if (found === undefined) return undefined;
      this.set(topic, found);
    }
    this.#lastTopic = topic;
    this.#last = found;
    return found;
  }

  set(topic: string, value: T): void {
    if (topic.length > LONGEST_CACHED_TOPIC) return;
    if (this.#young.size >= GENERATION_SIZE) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(topic, value);
  }

  /** The filters have changed: nothing that was found holds any more. */
  clear(): void {
    this.#lastTopic = undefined;
    this.#last = undefined;
    if (this.#young.size > 0) this.#young = new Map();
    if (this.#old.size > 0) this.#old = new Map();
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
