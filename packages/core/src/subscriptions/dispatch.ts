// SPDX-License-Identifier: Apache-2.0
//
// From the engine to the subscriptions and back: who gets a PUBLISH, and what the broker is answered.

import type { AckReasonCode } from '../api/receive.ts';
import type { InboundExchange } from '../session/effects.ts';
import { AckStall } from './ack-stall.ts';
import type { Tracked } from './answer-order.ts';
import type { LocalSubscription } from './local-subscription.ts';
import { type Answer, type MessageOwner, ReceivedMessage, type ReceivedPublish } from './message.ts';
import type { SubscriptionPort } from './port.ts';
import type { Routes } from './routes.ts';
import { SharedDelivery } from './shared-delivery.ts';
import { UnmatchedHold, type UnmatchedMessage, type UnmatchedOwner } from './unmatched-hold.ts';

/** The options of the client that concern all its subscriptions. @internal */
export interface SubscriptionDefaults {
  readonly ackStallMs: number;
  readonly unmatchedHoldMs: number;
  readonly receiveMaximum: number;
}

/** Owns the messages that no subscription took. */
export class Dispatch implements MessageOwner, UnmatchedOwner {
  readonly subscription = undefined;
  /** Made with the first subscription. */
  routes: Routes | undefined;
  /** The client is closing: what still arrives is for the next life of the session. */
  ended = false;
  readonly #port: SubscriptionPort;
  readonly #defaults: SubscriptionDefaults;
  /** Made with the first message that the broker waits for. */
  #stall: AckStall | undefined;
  /** Made with the first session of which not everything need be subscribed. */
  #unmatched: UnmatchedHold | undefined;

  constructor(port: SubscriptionPort, defaults: SubscriptionDefaults) {
    this.#port = port;
    this.#defaults = defaults;
  }

  /** A connection has begun. `incomplete`: its session may bring messages before the program has subscribed. */
  expect(incomplete: boolean): void {
    this.ended = false;
    const { unmatchedHoldMs, receiveMaximum } = this.#defaults;
    if (incomplete) this.#unmatched ??= new UnmatchedHold(this, this.#port.clock, unmatchedHoldMs, receiveMaximum);
    if (incomplete || this.#unmatched?.size) this.#unmatched?.start();
  }

  handleConnected(): void {
    this.#stall?.handleConnected();
  }

  handleConnectionLost(): void {
    this.#stall?.handleConnectionLost();
    this.#unmatched?.suspend();
  }

  /** The session is gone, or the client ends: nobody waits for an answer. */
  forget(): void {
    this.#stall?.clear();
    this.#unmatched?.clear();
  }

  /** An application message for whoever subscribed to it. Hot path: benchmarks/src/receive. */
  deliver(packet: ReceivedPublish, topic: string, exchange: InboundExchange | undefined): void {
    const targets = this.routes?.targets(packet, topic);
    const first = targets?.[0];
    if (targets === undefined || first === undefined) this.#toNobody(packet, topic, exchange);
    else if (targets.length === 1) this.#toOne(first, packet, topic, exchange);
    else this.#toAll(targets, packet, topic, exchange);
  }

  /** The answer of one handle. */
  passOn(answer: Answer, reasonCode: AckReasonCode): void {
    if (!(answer instanceof SharedDelivery)) {
      this.#answer(answer, reasonCode);
      return;
    }
    const common = answer.answer(reasonCode);
    if (common !== undefined) this.#answer(answer.exchange, common);
  }

  /** Of a message that no subscription took. */
  answered(_message: ReceivedMessage, answer: Answer | undefined, reasonCode: AckReasonCode): void {
    if (answer !== undefined) this.passOn(answer, reasonCode);
  }

  /** Somebody has subscribed: what was held for that is given out. */
  giveHeld(): void {
    const held = this.#unmatched?.take(({ packet, topic }) => (this.routes?.targets(packet, topic).length ?? 0) > 0);
    for (const { packet, topic, exchange } of held ?? []) this.deliver(packet, topic, exchange);
  }

  #toOne(
    target: LocalSubscription,
    packet: ReceivedPublish,
    topic: string,
    exchange: InboundExchange | undefined,
  ): void {
    const message = target.receiveCopy(packet, topic, exchange);
    if (exchange !== undefined) this.#track(exchange.qos, message);
    target.deliver(message);
  }

  #toAll(
    targets: readonly LocalSubscription[],
    packet: ReceivedPublish,
    topic: string,
    exchange: InboundExchange | undefined,
  ): void {
    const shared = exchange === undefined ? undefined : new SharedDelivery(exchange, targets.length);
    // All handles first: one that is answered while it is delivered must not be the last one.
    const copies = targets.map((target) => target.receiveCopy(packet, topic, shared));
    if (exchange !== undefined && shared !== undefined) {
      for (const copy of copies) shared.add(copy);
      this.#track(exchange.qos, shared);
    }
    for (const [i, copy] of copies.entries()) targets[i]?.deliver(copy);
  }

  #toNobody(packet: ReceivedPublish, topic: string, exchange: InboundExchange | undefined): void {
    // Unanswered, so that the broker sends it again.
    if (exchange !== undefined && this.ended) return;
    if (exchange !== undefined && this.#unmatched?.hold({ packet, topic, exchange }) === true) return;
    this.reportUnmatched({ packet, topic, exchange });
  }

  /** Reported while it is unanswered; a listener may refuse it. */
  reportUnmatched({ packet, topic, exchange }: UnmatchedMessage): void {
    const message = new ReceivedMessage(packet, topic, this, exchange);
    this.#port.events.emitNow('unmatched', message);
    message.ack();
  }

  #answer(exchange: InboundExchange, reasonCode: AckReasonCode): void {
    this.#port.acknowledge(exchange, reasonCode);
    this.#stall?.answered(exchange.qos);
  }

  #track(qos: 1 | 2, tracked: Tracked): void {
    this.#stall ??= new AckStall(this.#port, this.#defaults.ackStallMs, this.#defaults.receiveMaximum);
    this.#stall.track(qos, tracked);
  }
}
