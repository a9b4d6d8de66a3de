// SPDX-License-Identifier: Apache-2.0

import { AckOrder } from './ack-order.ts';
import { InboundAliases } from './inbound-aliases.ts';
import { OutboundAliases } from './outbound-aliases.ts';
import { SendQuota } from './send-quota.ts';
import type { ServerLimits, SessionSettings } from './settings.ts';

/**
 * Everything the engine knows that dies with the Network Connection: limits and quota (§4.9), aliases (§3.3.2.3.4), the order
 * of acknowledgements, what is unanswered. A new connection gets a new object, so that nothing can be forgotten.
 */
export class LiveConnection {
  /** From 1, never repeated within one engine. */
  readonly number: number;
  readonly limits: ServerLimits;
  /** It resumed a session that was in doubt. */
  readonly inDoubt: boolean;
  readonly quota: SendQuota;
  readonly #topicAliasMaximum: number;

  // Each made with the first packet that needs it: of a thousand clients most hardly ever receive, or hardly ever send.
  #pubacks: AckOrder | undefined;
  #pubrecs: AckOrder | undefined;
  #inboundAliases: InboundAliases | undefined;
  #outboundAliases: OutboundAliases | undefined;

  /** There is room for PUBLISH packets. */
  room = true;
  /** PUBLISH packets up to this sequence may leave; everything once `startPublishing` was called. */
  releasedUpTo: number;
  /** A violation was reported: nothing that arrives counts any more. */
  violated = false;

  /** Identifiers whose PUBLISH arrived here and is not answered to the end: what our Receive Maximum bounds. */
  unansweredInbound = 0;
  /** PUBLISH packets handed out here that await PUBACK or PUBREC. */
  unansweredPublishes = 0;
  /** PUBREL packets handed out here that await PUBCOMP. */
  unansweredPubrels = 0;
  /** SUBSCRIBE and UNSUBSCRIBE handed out here that await their answer. */
  unansweredRequests = 0;
  /** What is unanswered is one packet that was blamed before: it travels alone. */
  suspectAlone = false;

  constructor(
    number: number,
    limits: ServerLimits,
    settings: SessionSettings,
    start: { readonly inDoubt: boolean; readonly releasedUpTo: number },
  ) {
    this.number = number;
    this.limits = limits;
    this.inDoubt = start.inDoubt;
    this.releasedUpTo = start.releasedUpTo;
    this.quota = new SendQuota(limits.receiveMaximum);
    this.#topicAliasMaximum = settings.topicAliasMaximum;
  }

  /** The order in which the answers to PUBLISH packets of this QoS leave. */
  answers(qos: 1 | 2): AckOrder {
    if (qos === 1) return (this.#pubacks ??= new AckOrder());
    return (this.#pubrecs ??= new AckOrder());
  }

  get inboundAliases(): InboundAliases {
    this.#inboundAliases ??= new InboundAliases(this.#topicAliasMaximum);
    return this.#inboundAliases;
  }

  get outboundAliases(): OutboundAliases {
    this.#outboundAliases ??= new OutboundAliases(this.limits.topicAliasMaximum);
    return this.#outboundAliases;
  }

  get publishing(): boolean {
    return this.releasedUpTo === Number.POSITIVE_INFINITY;
  }

  /** Whether a packet that can be blamed may leave now. Free of charge while nothing is suspected. */
  admits(suspect: boolean): boolean {
    const unanswered = this.unansweredPublishes + this.unansweredRequests;
    if (unanswered === 0) return true;
    return !suspect && !this.suspectAlone;
  }
}
