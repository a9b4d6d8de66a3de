// SPDX-License-Identifier: Apache-2.0
//
// Which broker comes next: the configured list, rotation after failures, and server redirection (§4.11).
//
//   configured list ──0x9D Server moved──▶ moved list (for this object's life)
//          └──────0x9C Use another server──▶ one detour, next attempt only
//
// After five redirected attempts in a row without CONNACK 0x00 the configured list is used again: a redirect must not be a
// way to lose a client for good.

import type { BrokerAddress } from '../broker-url.ts';

const MAXIMUM_REDIRECTED_ATTEMPTS = 5;

export class BrokerList {
  #configured: readonly BrokerAddress[];
  #moved: readonly BrokerAddress[] | undefined;
  #detour: BrokerAddress | undefined;
  #index = 0;
  #redirectedAttempts = 0;
  #onDetour = false;
  #justMoved = false;
  /** The failure of now was the last redirected one in a row: what it points to is not followed. */
  #exhausted = false;

  constructor(brokers: readonly BrokerAddress[]) {
    this.#configured = brokers;
  }

  /** Brokers that one pass over the list tries. */
  get length(): number {
    return this.#list.length;
  }

  /** A redirect that the next attempt follows. */
  get redirect(): 'detour' | 'move' | undefined {
    if (this.#detour !== undefined) return 'detour';
    return this.#justMoved ? 'move' : undefined;
  }

  /** The broker of the next attempt, without beginning it. */
  peek(): BrokerAddress {
    return this.#detour ?? at(this.#list, this.#index);
  }

  /** Begins an attempt. */
  take(): BrokerAddress {
    const broker = this.peek();
    this.#onDetour = this.#detour !== undefined;
    this.#detour = undefined;
    this.#justMoved = false;
    this.#exhausted = false;
    if (this.#onDetour || this.#moved) this.#redirectedAttempts += 1;
    return broker;
  }

  /** The attempt reached CONNACK 0x00: its broker is kept. A detour is for one attempt only. */
  succeeded(): void {
    this.#redirectedAttempts = 0;
    this.#onDetour = false;
  }

  /** The attempt failed: the next broker is due. */
  failed(): void {
    if (!this.#onDetour) this.#index = (this.#index + 1) % this.#list.length;
    this.#onDetour = false;
    if (this.#redirectedAttempts < MAXIMUM_REDIRECTED_ATTEMPTS || !this.#moved) return;
    this.#moved = undefined;
    this.#exhausted = true;
    this.#index = 0;
    this.#redirectedAttempts = 0;
  }

  /** 0x9C: the first usable target, for the next attempt only. Refused once five redirected attempts in a row have failed. */
  detour(target: BrokerAddress): boolean {
    if (this.#exhausted) return false;
    if (this.#redirectedAttempts >= MAXIMUM_REDIRECTED_ATTEMPTS) {
      this.#redirectedAttempts = 0;
      return false;
    }
    this.#detour = target;
    return true;
  }

  /** 0x9D: these replace the list for this object's life. Refused like a detour. */
  move(targets: readonly BrokerAddress[]): boolean {
    if (this.#exhausted) return false;
    this.#moved = targets;
    this.#justMoved = true;
    this.#detour = undefined;
    this.#onDetour = false;
    this.#index = 0;
    return true;
  }

  /** The application's own word replaces everything. */
  replace(brokers: readonly BrokerAddress[]): void {
    this.#configured = brokers;
    this.#moved = undefined;
    this.#justMoved = false;
    this.#detour = undefined;
    // An attempt under way is nobody's turn in this list: its failure must not pass over the first one.
    this.#onDetour = true;
    this.#index = 0;
    this.#redirectedAttempts = 0;
  }

  get #list(): readonly BrokerAddress[] {
    return this.#moved ?? this.#configured;
  }
}

function at(list: readonly BrokerAddress[], index: number): BrokerAddress {
  const broker = list[index % list.length];
  if (broker === undefined) throw new RangeError('a broker list is never empty');
  return broker;
}
