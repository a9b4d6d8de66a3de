// SPDX-License-Identifier: Apache-2.0

import type { Clock, Scheduled } from '../clock.ts';
import type { InboundExchange } from '../session/effects.ts';
import type { ReceivedPublish } from './message.ts';

/** A message for which there is no subscription. */
export interface UnmatchedMessage {
  readonly packet: ReceivedPublish;
  readonly topic: string;
  readonly exchange: InboundExchange | undefined;
}

/** One of QoS 1 or 2, which may wait for its subscription. */
export interface HeldMessage extends UnmatchedMessage {
  readonly exchange: InboundExchange;
}

export interface UnmatchedOwner {
  /** Nobody has subscribed in time. */
  reportUnmatched(message: UnmatchedMessage): void;
}

/**
 * Messages of a resumed session that came before the program has subscribed again. They wait, unacknowledged, until somebody
 * subscribes or the time is over.
 */
export class UnmatchedHold {
  readonly #owner: UnmatchedOwner;
  readonly #clock: Clock;
  readonly #holdMs: number;
  /** The broker cannot send more without an answer (§4.9), so this is a bound for one that does not keep to it. */
  readonly #maximum: number;
  #held: HeldMessage[] = [];
  #timer: Scheduled | undefined;

  constructor(owner: UnmatchedOwner, clock: Clock, holdMs: number, maximum: number) {
    this.#owner = owner;
    this.#clock = clock;
    this.#holdMs = holdMs;
    this.#maximum = maximum;
  }

  /** From the CONNACK on. */
  start(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(this.#holdMs, () => this.#expire(), { unref: true });
  }

  /** False: the time is over, or there never was one. */
  hold(message: HeldMessage): boolean {
    if (this.#timer === undefined || this.#held.length >= this.#maximum) return false;
    this.#held.push(message);
    return true;
  }

  get size(): number {
    return this.#held.length;
  }

  /** Takes out, in order of arrival, what `wanted` says. */
  take(wanted: (message: HeldMessage) => boolean): readonly HeldMessage[] {
    if (this.#held.length === 0) return this.#held;
    const taken: HeldMessage[] = [];
    const left: HeldMessage[] = [];
    for (const message of this.#held) (wanted(message) ? taken : left).push(message);
    this.#held = left;
    return taken;
  }

  /** The time stands still without a connection: the next CONNACK of the session starts it anew. */
  suspend(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** The session is gone, or the client ends: nobody waits for an answer. */
  clear(): void {
    this.suspend();
    this.#held = [];
  }

  #expire(): void {
    this.#timer = undefined;
    const held = this.#held;
    this.#held = [];
    for (const message of held) this.#owner.reportUnmatched(message);
  }
}
