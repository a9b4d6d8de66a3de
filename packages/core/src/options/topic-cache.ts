// SPDX-License-Identifier: Apache-2.0
//
// Topics that were valid a moment ago. Most programs publish to few topics, again and again; a Set answers faster than a look at
// every character, and much faster when it is the very same string.

/** Entries; past this the memory starts over. Programs with more topics than this pay for the check itself, which is cheap. */
const CAPACITY = 1024;

/** Longer topics are not worth remembering: the memory stays below CAPACITY × this many characters. */
const MAXIMUM_LENGTH = 256;

/** A bounded set of strings, forgotten all at once: no order to keep, nothing to do on a hit. */
export class TopicCache {
  #last = '';
  readonly #known: Set<string> = new Set();

  has(topic: string): boolean {
    // An empty topic is never added, so that the initial value cannot be mistaken for one.
    if (topic === this.#last) return topic !== '';
    if (!this.#known.has(topic)) return false;
    this.#last = topic;
    return true;
  }

  add(topic: string): void {
    if (topic.length > MAXIMUM_LENGTH || topic === '') return;
    if (this.#known.size >= CAPACITY) this.#known.clear();
    this.#known.add(topic);
    this.#last = topic;
  }

  get size(): number {
    return this.#known.size;
  }
}
