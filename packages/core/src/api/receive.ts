// SPDX-License-Identifier: Apache-2.0

import type { Bytes, PublishProperties, QoS, RetainHandling } from '@mqttv5/wire';

import type { AnyMqttError } from '../errors.ts';
import type { UserPropertiesInit, WaitOptions } from './common.ts';

/** A string, a filter with options of its own, or a topic template. */
export type Filters = string | TopicFilter | readonly (string | TopicFilter)[];

/** Subscription options of a filter. @see MQTT v5.0 §3.8.3.1 */
export interface FilterOptions {
  /** The most the broker may deliver at. @defaultValue 0 */
  qos?: QoS | undefined;
  /** Not what this client published itself. Not for shared subscriptions [MQTT-3.8.3-4]. @defaultValue false */
  noLocal?: boolean | undefined;
  /** `message.retain` as it was published; else it tells retained messages from live ones. @defaultValue false */
  retainAsPublished?: boolean | undefined;
  /** Retained messages: 0 on every subscribe, 1 only when the subscription is new, 2 never. @defaultValue 0 */
  retainHandling?: RetainHandling | undefined;
}

/** A filter with options of its own; what it does not say, the options of the call say. */
export interface TopicFilter extends FilterOptions {
  /** A Topic Filter, `$share/name/filter` included. @see MQTT v5.0 §4.7, §4.8.2 */
  readonly filter: string;
}

/** May return anything; a returned promise is awaited. */
export type MessageHandler<M extends Message = Message> = (message: M) => unknown;

/**
 * `FilterOptions` here hold for every filter of the call that does not say otherwise. `signal` ends the wait for SUBACK, not the
 * subscription. A filter that is named twice in one call counts once, with its last options.
 *
 * @throws MqttError where the subscription is made: `INVALID_OPTION`, `INVALID_TOPIC`, `FIELD_TOO_LONG`
 */
export interface SubscribeOptions extends FilterOptions, WaitOptions {
  /** Unit: messages; see `ClientOptions.bufferSize`. @defaultValue the client's */
  bufferSize?: number | undefined;
  /** Unit: bytes of payload; see `ClientOptions.bufferBytes`. @defaultValue the client's */
  bufferBytes?: number | undefined;
  /** See `ClientOptions.overflow`. @defaultValue the client's */
  overflow?: 'dropNewest' | 'dropOldest' | 'pause' | undefined;
  /**
   * When a message counts as processed, and is acknowledged: `"auto"` when the loop asks for the next one or the handler is done
   * (what `receive()` gave is its taker's: `message.ack()`); `"manual"` only by `message.ack()`; `"onReceipt"` before it is
   * delivered, which makes it at most once.
   * @defaultValue "auto"
   */
  ack?: 'auto' | 'manual' | 'onReceipt' | undefined;
  /** Called for each message that is dropped, before its acknowledgement leaves. */
  onDrop?: ((message: Message) => void) | undefined;
  /** User Properties of SUBSCRIBE. @see MQTT v5.0 §3.8.2.1.3 */
  userProperties?: UserPropertiesInit | undefined;
}

/** Options of a subscription with a handler. */
export interface CallbackOptions extends SubscribeOptions {
  /** Handlers running at once. Acknowledgements still leave in order of arrival. @defaultValue 1: in order, one after the other */
  concurrency?: number | undefined;
  /**
   * What a handler that throws does to its message: refuse it with 0x83, whereupon the broker forgets it, or hold it
   * unacknowledged. `handlerError` is raised either way. One that throws the `CLOSED` which a draining `disconnect()` has given it
   * holds its message in either case: the broker gives it out again.
   * @defaultValue "refuse"
   */
  onHandlerError?: 'refuse' | 'hold' | undefined;
}

/** A subscription, whatever its shape. */
export interface SubscriptionHandle extends AsyncDisposable {
  /** As asked for, with every option filled in. */
  readonly filters: readonly TopicFilter[];
  /** What the broker said to each, in the order of `filters`; empty until it has. */
  readonly results: readonly SubscribeResult[];
  /**
   * Granted; rejects with SubscribeError when a filter was refused (the others stay live, see `results`). A method, so that nobody's
   * unhandled rejection ends the process.
   */
  ready(options?: WaitOptions): Promise<void>;
  /** Messages that wait for the consumer. */
  readonly size: number;
  /** Messages that were discarded since the beginning. */
  readonly dropped: number;
  /** It has ended, for whatever reason. */
  readonly closed: boolean;
  /** Why it ended, when it was not by `unsubscribe()` or `disconnect()`. */
  readonly error: AnyMqttError | undefined;
  /**
   * Ends it at once, acknowledges what nobody has taken, and resolves when the broker has answered; offline at once, and the
   * UNSUBSCRIBE follows later. Repeating it is success.
   *
   * @throws UnsubscribeError `UNSUBSCRIBE_REFUSED`; the subscription has ended all the same
   * @see MQTT v5.0 §3.10, §3.11
   */
  unsubscribe(options?: WaitOptions): Promise<void>;
}

/** The broker's answer to one filter. */
export interface SubscribeResult {
  readonly filter: string;
  /** 0, 1, 2: the QoS granted; 0x80 and above: refused. @see MQTT v5.0 §3.9.3 */
  readonly reasonCode: number;
  readonly reasonString?: string;
}

/**
 * A stream of messages: a loop, batches, or one at a time, from any number of consumers that share it. It ends normally after
 * `unsubscribe()` or `disconnect()`; ended for any other reason it throws `error`.
 */
export interface Subscription<M extends Message = Message> extends SubscriptionHandle, AsyncIterable<M> {
  /** Under `ack: "auto"` a message is acknowledged when the next one is asked for. Leaving the loop puts the last one back. */
  [Symbol.asyncIterator](): AsyncIterator<M, undefined, undefined>;
  /** The next message, once there is one; undefined at the end. It is the taker's to acknowledge. @throws `error` of the subscription */
  receive(options?: WaitOptions): Promise<M | undefined>;
  /** The next message if there is one now. It is the taker's to acknowledge. */
  tryReceive(): M | undefined;
  /**
   * What has come, never nothing, without waiting for more. Under `ack: "auto"` asking for the next batch acknowledges the one before.
   *
   * @param options - `maximum`: messages in one batch, at least 1. @defaultValue no bound
   * @throws MqttError `INVALID_OPTION`; `error` of the subscription
   */
  batches(options?: { maximum?: number | undefined }): AsyncIterable<readonly M[]>;
}

/** The properties of a message that `publish` accepts; the two that belong to one connection are not among them. */
export type MessageProperties = Readonly<Omit<PublishProperties, 'topicAlias' | 'subscriptionIdentifiers'>>;

/** What a client may answer a PUBLISH with; 0x80 and above refuses the message. @see MQTT v5.0 §3.4.2.1, §3.5.2.1 */
export type AckReasonCode = 0x00 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99;

/** A message as it arrived, good for as long as it is kept. */
export interface Message {
  /** In full, also when the broker used an alias. */
  readonly topic: string;
  /** May share a buffer of the connection: see `detach`. */
  readonly payload: Bytes;
  /** What it was delivered at: the lower of the publisher's QoS and the one granted. */
  readonly qos: QoS;
  /** It was kept for later subscribers; under `retainAsPublished` as the publisher set it. @see MQTT v5.0 §3.3.1.3 */
  readonly retain: boolean;
  /** The broker may have sent it before. Proves nothing. @see MQTT v5.0 §3.3.1.1 */
  readonly dup: boolean;
  /** Exactly what `publish` accepts: `publish(topic, message.payload, { ...message.properties })` forwards it. */
  readonly properties: MessageProperties;
  /** Those the broker named, which are the client's own business. */
  readonly subscriptionIdentifiers: readonly number[];
  /** 0 at QoS 0. */
  readonly packetIdentifier: number;
  /** The first User Property of that name. */
  userProperty(name: string): string | undefined;
  /** The payload as UTF-8 text: a byte order mark is left out, and U+FFFD stands for bytes that are none. */
  text(): string;
  /** The payload as JSON, of a type that is promised, not checked. @throws SyntaxError */
  json<T = unknown>(): T;
  /**
   * Acknowledges, or refuses with 0x80 and above, once: repeating it does nothing. The answer leaves in order of arrival. With
   * several subscriptions the broker gets 0x00 if any accepted.
   *
   * @throws MqttError `INVALID_OPTION` for a code a client may not send
   */
  ack(reasonCode?: AckReasonCode): void;
  /** It has been answered: by `ack`, or by the subscription for it. */
  readonly acknowledged: boolean;
  /** Copies what still belongs to a buffer of the connection, so that keeping the message keeps nothing else. */
  detach(): this;
}
