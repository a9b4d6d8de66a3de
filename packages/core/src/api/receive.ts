// SPDX-License-Identifier: Apache-2.0

import type { Bytes, PublishProperties, QoS, RetainHandling } from '@mqttv5/wire';
import type { AnyMqttError } from '../errors.ts';
import type { UserPropertiesInit, WaitOptions } from './common.ts';

/** A string, a filter with options of its own, or a topic template. */
export type Filters = string | TopicFilter | readonly (string | TopicFilter)[];

export interface FilterOptions {
  qos?: QoS | undefined;
  noLocal?: boolean | undefined;
  retainAsPublished?: boolean | undefined;
  retainHandling?: RetainHandling | undefined;
}

export interface TopicFilter extends FilterOptions {
  readonly filter: string;
}

/** May return anything; a returned promise is awaited. */
export type MessageHandler<M extends Message = Message> = (message: M) => unknown;

/** `FilterOptions` here hold for every filter of the call that does not say otherwise. `signal` ends the wait for SUBACK, not the subscription. */
export interface SubscribeOptions extends FilterOptions, WaitOptions {
  bufferSize?: number | undefined;
  bufferBytes?: number | undefined;
  overflow?: 'dropNewest' | 'dropOldest' | 'pause' | undefined;
  ack?: 'auto' | 'manual' | 'onReceipt' | undefined;
  onDrop?: ((message: Message) => void) | undefined;
  userProperties?: UserPropertiesInit | undefined;
}

/** `concurrency`: handlers running at once [1: in order, one after the other]. Not in SubscribeOptions: a stream has no handler. */
export interface CallbackOptions extends SubscribeOptions {
  concurrency?: number | undefined;
  onHandlerError?: 'refuse' | 'hold' | undefined;
}

export interface SubscriptionHandle extends AsyncDisposable {
  readonly filters: readonly TopicFilter[];
  readonly results: readonly SubscribeResult[];
  /** Granted; rejects with SubscribeError. A method, so that nobody's unhandled rejection ends the process. */
  ready(options?: WaitOptions): Promise<void>;
  readonly size: number;
  readonly dropped: number;
  readonly closed: boolean;
  readonly error: AnyMqttError | undefined;
  unsubscribe(options?: WaitOptions): Promise<void>;
}

export interface SubscribeResult {
  readonly filter: string;
  readonly reasonCode: number;
  readonly reasonString?: string;
}

export interface Subscription<M extends Message = Message> extends SubscriptionHandle, AsyncIterable<M> {
  [Symbol.asyncIterator](): AsyncIterator<M, undefined, undefined>;
  receive(options?: WaitOptions): Promise<M | undefined>;
  tryReceive(): M | undefined;
  batches(options?: { maximum?: number | undefined }): AsyncIterable<readonly M[]>;
}

export type MessageProperties = Readonly<Omit<PublishProperties, 'topicAlias' | 'subscriptionIdentifiers'>>;

/** What a client may answer a PUBLISH with; 0x80 and above refuses the message. */
export type AckReasonCode = 0x00 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99;

export interface Message {
  readonly topic: string;
  readonly payload: Bytes;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  /** Exactly what `publish` accepts: `publish(topic, message.payload, { ...message.properties })` forwards it. */
  readonly properties: MessageProperties;
  readonly subscriptionIdentifiers: readonly number[];
  readonly packetIdentifier: number;
  userProperty(name: string): string | undefined;
  text(): string;
  json<T = unknown>(): T;
  ack(reasonCode?: AckReasonCode): void;
  readonly acknowledged: boolean;
  detach(): this;
}
