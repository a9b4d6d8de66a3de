// SPDX-License-Identifier: Apache-2.0
//
// The error tree. `code` is the contract: programs branch on it, and `isMqttError` recognises it over two copies of the package.

import type { UserProperties } from '@mqttv5/wire';
import { hexByte } from './api/reason-codes.ts';
import type { ClientState } from './api/connect.ts';
import type { GroupPublishResult } from './api/group.ts';
import type { SubscribeResult, TopicFilter } from './api/receive.ts';

/** Codes whose error carries nothing but message and cause. */
export type PlainErrorCode =
  | 'NOT_CONNECTED'
  | 'ALREADY_CONNECTED'
  | 'CLOSED'
  | 'CONNECT_TIMEOUT'
  | 'DIAL_FAILED'
  | 'CONNECTION_LOST'
  | 'PING_TIMEOUT'
  | 'PREPARE_CONNECT_FAILED'
  | 'MISSING_BROKER'
  | 'INVALID_BROKER_URL'
  | 'INVALID_OPTION'
  | 'INVALID_TOPIC'
  | 'FIELD_TOO_LONG'
  | 'PACKET_TOO_LARGE'
  | 'PACKET_IDS_EXHAUSTED'
  | 'QOS_NOT_SUPPORTED'
  | 'RETAIN_NOT_SUPPORTED'
  | 'SHARED_SUBSCRIPTIONS_UNSUPPORTED'
  | 'WILDCARD_SUBSCRIPTIONS_UNSUPPORTED'
  | 'TOPIC_ALIAS_INVALID'
  | 'INVALID_SESSION_EXPIRY'
  | 'SESSION_STATE_MISSING'
  | 'SESSION_LOST'
  | 'MESSAGE_EXPIRED'
  | 'WRITE_QUEUE_FULL'
  | 'PUBLISH_QUEUE_FULL'
  | 'QUEUE_FULL'
  | 'QUEUE_CLOSED'
  | 'QUEUE_EVICTED'
  | 'QOS0_NOT_QUEUEABLE'
  | 'EVICTION_UNSUPPORTED'
  | 'LOCKED'
  | 'NO_AUTHENTICATOR'
  | 'AUTH_FAILED'
  | 'REAUTH_IN_PROGRESS'
  | 'REQUEST_UNSUPPORTED'
  | 'REQUEST_TIMEOUT'
  | 'NO_HEALTHY_PUBLISHERS';

/** Codes of an answer of the broker: the error carries its Reason Code and what came with it. */
export type ReasonErrorCode =
  | 'CONNECT_REFUSED'
  | 'PUBLISH_REFUSED'
  | 'SERVER_DISCONNECTED'
  | 'SESSION_TAKEN_OVER'
  | 'REAUTH_REJECTED';

/** Every `code` an error of this library can have. */
export type ErrorCode =
  | PlainErrorCode
  | ReasonErrorCode
  | 'SUBSCRIBE_REFUSED'
  | 'UNSUBSCRIBE_REFUSED'
  | 'REJECTED_BY_DISCONNECT'
  | 'PROTOCOL_ERROR'
  | 'GROUP_FAILED'
  | 'STORE_FAILED';

/**
 * What is known about a publish that was rejected: never written, refused by the broker, still in the session
 * (it will be sent), or written without an answer.
 */
export type Delivery = 'notSent' | 'refused' | 'pending' | 'unknown';

/** What any error may carry beside its message. */
export interface MqttErrorDetails {
  readonly cause?: unknown;
  readonly delivery?: Delivery | undefined;
  readonly errors?: readonly AnyMqttError[] | undefined;
}

/** What an answer of the broker adds. */
export interface ReasonDetails extends MqttErrorDetails {
  readonly reasonCode: number;
  readonly reasonString?: string | undefined;
  readonly userProperties?: UserProperties | undefined;
  readonly serverReference?: string | undefined;
}

/**
 * Base of every error this library makes. Branch on `code`: it is stable, the message is not.
 *
 * @see {@link isMqttError}
 */
export class MqttError extends Error {
  /** The README says of each what it means and what to do. */
  readonly code: ErrorCode;
  /** On a rejected publish: what is known about the message. */
  declare readonly delivery?: Delivery;
  /** When several brokers were tried: one error each, as in `AggregateError`. `cause` stays the cause of this one. */
  declare readonly errors?: readonly AnyMqttError[];

  constructor(code: ErrorCode, message: string, details: MqttErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    if (details.delivery !== undefined) this.delivery = details.delivery;
    if (details.errors !== undefined) this.errors = details.errors;
  }

  static {
    nameErrors(this, 'MqttError');
  }
}

/** The broker's answer was a Reason Code of 0x80 or above, or its DISCONNECT. @see MQTT v5.0 §2.4, §4.13 */
export class ReasonCodeError extends MqttError {
  declare readonly code: ReasonErrorCode;
  /** As the broker sent it; `reasonCodeName` has its name. */
  readonly reasonCode: number;
  declare readonly reasonString?: string;
  declare readonly userProperties?: UserProperties;
  declare readonly serverReference?: string;

  constructor(code: ReasonErrorCode, message: string, details: ReasonDetails) {
    super(code, message, details);
    this.reasonCode = details.reasonCode;
    if (details.reasonString !== undefined) this.reasonString = details.reasonString;
    if (details.userProperties !== undefined) this.userProperties = details.userProperties;
    if (details.serverReference !== undefined) this.serverReference = details.serverReference;
  }

  static {
    nameErrors(this, 'ReasonCodeError');
  }
}

/** At least one filter was refused; `results` has all of them, in the order of the call. @see MQTT v5.0 §3.9.3 */
export class SubscribeError extends MqttError {
  declare readonly code: 'SUBSCRIBE_REFUSED';
  readonly results: readonly SubscribeResult[];

  constructor(message: string, results: readonly SubscribeResult[], details?: MqttErrorDetails) {
    super('SUBSCRIBE_REFUSED', message, details);
    this.results = results;
  }

  static {
    nameErrors(this, 'SubscribeError');
  }
}

/** The broker refused to unsubscribe. The local subscription has ended all the same. @see MQTT v5.0 §3.11.3 */
export class UnsubscribeError extends MqttError {
  declare readonly code: 'UNSUBSCRIBE_REFUSED';
  readonly results: readonly SubscribeResult[];

  constructor(message: string, results: readonly SubscribeResult[], details?: MqttErrorDetails) {
    super('UNSUBSCRIBE_REFUSED', message, details);
    this.results = results;
  }

  static {
    nameErrors(this, 'UnsubscribeError');
  }
}

/**
 * The broker ended the connection three times because of this one packet; it is given up and the client stays connected.
 * `filters` are those of a SUBSCRIBE or UNSUBSCRIBE and empty for a PUBLISH.
 */
export class RejectedByDisconnectError extends MqttError {
  declare readonly code: 'REJECTED_BY_DISCONNECT';
  /** Of the last DISCONNECT of the broker; 0x80 when it closed without a word. */
  readonly reasonCode: number;
  readonly filters: readonly TopicFilter[];

  constructor(message: string, reasonCode: number, filters: readonly TopicFilter[], details?: MqttErrorDetails) {
    super('REJECTED_BY_DISCONNECT', message, details);
    this.reasonCode = reasonCode;
    this.filters = filters;
  }

  static {
    nameErrors(this, 'RejectedByDisconnectError');
  }
}

/** The broker broke the standard; the client answered with DISCONNECT `reasonCode`. @see MQTT v5.0 §4.13.1 */
export class ProtocolError extends MqttError {
  declare readonly code: 'PROTOCOL_ERROR';
  /** What the client's own DISCONNECT carried. */
  readonly reasonCode: number;
  /** What was wrong, without the name of the packet's sender or of the broker. */
  readonly detail: string;

  constructor(reasonCode: number, detail: string, details?: MqttErrorDetails) {
    super('PROTOCOL_ERROR', `The broker broke the protocol (${hexByte(reasonCode)}): ${detail}`, details);
    this.reasonCode = reasonCode;
    this.detail = detail;
  }

  static {
    nameErrors(this, 'ProtocolError');
  }
}

/** Fewer members of a `ClientGroup` published than its success policy asks for; `results` has one outcome each. */
export class GroupError extends MqttError {
  declare readonly code: 'GROUP_FAILED';
  readonly results: readonly GroupPublishResult[];

  constructor(message: string, results: readonly GroupPublishResult[], details?: MqttErrorDetails) {
    super('GROUP_FAILED', message, details);
    this.results = results;
  }

  static {
    nameErrors(this, 'GroupError');
  }
}

/** The session store failed; its own error is `cause`. */
export class StoreError extends MqttError {
  declare readonly code: 'STORE_FAILED';

  constructor(message: string, details?: MqttErrorDetails) {
    super('STORE_FAILED', message, details);
  }

  static {
    nameErrors(this, 'StoreError');
  }
}

/** Codes whose error carries nothing but message and cause, as `AnyMqttError` sees them. */
export interface PlainMqttError extends MqttError {
  readonly code: PlainErrorCode;
}

/** Every error of this library, told apart by `code`. */
export type AnyMqttError =
  | PlainMqttError
  | ReasonCodeError
  | SubscribeError
  | UnsubscribeError
  | RejectedByDisconnectError
  | ProtocolError
  | GroupError
  | StoreError;

// A table, so that the compiler complains when a code is missing here.
const ERROR_CODES: Readonly<Record<ErrorCode, true>> = {
  NOT_CONNECTED: true,
  ALREADY_CONNECTED: true,
  CLOSED: true,
  CONNECT_TIMEOUT: true,
  DIAL_FAILED: true,
  CONNECTION_LOST: true,
  PING_TIMEOUT: true,
  PREPARE_CONNECT_FAILED: true,
  MISSING_BROKER: true,
  INVALID_BROKER_URL: true,
  INVALID_OPTION: true,
  INVALID_TOPIC: true,
  FIELD_TOO_LONG: true,
  PACKET_TOO_LARGE: true,
  PACKET_IDS_EXHAUSTED: true,
  QOS_NOT_SUPPORTED: true,
  RETAIN_NOT_SUPPORTED: true,
  SHARED_SUBSCRIPTIONS_UNSUPPORTED: true,
  WILDCARD_SUBSCRIPTIONS_UNSUPPORTED: true,
  TOPIC_ALIAS_INVALID: true,
  INVALID_SESSION_EXPIRY: true,
  SESSION_STATE_MISSING: true,
  SESSION_LOST: true,
  MESSAGE_EXPIRED: true,
  WRITE_QUEUE_FULL: true,
  PUBLISH_QUEUE_FULL: true,
  QUEUE_FULL: true,
  QUEUE_CLOSED: true,
  QUEUE_EVICTED: true,
  QOS0_NOT_QUEUEABLE: true,
  EVICTION_UNSUPPORTED: true,
  LOCKED: true,
  NO_AUTHENTICATOR: true,
  AUTH_FAILED: true,
  REAUTH_IN_PROGRESS: true,
  REQUEST_UNSUPPORTED: true,
  REQUEST_TIMEOUT: true,
  NO_HEALTHY_PUBLISHERS: true,
  CONNECT_REFUSED: true,
  PUBLISH_REFUSED: true,
  SERVER_DISCONNECTED: true,
  SESSION_TAKEN_OVER: true,
  REAUTH_REJECTED: true,
  SUBSCRIBE_REFUSED: true,
  UNSUBSCRIBE_REFUSED: true,
  REJECTED_BY_DISCONNECT: true,
  PROTOCOL_ERROR: true,
  GROUP_FAILED: true,
  STORE_FAILED: true,
};

/**
 * Whether `error` comes from this library, told by its `code` and not by its class: also true for the errors of a second
 * copy of the package. `switch (error.code)` narrows afterwards.
 */
export function isMqttError(error: unknown): error is AnyMqttError {
  // Not `instanceof Error`: an error may come from another realm (a test runner's `vm` context, a frame).
  if (typeof error !== 'object' || error === null || !('code' in error) || !('message' in error)) return false;
  return typeof error.code === 'string' && Object.hasOwn(ERROR_CODES, error.code);
}

/** An error that carries nothing but message and cause, typed as such. @internal */
export function mqttError(code: PlainErrorCode, message: string, details?: MqttErrorDetails): PlainMqttError {
  // The constructor sets `code` to this very value.
  return new MqttError(code, message, details) as PlainMqttError;
}

/** For a call that needs a connection, or the prospect of one, of a client in `state`. @internal */
export function unavailable(state: ClientState, details?: MqttErrorDetails): PlainMqttError {
  if (state === 'closing' || state === 'closed') return mqttError('CLOSED', 'The client is closed', details);
  return mqttError('NOT_CONNECTED', `The client is not connected (${state})`, details);
}

/**
 * Says what became of the publish that `error` rejects. Kept when it is there already: whoever said it first was nearer
 * to the wire. @internal
 */
export function withDelivery<E extends MqttError>(error: E, delivery: Delivery): E {
  if (error.delivery === undefined)
    Object.defineProperty(error, 'delivery', { value: delivery, enumerable: true, configurable: true });
  return error;
}

/** The last error, with all of them in `errors` when there were several. Not enumerable, as it contains itself. @internal */
export function joinErrors(errors: readonly AnyMqttError[]): AnyMqttError {
  const last = errors.at(-1) ?? mqttError('DIAL_FAILED', 'Nothing was tried');
  if (errors.length > 1) Object.defineProperty(last, 'errors', { value: [...errors], configurable: true });
  return last;
}

// On the prototype: an own property would show up among the fields when the error is printed.
function nameErrors(errorClass: { readonly prototype: Error }, name: string): void {
  Object.defineProperty(errorClass.prototype, 'name', { value: name, writable: true, configurable: true });
}
