// SPDX-License-Identifier: Apache-2.0
//
// Which of our sessions each broker may still hold. Sessions are numbered; a broker that may hold an older number than the
// current one must not resume it, because its state would not be ours.

import type { BrokerHold } from './session-meta.ts';

/** §3.1.2.11.2: the session does not expire. */
const NEVER_EXPIRES = 0xffff_ffff;

/** Far more brokers than anybody lists; redirects could name any number. */
const MAXIMUM_BROKERS = 256;

export class BrokerHolds {
  readonly #holds = new Map<string, BrokerHold>();
  /** Until when a broker that is not listed may hold an older session. */
  unknownUntil = 0;

  get(broker: string): BrokerHold | undefined {
    return this.#holds.get(broker);
  }

  /** Whether there was any contact that counts. */
  has(broker: string): boolean {
    return this.#holds.has(broker);
  }

  /** Whether `broker` may hold one of our sessions that is not number `current`. */
  mayHoldOther(broker: string, current: number, now: number): boolean {
    const hold = this.#holds.get(broker);
    if (hold === undefined) return now < this.unknownUntil;
    return hold.number !== current && now < keptUntil(hold);
  }

  /** Whether `broker` may hold a session that we had with it. */
  mayHoldKnown(broker: string, now: number): boolean {
    return this.#holds.get(broker)?.number !== 0 && this.mayHoldOther(broker, 0, now);
  }

  /** Whether any broker may still hold session `number`. */
  mayBeHeld(number: number, now: number): boolean {
    for (const hold of this.#holds.values()) if (hold.number === number && now < keptUntil(hold)) return true;
    return false;
  }

  set(broker: string, hold: BrokerHold, now: number): void {
    // Newest last, so that the one to forget is the first.
    this.#holds.delete(broker);
    this.#holds.set(broker, hold);
    if (this.#holds.size > MAXIMUM_BROKERS) this.#forgetOldest(now);
  }

  /** Whoever holds session `number` may hold another than we think. */
  doubt(number: number): void {
    for (const [broker, hold] of this.#holds) {
      if (hold.number === number) this.#holds.set(broker, { ...hold, doubted: true });
    }
  }

  restore(broker: string, hold: BrokerHold | undefined): void {
    if (hold === undefined) this.#holds.delete(broker);
    else this.#holds.set(broker, hold);
  }

  delete(broker: string): void {
    this.#holds.delete(broker);
  }

  entries(): [broker: string, hold: BrokerHold][] {
    return [...this.#holds];
  }

  /** What is forgotten is counted among the unknown, for as long as it may be held. */
  #forgetOldest(now: number): void {
    for (const [broker, hold] of this.#holds) {
      this.#holds.delete(broker);
      if (hold.lostAt === undefined || keptUntil(hold) > now) {
        this.unknownUntil = Math.max(this.unknownUntil, keptUntil({ ...hold, lostAt: hold.lostAt ?? now }));
      }
      return;
    }
  }
}

/** How long a session without end of connection on record is kept is anybody's guess: for ever. */
function keptUntil({ lostAt, expiryInterval }: BrokerHold): number {
  if (lostAt === undefined || expiryInterval === NEVER_EXPIRES) return Number.POSITIVE_INFINITY;
  return lostAt + expiryInterval * 1000;
}
