// SPDX-License-Identifier: Apache-2.0

import type { QoS } from '@mqttv5/wire';
import type { AnyMqttError } from '../errors.ts';

/** The options of the client that concern its session: the engine is given the object that the whole client has. @internal */
export interface SessionSettings {
  /** Undefined or empty: assigned by the broker. */
  readonly clientId: string | undefined;
  readonly cleanStart: boolean | undefined;
  readonly cleanStartOnReconnect: boolean;
  /** Seconds; 0xFFFFFFFF never expires. */
  readonly sessionExpiryInterval: number;
  readonly sessionLoss: 'republish' | 'fail';
  readonly resumeWithoutState: boolean;
  readonly independentBrokers: boolean;
  readonly receiveMaximum: number;
  readonly topicAliasMaximum: number;
  readonly requestProblemInformation: boolean;
  readonly outboundTopicAliases: boolean;
  readonly qosDowngrade: boolean;
  readonly writeOverflow: 'wait' | 'dropNewest';
  readonly maximumQueuedPublishes: number;
  /** Only whether there is one. Undefined: not one operation is made; else records and meta are persisted. */
  readonly store: object | undefined;
}

/** What the broker of this connection allows (§3.2.2.3). @internal */
export interface ServerLimits {
  readonly receiveMaximum: number;
  readonly maximumQoS: QoS;
  readonly retainAvailable: boolean;
  /** Bytes. */
  readonly maximumPacketSize: number | undefined;
  readonly topicAliasMaximum: number;
  /** Seconds: in force for this session. */
  readonly sessionExpiryInterval: number;
}

/** What a CONNECT has to carry. @internal */
export interface ConnectPlan {
  readonly clientId: string;
  readonly cleanStart: boolean;
}

/** How an attempt ended that did not end in a processed CONNACK of 0x00. @internal */
export interface ConnectFailure {
  /** CONNECT was handed to the transport. */
  readonly written: boolean;
  readonly connackReceived: boolean;
  readonly reasonCode?: number | undefined;
}

/** What CONNACK made of the session. @internal */
export type ConnectedVerdict =
  /** Nothing has changed; the connection is to be closed. */
  | { readonly error: AnyMqttError }
  | { readonly fate: 'resumed'; readonly inDoubt: boolean }
  /** `lost`: there was a session. */
  | { readonly fate: 'new' | 'lost' };

/** How a connection ended. @internal */
export interface ConnectionEnd {
  /** The peer closed with FIN, and nothing went wrong before. */
  readonly orderly: boolean;
  /** Of the broker's DISCONNECT. */
  readonly reasonCode?: number | undefined;
}

/** What a store held. @internal */
export interface RestoreReport {
  /** Records that could not be read back. They are set aside. */
  readonly damaged: readonly { readonly key: string; readonly reason: string }[];
  /** So much is damaged that the next CONNECT gives the session up. */
  readonly giveUpSession: boolean;
  readonly clientId: string;
  /** Unfinished outbound messages. */
  readonly messages: number;
}
