// SPDX-License-Identifier: Apache-2.0

import { checkArray, checkPacketIdentifier, readPacketIdentifier, writeUint16 } from '../fields.ts';
import { readProperties } from '../property-reader.ts';
import { propertySet } from '../property-table.ts';
import { measureProperties, writeProperties } from '../property-writer.ts';
import { checkTopicFilter } from '../topics.ts';
import type { UserProperties } from '../types.ts';
import { measureString, writeString } from '../utf8.ts';
import { protocolError } from '../wire-error.ts';
import type { PacketReader, PacketWriter } from './codec.ts';

/** @see MQTT v5.0 §3.10.2.1 */
export interface UnsubscribeProperties {
  userProperties?: UserProperties;
}

/** @see MQTT v5.0 §3.10 */
export interface UnsubscribePacket {
  type: 'unsubscribe';
  /** 1 to 65535. */
  packetIdentifier: number;
  /** At least one [MQTT-3.10.3-2]. */
  topicFilters: readonly string[];
  properties?: UnsubscribeProperties;
}

const FLAGS = 0b0010; // [MQTT-3.10.1-1]

const PROPERTIES = propertySet<UnsubscribeProperties>('UNSUBSCRIBE', ['userProperties']);

/** @internal */
export const unsubscribe: PacketWriter<UnsubscribePacket> = {
  flags: FLAGS,
  measure(packet) {
    checkPacketIdentifier(packet.packetIdentifier, 'UNSUBSCRIBE');
    const topicFilters = checkArray(packet.topicFilters, 'UNSUBSCRIBE topicFilters');
    if (topicFilters.length === 0) throw protocolError('UNSUBSCRIBE has no Topic Filter'); // [MQTT-3.10.3-2]
    let length = 2 + measureProperties(packet.properties, PROPERTIES);
    for (const topicFilter of topicFilters) {
      length += 2 + measureString(topicFilter, 'Topic Filter');
      checkTopicFilter(topicFilter);
    }
    return length;
  },
  write(packet, target, offset) {
    let end = writeUint16(packet.packetIdentifier, target, offset);
    end = writeProperties(packet.properties, PROPERTIES, target, end);
    for (const topicFilter of packet.topicFilters) end = writeString(topicFilter, target, end);
    return end;
  },
};

/** For servers. @internal */
export const unsubscribeReader: PacketReader<UnsubscribePacket> = {
  flags: FLAGS,
  decode(reader) {
    const packetIdentifier = readPacketIdentifier(reader, 'UNSUBSCRIBE');
    const properties = readProperties(reader, PROPERTIES);
    const topicFilters: string[] = [];
    while (reader.remaining > 0) {
      const topicFilter = reader.string('Topic Filter');
      checkTopicFilter(topicFilter);
      topicFilters.push(topicFilter);
    }
    if (topicFilters.length === 0) throw protocolError('UNSUBSCRIBE has no Topic Filter'); // [MQTT-3.10.3-2]
    return properties === undefined
      ? { type: 'unsubscribe', packetIdentifier, topicFilters }
      : { type: 'unsubscribe', packetIdentifier, topicFilters, properties };
  },
};
