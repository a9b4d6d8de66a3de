// SPDX-License-Identifier: Apache-2.0
//
// Who is asked first among several.

import { fnv1a } from './fnv1a.ts';

/** Round robin: each is the first in its turn. */
export class Turns {
  #next = 0;

  /** All of them, of which there is at least one. */
  next<T>(all: readonly T[]): readonly T[] {
    const first = this.#next;
    this.#next = (first + 1) % all.length;
    return beginningWith(first, all);
  }
}

/** All of them, of which there is at least one: for one topic always the same first, so that its messages stay in order. */
export function byTopic<T>(all: readonly T[], topic: string): readonly T[] {
  return beginningWith(fnv1a(topic) % all.length, all);
}

function beginningWith<T>(first: number, all: readonly T[]): readonly T[] {
  return [...all.slice(first), ...all.slice(0, first)];
}
