// SPDX-License-Identifier: Apache-2.0
import type { Packet } from '@mqttv5/wire';

/** One packet on one line, for the message of a failed expectation: `publish a/b qos 1 id 7 (3 bytes)`. */
export function describePacket(packet: Packet): string {
  switch (packet.type) {
    case 'connect':
      return `connect ${JSON.stringify(packet.clientId)} cleanStart ${packet.cleanStart}`;
    case 'publish': {
      const id = packet.qos === 0 ? '' : ` id ${packet.packetIdentifier}`;
      const flags = `${packet.dup ? ' dup' : ''}${packet.retain ? ' retain' : ''}`;
      return `publish ${packet.topicName} qos ${packet.qos}${id}${flags} (${packet.payload.byteLength} bytes)`;
    }
    case 'subscribe':
      return `subscribe id ${packet.packetIdentifier} ${packet.filters.map((filter) => filter.topicFilter).join(' ')}`;
    case 'unsubscribe':
      return `unsubscribe id ${packet.packetIdentifier} ${packet.topicFilters.join(' ')}`;
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return `${packet.type} id ${packet.packetIdentifier} ${hex(packet.reasonCode)}`;
    case 'connack':
    case 'disconnect':
    case 'auth':
      return `${packet.type} ${hex(packet.reasonCode)}`;
    case 'suback':
    case 'unsuback':
      return `${packet.type} id ${packet.packetIdentifier} ${packet.reasonCodes.map(hex).join(' ')}`;
    case 'pingreq':
    case 'pingresp':
      return packet.type;
  }
}

/** `nothing`, or a list of packets. */
export function describePackets(packets: readonly Packet[]): string {
  return packets.length === 0 ? 'nothing' : packets.map(describePacket).join('; ');
}

function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`;
}
