// SPDX-License-Identifier: Apache-2.0
//
// Every default of the client, in one place, with its reason.

import { exponentialBackoff } from '../backoff.ts';
import type { ResolvedClientOptions } from './client-options.ts';
import type { BufferDefaults, ResolvedSubscribeOptions } from './subscribe-options.ts';

/** Session taken over: reconnecting evicts the other client in turn. Unsupported Protocol Version: no attempt can succeed. */
const FINAL_REASON_CODES: ReadonlySet<number | undefined> = new Set([0x8e, 0x84]);

/** Defaults of `ClientOptions`. In one literal, since every client has a copy: V8 keeps what is added to one in a second object. */
export const DEFAULTS: ResolvedClientOptions = {
  // The broker and who we are ------------------------------------------------------------------------------------------
  /** There is none: this option has to be given. */
  brokers: [],
  dial: undefined,
  tls: undefined,
  clientId: undefined,
  username: undefined,
  password: undefined,
  prepareConnect: undefined,
  authenticator: undefined,
  userProperties: Object.freeze([]),
  will: undefined,

  // Session ------------------------------------------------------------------------------------------------------------
  cleanStart: undefined,
  cleanStartOnReconnect: false,
  /** Seconds a broker keeps the session after the connection is gone: long enough for a restart of either side. */
  sessionExpiryInterval: 300,
  store: undefined,
  /** Nothing is given up without the user asking for it. */
  sessionLoss: 'republish',
  resumeWithoutState: false,
  independentBrokers: false,
  /**
   * Messages at QoS 1 and 2 the broker may have open towards us. 65,535, the standard's default, lets a broker push more
   * than anybody wants to hold; a few hundred throttle a fast consumer over a slow link.
   */
  receiveMaximum: 1024,
  maximumPacketSize: undefined,
  /** No alias, so no table a broker can grow (§3.1.2.11.5). */
  topicAliasMaximum: 0,
  outboundTopicAliases: false,
  requestResponseInformation: false,
  /** The standard's default; reason strings are what makes a refusal understandable (§3.1.2.11.7). */
  requestProblemInformation: true,
  lenient: false,

  // Time ---------------------------------------------------------------------------------------------------------------
  /** Seconds. Short enough for the NAT tables of home routers and mobile networks, which forget after 60 and more. */
  keepAlive: 30,
  connectTimeoutMs: 10_000,
  pingTimeoutMs: undefined,
  /** Enough for a DISCONNECT to leave over a mobile network, short enough for a program that wants to end. */
  disconnectTimeoutMs: 500,
  ackStallMs: 30_000,
  unmatchedHoldMs: 10_000,

  // Reconnect ----------------------------------------------------------------------------------------------------------
  /** It keeps no state: one for all clients. */
  reconnect: exponentialBackoff(),
  shouldReconnect: ({ reasonCode }) => !FINAL_REASON_CODES.has(reasonCode),
  /** A client that stops by itself has to be told so. */
  maximumReconnectAttempts: Number.POSITIVE_INFINITY,
  retryInitialConnect: false,
  followServerRedirects: false,

  // Publishing ---------------------------------------------------------------------------------------------------------
  offlinePublish: 'queue',
  /** Of 65,535 packet identifiers the rest is kept for SUBSCRIBE and UNSUBSCRIBE. The most that may be asked for. */
  maximumQueuedPublishes: 65_000,
  publishMode: 'fireAndForget',
  /** Bytes. Some 20 ms of a gigabit link: more adds latency to what comes behind, not throughput. */
  writeHighWaterMark: 1_048_576,
  writeOverflow: 'wait',
  qosDowngrade: false,
  publisherPool: undefined,

  // Subscriptions ------------------------------------------------------------------------------------------------------
  /** Messages. */
  bufferSize: 65_536,
  /** Bytes of payload. */
  bufferBytes: 67_108_864,
  /** What is there stays there: the consumer sees a prefix without holes, then a gap that is reported. */
  overflow: 'dropNewest',

  // Observing ----------------------------------------------------------------------------------------------------------
  logger: undefined,
  stats: false,
};

/** Seconds. The default of `sessionExpiryInterval` with a store, where the client itself may be gone for a while: a week. */
export const SESSION_EXPIRY_INTERVAL_WITH_STORE = 604_800;

export const POOL_DEFAULTS = { routing: 'roundRobin' } as const;

/** Defaults of one filter; all of them the zero of the SUBSCRIBE options byte (§3.8.3.1). */
export const FILTER_DEFAULTS = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;

/** Defaults of one subscription beside the buffer bounds, which come from the client. */
export const SUBSCRIPTION_DEFAULTS: Omit<ResolvedSubscribeOptions, keyof BufferDefaults> = {
  ack: 'auto',
  onDrop: undefined,
  userProperties: Object.freeze([]),
  signal: undefined,
  concurrency: 1,
  onHandlerError: 'refuse',
};

/** Defaults of a request. Milliseconds; at QoS 0, so that a handler can await a request (head of line, reliability.md). */
export const REQUEST_DEFAULTS = { timeoutMs: 30_000, responseQos: 0 } as const;
