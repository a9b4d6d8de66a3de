// SPDX-License-Identifier: Apache-2.0
import type { BrokerClock } from '../clock.ts';
import type { Channel } from './channel.ts';

/**
 * Notices a client that has been silent for one and a half times its Keep Alive [MQTT-3.1.2-22]. One timer per
 * connection, moved on when it fires and not with every packet.
 */
export class KeepAlive {
  readonly #clock: BrokerClock;
  readonly #channel: Channel;
  readonly #limitMs: number;
  readonly #onSilence: () => void;
  #cancel: (() => void) | undefined;

  /** @param keepAlive - seconds; 0 means none */
  constructor(clock: BrokerClock, channel: Channel, keepAlive: number, onSilence: () => void) {
    this.#clock = clock;
    this.#channel = channel;
    this.#limitMs = keepAlive * 1500;
    this.#onSilence = onSilence;
    if (keepAlive > 0) this.#arm(this.#limitMs);
  }

  stop(): void {
    this.#cancel?.();
  }

  #arm(delayMs: number): void {
    this.#cancel = this.#clock.schedule(() => this.#check(), delayMs);
  }

  #check(): void {
    // While the broker itself holds the client up, nothing can be heard from it.
    if (this.#channel.isBusy) return this.#arm(this.#limitMs);
    const leftMs = this.#channel.lastHeard + this.#limitMs - this.#clock.now();
    if (leftMs > 0) this.#arm(leftMs);
    else this.#onSilence();
  }
}
