// SPDX-License-Identifier: Apache-2.0

import { checkArray, checkBoolean, checkPacketIdentifier, readPacketIdentifier, writeUint16 } from '../fields.ts';
import { readProperties } from '../property-reader.ts';
import { propertySet } from '../property-table.ts';
import { measureProperties, writeProperties } from '../property-writer.ts';
import type { Reader } from '../reader.ts';
import { checkTopicFilter, isSharedFilter } from '../topics.ts';
import type { QoS, RetainHandling, UserProperties } from '../types.ts';
import { measureString, writeString } from '../utf8.ts';
import { malformed, protocolError } from '../wire-error.ts';
import type { PacketReader, PacketWriter } from './codec.ts';

/** @see MQTT v5.0 §3.8.2.1 */
export interface SubscribeProperties {
  /** 1 to 268,435,455. */
  subscriptionIdentifier?: number;
  userProperties?: UserProperties;
}

/** @see MQTT v5.0 §3.8.3 */
export interface SubscribeFilter {
  topicFilter: string;
  /** The highest QoS wanted. */
  qos: QoS;
  /** Do not send back what this client publishes. Not with `$share/…` [MQTT-3.8.3-4]. */
  noLocal: boolean;
  /** Keep the RETAIN flag as it was published. */
  retainAsPublished: boolean;
  retainHandling: RetainHandling;
}

/** @see MQTT v5.0 §3.8 */
export interface SubscribePacket {
  type: 'subscribe';
  /** 1 to 65535. */
  packetIdentifier: number;
  /** At least one [MQTT-3.8.3-2]. */
  filters: readonly SubscribeFilter[];
  properties?: SubscribeProperties;
}

const FLAGS = 0b0010; // [MQTT-3.8.1-1]

const PROPERTIES = propertySet<SubscribeProperties>('SUBSCRIBE', ['subscriptionIdentifier', 'userProperties']);

// Bits of the Subscription Options (§3.8.3.1); the lowest two are the QoS.
const NO_LOCAL = 0x04;
const RETAIN_AS_PUBLISHED = 0x08;
const RETAIN_HANDLING_SHIFT = 4;
const RESERVED = 0xc0;

/** @internal */
export const subscribe: PacketWriter<SubscribePacket> = {
  flags: FLAGS,
  measure(packet) {
    checkPacketIdentifier(packet.packetIdentifier, 'SUBSCRIBE');
    const filters = checkArray(packet.filters, 'SUBSCRIBE filters');
    if (filters.length === 0) throw protocolError('SUBSCRIBE has no Topic Filter'); // [MQTT-3.8.3-2]
    let length = 2 + measureProperties(packet.properties, PROPERTIES);
    for (const filter of filters) length += measureFilter(filter);
    return length;
  },
  write(packet, target, offset) {
    let end = writeUint16(packet.packetIdentifier, target, offset);
    end = writeProperties(packet.properties, PROPERTIES, target, end);
    for (const filter of packet.filters) {
      end = writeString(filter.topicFilter, target, end);
      target[end++] =
        filter.qos |
        (filter.noLocal ? NO_LOCAL : 0) |
        (filter.retainAsPublished ? RETAIN_AS_PUBLISHED : 0) |
        (filter.retainHandling << RETAIN_HANDLING_SHIFT);
    }
    return end;
  },
};

/** For servers. @internal */
export const subscribeReader: PacketReader<SubscribePacket> = {
  flags: FLAGS,
  decode(reader) {
    const packetIdentifier = readPacketIdentifier(reader, 'SUBSCRIBE');
    const properties = readProperties(reader, PROPERTIES);
    const filters: SubscribeFilter[] = [];
    while (reader.remaining > 0) filters.push(readFilter(reader));
    if (filters.length === 0) throw protocolError('SUBSCRIBE has no Topic Filter'); // [MQTT-3.8.3-2]
    return properties === undefined
      ? { type: 'subscribe', packetIdentifier, filters }
      : { type: 'subscribe', packetIdentifier, filters, properties };
  },
};

function readFilter(reader: Reader): SubscribeFilter {
  const topicFilter = reader.string('Topic Filter');
  const options = reader.uint8('Subscription Options');
  if ((options & RESERVED) !== 0) throw malformed('Subscription Options have reserved bits set'); // [MQTT-3.8.3-5]
  const filter = {
    topicFilter,
    qos: options & 3,
    noLocal: (options & NO_LOCAL) !== 0,
    retainAsPublished: (options & RETAIN_AS_PUBLISHED) !== 0,
    retainHandling: options >>> RETAIN_HANDLING_SHIFT,
  };
  checkFilter(filter);
  return filter as SubscribeFilter; // checkFilter proves the ranges of qos and retainHandling
}

function measureFilter(filter: SubscribeFilter): number {
  const length = measureString(filter.topicFilter, 'Topic Filter') + 3;
  checkBoolean(filter.noLocal, 'noLocal');
  checkBoolean(filter.retainAsPublished, 'retainAsPublished');
  checkFilter(filter);
  return length;
}

// §3.8.3.1 calls QoS 3 and Retain Handling 3 Protocol Errors, not malformed as in PUBLISH.
function checkFilter(filter: { topicFilter: string; qos: number; noLocal: boolean; retainHandling: number }): void {
  const { topicFilter, qos, retainHandling } = filter;
  if (qos !== 0 && qos !== 1 && qos !== 2) throw protocolError(`SUBSCRIBE asks for QoS ${String(qos)}`);
  if (retainHandling !== 0 && retainHandling !== 1 && retainHandling !== 2) {
    throw protocolError(`SUBSCRIBE asks for Retain Handling ${String(retainHandling)}`);
  }
  checkTopicFilter(topicFilter);
  if (filter.noLocal && isSharedFilter(topicFilter)) {
    throw protocolError('SUBSCRIBE asks for No Local on a Shared Subscription'); // [MQTT-3.8.3-4]
  }
}
