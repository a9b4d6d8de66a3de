// SPDX-License-Identifier: Apache-2.0

const PAGE_BITS = 6;
const PAGE_SIZE = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_SIZE - 1;

interface Page<T> {
  readonly slots: (T | undefined)[];
  used: number;
}

/**
 * Values by Packet Identifier. Identifiers come and go in a circle, so those in use lie close together: a few pages of 64 slots
 * hold them, and a page that runs empty is the next one's.
 *
 *   pages:  [ . | . | ▒▒▒▒ | ▒▒ | . | …1024 ]
 *
 * Not a Map, because one that is always inserted into and deleted from makes itself a new table every so often, and leaves the
 * old ones linked: once such a table is old, everything it held lives until the next full collection. Half of all messages
 * survived the collections of the young generation that way (QoS 1, 64 in flight: benchmarks/src/traffic).
 */
export class IdentifierTable<T> {
  readonly #pages: (Page<T> | undefined)[] = [];
  #spare: Page<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(identifier: number): T | undefined {
    return this.#pages[identifier >> PAGE_BITS]?.slots[identifier & PAGE_MASK];
  }

  set(identifier: number, value: T): void {
    const page = this.#pages[identifier >> PAGE_BITS] ?? this.#addPage(identifier >> PAGE_BITS);
    const index = identifier & PAGE_MASK;
    if (page.slots[index] === undefined) {
      page.used += 1;
      this.#size += 1;
    }
    page.slots[index] = value;
  }

  /** Harmless for one that is not there. */
  delete(identifier: number): void {
    const page = this.#pages[identifier >> PAGE_BITS];
    const index = identifier & PAGE_MASK;
    if (page?.slots[index] === undefined) return;
    page.slots[index] = undefined;
    page.used -= 1;
    this.#size -= 1;
    if (page.used > 0) return;
    this.#pages[identifier >> PAGE_BITS] = undefined;
    this.#spare = page;
  }

  /** In the order of the identifiers. What is deleted on the way is left out. */
  *entries(): Generator<[identifier: number, value: T], void, undefined> {
    for (let i = 0; i < this.#pages.length; i += 1) {
      for (let index = 0; index < PAGE_SIZE; index += 1) {
        const value = this.#pages[i]?.slots[index];
        if (value !== undefined) yield [(i << PAGE_BITS) | index, value];
      }
    }
  }

  #addPage(at: number): Page<T> {
    const page = this.#spare ?? { slots: Array.from({ length: PAGE_SIZE }, () => undefined), used: 0 };
    this.#spare = undefined;
    // No holes: an array with one is searched along its prototypes at every miss.
    while (this.#pages.length < at) this.#pages.push(undefined);
    this.#pages[at] = page;
    return page;
  }
}
