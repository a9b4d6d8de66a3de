// SPDX-License-Identifier: Apache-2.0
//
// What a subscription hands out: one PUBLISH, and the right to answer it. One object per subscription that gets the message,
// so that acknowledging twice never touches another message or another handle.

import type { Bytes, PublishPacket, PublishProperties, PublishView, QoS } from '@mqttv5/wire';

import type { AckReasonCode, Message, MessageProperties, SubscriptionHandle } from '../api/receive.ts';
import { mqttError } from '../errors.ts';
import type { InboundExchange } from '../session/effects.ts';
import { isSmall, keepable } from './keepable.ts';
import { SharedDelivery } from './shared-delivery.ts';

/** A received PUBLISH, in either shape the decoder gives. @internal */
export type ReceivedPublish = PublishPacket | PublishView;

/** Whom the answer to a message concerns. @internal */
export type Answer = InboundExchange | SharedDelivery;

/** Who gave the message out and passes its answer on. @internal */
export interface MessageOwner {
  /** Undefined: no subscription took it. */
  readonly subscription: SubscriptionHandle | undefined;
  /** Called once per message, at the first `ack()`. `answer` is undefined when the broker expects none. */
  answered(message: ReceivedMessage, answer: Answer | undefined, reasonCode: AckReasonCode): void;
}

const ACK_REASON_CODES: ReadonlySet<number> = new Set([0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]);
const NO_PROPERTIES: MessageProperties = Object.freeze({});
const NO_IDENTIFIERS: readonly number[] = Object.freeze([]);
const NO_BYTES: Bytes = new Uint8Array(0);
const utf8 = new TextDecoder();

/** @internal */
export class ReceivedMessage implements Message {
  readonly topic: string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly packetIdentifier: number;
  /** Keeps the read alive that the message came in; let go of when the message is small, or detached. */
  #packet: ReceivedPublish | undefined;
  #payload: Bytes | undefined;
  /** As they arrived. */
  #received: PublishProperties | undefined;
  /** As they may be published again; made when asked for. */
  #properties: MessageProperties | undefined;
  readonly #owner: MessageOwner;
  /** Undefined at QoS 0 and after the answer. */
  #answer: Answer | undefined;
  #acknowledged = false;
  /** Place in the subscription's order of arrival, which putting back restores. */
  #order = 0;
  /** Counts against `bufferSize` and `bufferBytes`, while it is buffered. */
  #bounded = false;
  /** Given out and not done with: what a drain waits for. */
  #inHand = false;

  constructor(packet: ReceivedPublish, topic: string, owner: MessageOwner, answer: Answer | undefined) {
    this.topic = topic;
    this.qos = packet.qos;
    this.retain = packet.retain;
    this.dup = packet.dup;
    this.packetIdentifier = packet.packetIdentifier;
    this.#owner = owner;
    this.#answer = answer;
    if (isSmall(lengthOf(packet))) this.#letGoOf(packet);
    else this.#packet = packet;
  }

  get payload(): Bytes {
    // A message lets go of its packet only after it has taken the payload.
    return (this.#payload ??= keepable(this.#packet?.payload ?? NO_BYTES));
  }

  get properties(): MessageProperties {
    return (this.#properties ??= forwardable(this.#receivedProperties));
  }

  get subscriptionIdentifiers(): readonly number[] {
    return this.#receivedProperties?.subscriptionIdentifiers ?? NO_IDENTIFIERS;
  }

  get acknowledged(): boolean {
    return this.#acknowledged;
  }

  userProperty(name: string): string | undefined {
    return this.properties.userProperties?.find((pair) => pair[0] === name)?.[1];
  }

  text(): string {
    return utf8.decode(this.payload);
  }

  json<T = unknown>(): T {
    // What T is, is the caller's claim: JSON has no types to check it against.
    return JSON.parse(this.text()) as T;
  }

  ack(reasonCode: AckReasonCode = 0x00): void {
    if (!ACK_REASON_CODES.has(reasonCode)) throw invalidReasonCode(reasonCode);
    if (this.#acknowledged) return;
    this.#acknowledged = true;
    const answer = this.#answer;
    this.#answer = undefined;
    this.#owner.answered(this, answer, reasonCode);
  }

  detach(): this {
    const packet = this.#packet;
    if (packet === undefined) return this;
    this.#payload = packet.payload.slice();
    this.#received = ownProperties(packet.properties);
    this.#properties = undefined;
    this.#packet = undefined;
    return this;
  }

  get #receivedProperties(): PublishProperties | undefined {
    return this.#packet === undefined ? this.#received : this.#packet.properties;
  }

  #letGoOf(packet: ReceivedPublish): void {
    this.#payload = keepable(packet.payload);
    this.#received = ownProperties(packet.properties);
  }

  // What follows is for the subscriptions layer; the public type does not have it.

  /** @internal */
  get payloadLength(): number {
    return this.#packet === undefined ? (this.#payload?.length ?? 0) : lengthOf(this.#packet);
  }

  /** The broker waits for its acknowledgement. @internal */
  get awaited(): boolean {
    const answer = this.#answer;
    if (answer === undefined) return false;
    return answer instanceof SharedDelivery ? answer.awaited : !answer.acknowledged;
  }

  /** @internal */
  get subscription(): SubscriptionHandle | undefined {
    return this.#owner.subscription;
  }

  /** @internal */
  get order(): number {
    return this.#order;
  }

  set order(order: number) {
    this.#order = order;
  }

  /** @internal */
  get bounded(): boolean {
    return this.#bounded;
  }

  set bounded(bounded: boolean) {
    this.#bounded = bounded;
  }

  /** @internal */
  get inHand(): boolean {
    return this.#inHand;
  }

  set inHand(inHand: boolean) {
    this.#inHand = inHand;
  }
}

function lengthOf(packet: ReceivedPublish): number {
  return 'payloadLength' in packet ? packet.payloadLength : packet.payload.length;
}

/** Correlation Data is the one property that is bytes, and a view like the payload. */
function ownProperties(properties: PublishProperties | undefined): PublishProperties | undefined {
  if (properties?.correlationData === undefined) return properties;
  return { ...properties, correlationData: properties.correlationData.slice() };
}

/** What a PUBLISH of ours may carry: without the alias of that connection and without the broker's identifiers. */
function forwardable(properties: PublishProperties | undefined): MessageProperties {
  if (properties === undefined) return NO_PROPERTIES;
  const { topicAlias: _alias, subscriptionIdentifiers: _identifiers, ...rest } = properties;
  return Object.freeze(rest);
}

function invalidReasonCode(reasonCode: unknown): Error {
  const allowed = [...ACK_REASON_CODES].map((code) => `0x${code.toString(16).padStart(2, '0')}`).join(', ');
  return mqttError('INVALID_OPTION', `A PUBLISH cannot be answered with ${String(reasonCode)}, only with ${allowed}`);
}
