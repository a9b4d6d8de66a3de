// SPDX-License-Identifier: Apache-2.0

import type { Bytes, QoS, UserProperties } from '@mqttv5/wire';

import type { MaybePromise, UserPropertiesInit } from './common.ts';

/**
 * Where a client is in its life.
 *
 * ```
 * idle ─connect()─▶ connecting ─▶ connected ─disconnect()─▶ closing ─▶ closed
 *   ▲                 │             │    ▲                               │
 *   └─every broker────┘             ▼    │                               └─connect()─▶ connecting
 *     has failed                  reconnecting
 * ```
 */
export type ClientState = 'idle' | 'connecting' | 'connected' | 'reconnecting' | 'closing' | 'closed';

/**
 * What the broker granted, as it is in force: where CONNACK says nothing, the standard's default stands here. Frozen.
 *
 * @see MQTT v5.0 §3.2.2
 */
export interface ConnackInfo {
  /** Without user info. */
  readonly broker: URL;
  /** The broker went on with the session it had. */
  readonly sessionPresent: boolean;
  /** The one asked for, or the one the broker assigned. */
  readonly clientId: string;
  /** Unit: seconds; 0: none. */
  readonly keepAlive: number;
  /** Unit: seconds. */
  readonly sessionExpiryInterval: number;
  /** QoS 1 and 2 publishes the broker takes at once. */
  readonly receiveMaximum: number;
  /** A publish above it rejects, or is lowered by `qosDowngrade`. */
  readonly maximumQoS: QoS;
  readonly retainAvailable: boolean;
  /** Unit: bytes; undefined: no limit of its own. */
  readonly maximumPacketSize: number | undefined;
  /** Topic aliases the broker takes. */
  readonly topicAliasMaximum: number;
  readonly wildcardSubscriptionAvailable: boolean;
  /** The client uses identifiers by itself then. */
  readonly subscriptionIdentifierAvailable: boolean;
  readonly sharedSubscriptionAvailable: boolean;
  /** What response topics are to be made of, if the broker says. */
  readonly responseInformation: string | undefined;
  /** Another server the broker names although it has accepted. @see MQTT v5.0 §3.2.2.3.16 */
  readonly serverReference: string | undefined;
  readonly reasonString: string | undefined;
  /** Empty when there are none. */
  readonly userProperties: UserProperties;
}

/** The part of CONNECT that `prepareConnect` may change. */
export interface ConnectCredentials {
  /** As the password, from the option or from the broker's URL. */
  username: string | undefined;
  password: string | Uint8Array | undefined;
  /** User Properties of CONNECT. */
  userProperties: UserPropertiesInit;
}

/** What `prepareConnect` is told about the attempt. */
export interface ConnectContext {
  /** Aborted when the attempt is over, be it by `connectTimeoutMs` or by `disconnect()`. */
  readonly signal: AbortSignal;
  /** 1 for the first attempt since the connection was lost or asked for. */
  readonly attempt: number;
  /** Without user info. */
  readonly broker: URL;
}

/**
 * One method of enhanced authentication. What a method throws fails the attempt with `AUTH_FAILED`.
 *
 * `begin` is called for each CONNECT and each `reauthenticate()`, and starts over: nothing of an earlier exchange counts.
 *
 * @see MQTT v5.0 §4.12
 */
export interface Authenticator {
  /** Authentication Method, such as `SCRAM-SHA-256`. */
  readonly method: string;
  /** Gives the first Authentication Data, if the method begins with the client. */
  begin(options: { signal: AbortSignal }): MaybePromise<Uint8Array | undefined>;
  /** Answers what the broker sent in AUTH 0x18. */
  continue(data: Bytes | undefined, options: { signal: AbortSignal }): MaybePromise<Uint8Array | undefined>;
  /**
   * Sees what came with the success; throws when the broker has not proved who it is. The client gives all steps of one
   * exchange the same `signal`, which tells apart connections that authenticate at once.
   */
  verifyServerFinal?(data: Bytes | undefined, options?: { signal: AbortSignal }): MaybePromise<void>;
}

/** What a DISCONNECT of the broker, or a CONNACK that points elsewhere, said. @see MQTT v5.0 §3.14.2 */
export interface ServerDisconnectInfo {
  /** 0x00, or 0x80 and above; `reasonCodeName` has its name. */
  readonly reasonCode: number;
  readonly reasonString?: string;
  /** As the broker wrote it: one or several servers. @see MQTT v5.0 §4.11 */
  readonly serverReference?: string;
  readonly userProperties?: UserProperties;
}
