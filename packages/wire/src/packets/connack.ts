// SPDX-License-Identifier: Apache-2.0

import type { UserProperties } from '../types.ts';

/** @see MQTT v5.0 §3.2.2.3 */
export interface ConnackProperties {
  /** Seconds. Absent: what CONNECT asked for. */
  sessionExpiryInterval?: number;
  /** 1 to 65535. Absent is 65535. */
  receiveMaximum?: number;
  /** Absent is 2. */
  maximumQoS?: 0 | 1;
  /** Absent is true. */
  retainAvailable?: boolean;
  /** Bytes, 1 or more. Absent is no limit. */
  maximumPacketSize?: number;
  assignedClientIdentifier?: string;
  /** 0 to 65535. Absent is 0. */
  topicAliasMaximum?: number;
  reasonString?: string;
  userProperties?: UserProperties;
  /** Absent is true. */
  wildcardSubscriptionAvailable?: boolean;
  /** Absent is true. */
  subscriptionIdentifierAvailable?: boolean;
  /** Absent is true. */
  sharedSubscriptionAvailable?: boolean;
  /** Seconds, 0 to 65535. Absent: the Keep Alive of CONNECT. */
  serverKeepAlive?: number;
  responseInformation?: string;
  serverReference?: string;
  authenticationMethod?: string;
  authenticationData?: Uint8Array;
}

/**
 * The server's answer to CONNECT.
 * @see MQTT v5.0 §3.2
 */
export interface ConnackPacket {
  type: 'connack';
  /** Never true with a `reasonCode` other than 0 [MQTT-3.2.2-6]. */
  sessionPresent: boolean;
  reasonCode: number;
  properties?: ConnackProperties;
}
