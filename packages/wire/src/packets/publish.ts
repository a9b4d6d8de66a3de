// SPDX-License-Identifier: Apache-2.0

import type { QoS, UserProperties } from '../types.ts';

/** @see MQTT v5.0 §3.3.2.3 */
export interface PublishProperties {
  /** 0 unspecified bytes, 1 UTF-8 text. */
  payloadFormatIndicator?: 0 | 1;
  /** Seconds. Absent is: does not expire. */
  messageExpiryInterval?: number;
  /** 1 to 65535. */
  topicAlias?: number;
  /** A topic name: no wildcards. */
  responseTopic?: string;
  correlationData?: Uint8Array;
  userProperties?: UserProperties;
  /** 1 to 268,435,455 each. From servers only [MQTT-3.3.4-6]. */
  subscriptionIdentifiers?: readonly number[];
  contentType?: string;
}

/**
 * A message.
 * @see MQTT v5.0 §3.3
 */
export interface PublishPacket {
  type: 'publish';
  /** Empty only with a `topicAlias`. */
  topicName: string;
  /** Decoded: a view of the chunk the packet arrived in (or was joined in), backed by an `ArrayBuffer`. */
  payload: Uint8Array;
  qos: QoS;
  retain: boolean;
  /** Never true at QoS 0 [MQTT-3.3.1-2]. */
  dup: boolean;
  /** 1 to 65535 for QoS 1 and 2; 0 for QoS 0, where the wire has none. */
  packetIdentifier: number;
  /** Decoded when first read; validated all the same. */
  properties?: PublishProperties;
}
