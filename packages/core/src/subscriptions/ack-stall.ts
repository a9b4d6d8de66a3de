// SPDX-License-Identifier: Apache-2.0
//
// Head of line: answers leave in the order of arrival per QoS (§4.6), so one unanswered message holds back all later answers
// of its QoS, and a full window (§4.9) stops the broker. This notices when that lasts.

import type { Scheduled } from '../clock.ts';
import type { SubscriptionPort } from './port.ts';
import { SharedDelivery } from './shared-delivery.ts';
import { AnswerOrder, type Tracked } from './answer-order.ts';

/** Part of `ackStallMs` after which is looked again, when the head has changed in between. */
const LOOKS = 4;

interface Watch {
  readonly order: AnswerOrder;
  head: Tracked | undefined;
  since: number;
  reported: boolean;
}

/** Made with the first message that the broker waits for. @internal */
export class AckStall {
  readonly #port: Pick<SubscriptionPort, 'clock' | 'events'>;
  readonly #stallMs: number;
  readonly #window: number;
  /** By QoS. */
  readonly #watches: readonly [Watch, Watch] = [newWatch(), newWatch()];
  #timer: Scheduled | undefined;

  constructor(port: Pick<SubscriptionPort, 'clock' | 'events'>, stallMs: number, window: number) {
    this.#port = port;
    this.#stallMs = stallMs;
    this.#window = window;
  }

  /** A message was delivered that the broker waits for. */
  track(qos: 1 | 2, tracked: Tracked): void {
    this.#watches[qos - 1]?.order.push(tracked);
    if (this.#timer === undefined && this.#windowIsFull) this.#look();
  }

  /** One of them was answered. */
  answered(qos: 1 | 2): void {
    const order = this.#watches[qos - 1]?.order;
    if (order === undefined || order.dropAnswered()) return;
    // It was not the head: its answer is held back.
    if (this.#timer === undefined) this.#look();
  }

  handleConnected(): void {
    this.#look();
  }

  handleConnectionLost(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const watch of this.#watches) watch.head = undefined;
  }

  /** The session is gone: nobody waits for these answers. */
  clear(): void {
    this.handleConnectionLost();
    for (const { order } of this.#watches) order.clear();
  }

  get #windowIsFull(): boolean {
    const [qos1, qos2] = this.#watches;
    return qos1.order.length + qos2.order.length >= this.#window;
  }

  /** Looks at both heads, and again in a while as long as something is held back. */
  #look(): void {
    this.#timer = undefined;
    const full = this.#windowIsFull;
    let wakeIn = Number.POSITIVE_INFINITY;
    for (const watch of this.#watches) wakeIn = Math.min(wakeIn, this.#lookAt(watch, full));
    if (wakeIn !== Number.POSITIVE_INFINITY) {
      this.#timer = this.#port.clock.setTimer(wakeIn, () => this.#look(), { unref: true });
    }
  }

  /** Returns when to look again. */
  #lookAt(watch: Watch, full: boolean): number {
    const { order } = watch;
    order.dropAnswered();
    const { head } = order;
    const heldBack = head === undefined ? 0 : order.countAnswered();
    if (head === undefined || (heldBack === 0 && !full)) {
      watch.head = undefined;
      return Number.POSITIVE_INFINITY;
    }
    const now = this.#port.clock.now();
    if (watch.head !== head) {
      watch.head = head;
      watch.since = now;
      watch.reported = false;
    }
    const heldMs = now - watch.since;
    if (heldMs >= this.#stallMs && !watch.reported) {
      watch.reported = true;
      const message = head instanceof SharedDelivery ? head.oldestOpen : head;
      const subscription = message?.subscription;
      if (message !== undefined && subscription !== undefined)
        this.#port.events.emit('ackStalled', { message, subscription, heldBack, heldMs });
    }
    return watch.reported ? this.#stallMs : Math.min(this.#stallMs / LOOKS, this.#stallMs - heldMs);
  }
}

function newWatch(): Watch {
  return { order: new AnswerOrder(), head: undefined, since: 0, reported: false };
}
