// SPDX-License-Identifier: Apache-2.0

import type { Bytes, QoS, UserProperties } from '@mqttv5/wire';
import type { MaybePromise, UserPropertiesInit } from './common.ts';

export type ClientState = 'idle' | 'connecting' | 'connected' | 'reconnecting' | 'closing' | 'closed';

export interface ConnackInfo {
  readonly broker: URL;
  readonly sessionPresent: boolean;
  readonly clientId: string;
  readonly keepAlive: number;
  readonly sessionExpiryInterval: number;
  readonly receiveMaximum: number;
  readonly maximumQoS: QoS;
  readonly retainAvailable: boolean;
  readonly maximumPacketSize: number | undefined;
  readonly topicAliasMaximum: number;
  readonly wildcardSubscriptionAvailable: boolean;
  readonly subscriptionIdentifierAvailable: boolean;
  readonly sharedSubscriptionAvailable: boolean;
  readonly responseInformation: string | undefined;
  readonly serverReference: string | undefined;
  readonly reasonString: string | undefined;
  readonly userProperties: UserProperties;
}

export interface ConnectCredentials {
  username: string | undefined;
  password: string | Uint8Array | undefined;
  userProperties: UserPropertiesInit;
}

export interface ConnectContext {
  readonly signal: AbortSignal;
  readonly attempt: number;
  readonly broker: URL;
}

export interface Authenticator {
  readonly method: string;
  begin(options: { signal: AbortSignal }): MaybePromise<Uint8Array | undefined>;
  continue(data: Bytes | undefined, options: { signal: AbortSignal }): MaybePromise<Uint8Array | undefined>;
  verifyServerFinal?(data: Bytes | undefined): MaybePromise<void>;
}

export interface ServerDisconnectInfo {
  readonly reasonCode: number;
  readonly reasonString?: string;
  readonly serverReference?: string;
  readonly userProperties?: UserProperties;
}
