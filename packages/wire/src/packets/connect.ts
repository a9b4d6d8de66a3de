// SPDX-License-Identifier: Apache-2.0

import type { QoS, UserProperties } from '../types.ts';

/** @see MQTT v5.0 §3.1.2.11 */
export interface ConnectProperties {
  /** Seconds; 0xffffffff never expires. Absent is 0. */
  sessionExpiryInterval?: number;
  /** 1 to 65535. Absent is 65535. */
  receiveMaximum?: number;
  /** Bytes, 1 or more. Absent is no limit. */
  maximumPacketSize?: number;
  /** 0 to 65535. Absent is 0. */
  topicAliasMaximum?: number;
  /** Absent is false. */
  requestResponseInformation?: boolean;
  /** Absent is true. */
  requestProblemInformation?: boolean;
  userProperties?: UserProperties;
  authenticationMethod?: string;
  /** Only with `authenticationMethod`. */
  authenticationData?: Uint8Array;
}

/** @see MQTT v5.0 §3.1.3.2 */
export interface WillProperties {
  /** Seconds. Absent is 0. */
  willDelayInterval?: number;
  /** 0 unspecified bytes, 1 UTF-8 text. */
  payloadFormatIndicator?: 0 | 1;
  /** Seconds. Absent is: does not expire. */
  messageExpiryInterval?: number;
  contentType?: string;
  /** A topic name: no wildcards. */
  responseTopic?: string;
  correlationData?: Uint8Array;
  userProperties?: UserProperties;
}

/**
 * The message a server publishes when the connection ends otherwise than by DISCONNECT 0x00.
 * @see MQTT v5.0 §3.1.2.5, §3.1.3.2
 */
export interface Will {
  topicName: string;
  /** At most 65,535 bytes. */
  payload: Uint8Array;
  qos: QoS;
  retain: boolean;
  properties?: WillProperties;
}

/**
 * First packet of a client.
 * @see MQTT v5.0 §3.1
 */
export interface ConnectPacket {
  type: 'connect';
  /** Empty: the server assigns one. */
  clientId: string;
  cleanStart: boolean;
  /** Seconds, 0 to 65535; 0 is none. */
  keepAlive: number;
  username?: string;
  /** At most 65,535 bytes. */
  password?: Uint8Array;
  will?: Will;
  properties?: ConnectProperties;
}
