// SPDX-License-Identifier: Apache-2.0
//
// Which of our sessions each broker may still hold. Sessions are numbered; a broker that may hold an older number than the
// current one must not resume it, because its state would not be ours.

import type { BrokerHold } from './session-meta.ts';

/** §3.1.2.11.2: the session does not expire. */
const NEVER_EXPIRES = 0xffff_ffff;

/** Far more brokers than anybody lists; redirects could name any number. */
const MAXIMUM_BROKERS = 256;

interface Entry extends BrokerHold {
  readonly broker: string;
}

const NONE: readonly Entry[] = [];

export class BrokerHolds {
  /** Newest last. A list and not a Map, whose smallest is 450 bytes: nearly every client knows one broker. */
  #holds: readonly Entry[] = NONE;
  /** Until when a broker that is not listed may hold an older session. */
  unknownUntil = 0;

  get(broker: string): BrokerHold | undefined {
    return this.#holds.find((entry) => entry.broker === broker);
  }

  /** Whether there was any contact that counts. */
  has(broker: string): boolean {
    return this.get(broker) !== undefined;
  }

  /** Whether `broker` may hold one of our sessions that is not number `current`. */
  mayHoldOther(broker: string, current: number, now: number): boolean {
    const hold = this.get(broker);
    if (hold === undefined) return now < this.unknownUntil;
    return hold.number !== current && now < keptUntil(hold);
  }

  /** Whether `broker` may hold a session that we had with it. */
  mayHoldKnown(broker: string, now: number): boolean {
    return this.get(broker)?.number !== 0 && this.mayHoldOther(broker, 0, now);
  }

  /** Whether any broker may still hold session `number`. */
  mayBeHeld(number: number, now: number): boolean {
    return this.#holds.some((entry) => entry.number === number && now < keptUntil(entry));
  }

  set(broker: string, hold: BrokerHold, now: number): void {
    this.#holds = this.#without(broker).concat(entryOf(broker, hold));
    if (this.#holds.length > MAXIMUM_BROKERS) this.#forgetOldest(now);
  }

  /** Whoever holds session `number` may hold another than we think. */
  doubt(number: number): void {
    this.#holds = this.#holds.map((entry) => (entry.number === number ? { ...entry, doubted: true } : entry));
  }

  restore(broker: string, hold: BrokerHold | undefined): void {
    this.delete(broker);
    if (hold !== undefined) this.#holds = this.#holds.concat(entryOf(broker, hold));
  }

  delete(broker: string): void {
    this.#holds = this.#without(broker);
  }

  entries(): (readonly [broker: string, hold: BrokerHold])[] {
    return this.#holds.map(({ broker, ...hold }) => [broker, hold]);
  }

  #without(broker: string): readonly Entry[] {
    return this.#holds.filter((entry) => entry.broker !== broker);
  }

  /** What is forgotten is counted among the unknown, for as long as it may be held. */
  #forgetOldest(now: number): void {
    const [oldest, ...others] = this.#holds;
    this.#holds = others;
    if (oldest === undefined) return;
    if (oldest.lostAt === undefined || keptUntil(oldest) > now) {
      this.unknownUntil = Math.max(this.unknownUntil, keptUntil({ ...oldest, lostAt: oldest.lostAt ?? now }));
    }
  }
}

/** In one shape, and nothing else of `hold`. */
function entryOf(broker: string, { number, expiryInterval, lostAt, doubted }: BrokerHold): Entry {
  return { broker, number, expiryInterval, lostAt, doubted };
}

/** How long a session without end of connection on record is kept is anybody's guess: for ever. */
function keptUntil({ lostAt, expiryInterval }: BrokerHold): number {
  if (lostAt === undefined || expiryInterval === NEVER_EXPIRES) return Number.POSITIVE_INFINITY;
  return lostAt + expiryInterval * 1000;
}
