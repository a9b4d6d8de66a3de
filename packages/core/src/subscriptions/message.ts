// SPDX-License-Identifier: Apache-2.0
//
// What a subscription hands out: one PUBLISH, and the right to answer it. One object per subscription that gets the message,
// so that acknowledging twice never touches another message or another handle.

import type { Bytes, PublishPacket, PublishProperties, PublishView, QoS } from '@mqttv5/wire';

import type { AckReasonCode, Message, MessageProperties, SubscriptionHandle } from '../api/receive.ts';
import { hexByte } from '../api/reason-codes.ts';
import { mqttError } from '../errors.ts';
import type { InboundExchange } from '../session/effects.ts';
import { isSmall, isTiny, keepable } from './keepable.ts';
import { SharedDelivery } from './shared-delivery.ts';

/** A received PUBLISH, in either shape the decoder gives. @internal */
export type ReceivedPublish = PublishPacket | PublishView;

/** What a message takes payload and properties from. */
type Source = ReceivedPublish | { readonly payload: Uint8Array; readonly properties: PublishProperties };

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

/**
 * Bits of `#header`: the fixed header's, the state of the message, the Packet Identifier. One number instead of seven fields,
 * because messages wait by the ten thousand: 48 bytes each (memory.test.ts).
 */
const RETAIN = 0x01;
const QOS_SHIFT = 1;
const DUP = 0x08;
const ACKNOWLEDGED = 0x10;
/** Counts against `bufferSize` and `bufferBytes`, while it is buffered. */
const BOUNDED = 0x20;
/** Given out and not done with: what a drain waits for. */
const IN_HAND = 0x40;
const IDENTIFIER_SHIFT = 8;

/** @internal */
export class ReceivedMessage implements Message {
  readonly topic: string;
  #header: number;
  /** The packet, which keeps the read alive that it came in; of a small or detached message only its properties, if any. */
  #source: Source | undefined;
  #payload: Bytes | undefined;
  /** As they may be published again; made when asked for. */
  #properties: MessageProperties | undefined;
  readonly #owner: MessageOwner;
  /** Undefined at QoS 0 and after the answer. */
  #answer: Answer | undefined;
  /** Place in the subscription's order of arrival, which putting back restores. */
  #order = 0;

  constructor(packet: ReceivedPublish, topic: string, owner: MessageOwner, answer: Answer | undefined) {
    this.topic = topic;
    this.#header =
      (packet.retain ? RETAIN : 0) |
      (packet.qos << QOS_SHIFT) |
      (packet.dup ? DUP : 0) |
      (packet.packetIdentifier << IDENTIFIER_SHIFT);
    this.#owner = owner;
    this.#answer = answer;
    if (isSmall(lengthOf(packet))) this.#letGoOf(packet);
    else this.#source = packet;
  }

  get qos(): QoS {
    // Two bits, of which the decoder has refused 3.
    return ((this.#header >> QOS_SHIFT) & 3) as QoS;
  }

  get retain(): boolean {
    return this.#has(RETAIN);
  }

  get dup(): boolean {
    return this.#has(DUP);
  }

  get packetIdentifier(): number {
    return this.#header >> IDENTIFIER_SHIFT;
  }

  get payload(): Bytes {
    // A message lets go of its packet only after it has taken the payload.
    return (this.#payload ??= keepable(this.#source?.payload ?? NO_BYTES));
  }

  get properties(): MessageProperties {
    return (this.#properties ??= forwardable(this.#source?.properties));
  }

  get subscriptionIdentifiers(): readonly number[] {
    return this.#source?.properties?.subscriptionIdentifiers ?? NO_IDENTIFIERS;
  }

  get acknowledged(): boolean {
    return this.#has(ACKNOWLEDGED);
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
    if (reasonCode !== 0x00 && !ACK_REASON_CODES.has(reasonCode)) throw invalidReasonCode(reasonCode);
    if (this.#has(ACKNOWLEDGED)) return;
    this.#set(ACKNOWLEDGED, true);
    const answer = this.#answer;
    this.#answer = undefined;
    this.#owner.answered(this, answer, reasonCode);
  }

  detach(): this {
    const { payload } = this;
    if (payload.length < payload.buffer.byteLength) this.#payload = payload.slice();
    this.#keepProperties(this.#source?.properties);
    return this;
  }

  /** What `console.log` shows in Node: the fields are not its own. */
  [Symbol.for('nodejs.util.inspect.custom')](): object {
    const { topic, payload, qos, retain, dup, properties, acknowledged } = this;
    return { topic, payload, qos, retain, dup, properties, acknowledged };
  }

  #letGoOf(packet: ReceivedPublish): void {
    const isView = 'copyPayload' in packet;
    this.#payload = isView && isTiny(packet.payloadLength) ? packet.copyPayload() : keepable(packet.payload);
    this.#keepProperties(packet.properties);
  }

  #keepProperties(properties: PublishProperties | undefined): void {
    this.#properties = undefined;
    this.#source = properties === undefined ? undefined : { payload: NO_BYTES, properties: ownProperties(properties) };
  }

  // What follows is for the subscriptions layer; the public type does not have it.

  /** @internal */
  get payloadLength(): number {
    return this.#payload?.length ?? (this.#source === undefined ? 0 : lengthOf(this.#source));
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
    return this.#has(BOUNDED);
  }

  set bounded(bounded: boolean) {
    this.#set(BOUNDED, bounded);
  }

  /** @internal */
  get inHand(): boolean {
    return this.#has(IN_HAND);
  }

  set inHand(inHand: boolean) {
    this.#set(IN_HAND, inHand);
  }

  #has(bit: number): boolean {
    return (this.#header & bit) !== 0;
  }

  #set(bit: number, value: boolean): void {
    if (value) this.#header |= bit;
    else this.#header &= ~bit;
  }
}

function lengthOf(packet: Source): number {
  return 'payloadLength' in packet ? packet.payloadLength : packet.payload.length;
}

/** Correlation Data is the one property that is bytes, and a view like the payload. */
function ownProperties(properties: PublishProperties): PublishProperties {
  if (properties.correlationData === undefined) return properties;
  return { ...properties, correlationData: properties.correlationData.slice() };
}

/** What a PUBLISH of ours may carry: without the alias of that connection and without the broker's identifiers. */
function forwardable(properties: PublishProperties | undefined): MessageProperties {
  if (properties === undefined) return NO_PROPERTIES;
  const { topicAlias: _alias, subscriptionIdentifiers: _identifiers, ...rest } = properties;
  return Object.freeze(rest);
}

function invalidReasonCode(reasonCode: unknown): Error {
  const allowed = [...ACK_REASON_CODES].map(hexByte).join(', ');
  return mqttError('INVALID_OPTION', `A PUBLISH cannot be answered with ${String(reasonCode)}, only with ${allowed}`);
}
