// SPDX-License-Identifier: Apache-2.0

import type { Clock } from '../clock.ts';
import type { InboundExchange } from '../session/effects.ts';
import type { ReceivedPublish } from './message.ts';

/** A message of QoS 1 or 2 for which there is no subscription yet. */
export interface HeldMessage {
  readonly packet: ReceivedPublish;
  readonly topic: string;
  readonly exchange: InboundExchange;
}

/**
 * Messages of a resumed session that came before the program has subscribed again. They wait, unacknowledged, until somebody
 * subscribes or the time is over.
 */
export class UnmatchedHold {
  readonly #clock: Clock;
  readonly #holdMs: number;
  /** The broker cannot send more without an answer (§4.9), so this is a bound for one that does not keep to it. */
  readonly #maximum: number;
  readonly #release: (message: HeldMessage) => void;
  #held: HeldMessage[] = [];
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock, holdMs: number, maximum: number, release: (message: HeldMessage) => void) {
    this.#clock = clock;
    this.#holdMs = holdMs;
    this.#maximum = maximum;
    this.#release = release;
  }

  /** From the CONNACK on. */
  start(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#clock.setTimer(this.#holdMs, () => this.#expire(), { unref: true });
  }

  /** False: the time is over, or there never was one. */
  hold(message: HeldMessage): boolean {
    if (this.#cancelTimer === undefined || this.#held.length >= this.#maximum) return false;
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
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** The session is gone, or the client ends: nobody waits for an answer. */
  clear(): void {
    this.suspend();
    this.#held = [];
  }

  #expire(): void {
    this.#cancelTimer = undefined;
    const held = this.#held;
    this.#held = [];
    for (const message of held) this.#release(message);
  }
}
