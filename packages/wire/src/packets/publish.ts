// SPDX-License-Identifier: Apache-2.0

import { encodedTopicName } from '../encoded-topics.ts';
import { checkBoolean, checkPacketIdentifier, checkQoS, isBytes, writeUint16 } from '../fields.ts';
import { type PropertySet, propertySet } from '../property-table.ts';
import { measureProperties, writeProperties } from '../property-writer.ts';
import type { QoS, UserProperties } from '../types.ts';
import { malformed, protocolError } from '../wire-error.ts';

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

/** @internal */
export const PROPERTIES: PropertySet<PublishProperties> = propertySet('PUBLISH', [
  'payloadFormatIndicator',
  'messageExpiryInterval',
  'topicAlias',
  'responseTopic',
  'correlationData',
  'userProperties',
  'subscriptionIdentifiers',
  'contentType',
]);

/** Fixed-header flags: DUP, QoS and RETAIN (§3.3.1). @internal */
export function publishFlags(packet: PublishPacket): number {
  return (packet.dup ? 8 : 0) | (packet.qos << 1) | (packet.retain ? 1 : 0);
}

/** Remaining Length of a PUBLISH; checks every field. @internal */
export function measurePublish(packet: PublishPacket): number {
  const { topicName, payload, qos, packetIdentifier, properties } = packet;
  checkQoS(qos, 'PUBLISH qos');
  checkBoolean(packet.retain, 'PUBLISH retain');
  checkBoolean(packet.dup, 'PUBLISH dup');
  if (!isBytes(payload)) throw malformed('PUBLISH payload is not a Uint8Array');
  let length = measureTopicName(topicName, properties) + payload.length;
  if (qos === 0) {
    if (packet.dup) throw malformed('PUBLISH has DUP 1 at QoS 0'); // [MQTT-3.3.1-2]
    if (packetIdentifier !== 0) throw protocolError('PUBLISH has a Packet Identifier at QoS 0'); // [MQTT-2.2.1-2]
  } else {
    checkPacketIdentifier(packetIdentifier, 'PUBLISH');
    length += 2;
  }
  return length + measureProperties(properties, PROPERTIES);
}

function measureTopicName(topicName: string, properties: PublishProperties | undefined): number {
  if (topicName === '') {
    // §3.3.2.1, §3.3.2.3.4
    if (properties?.topicAlias !== undefined) return 2;
    throw protocolError('PUBLISH has neither a Topic Name nor a Topic Alias');
  }
  return encodedTopicName(topicName).length;
}

/** Writes the variable header of a PUBLISH that {@link measurePublish} has accepted; the payload comes right behind it. @internal */
export function writePublishHead(packet: PublishPacket, target: Uint8Array, offset: number): number {
  const { topicName } = packet;
  let end = topicName === '' ? writeUint16(0, target, offset) : writeTopicName(topicName, target, offset);
  if (packet.qos !== 0) end = writeUint16(packet.packetIdentifier, target, end);
  return writeProperties(packet.properties, PROPERTIES, target, end);
}

function writeTopicName(topicName: string, target: Uint8Array, offset: number): number {
  const bytes = encodedTopicName(topicName);
  target.set(bytes, offset);
  return offset + bytes.length;
}
