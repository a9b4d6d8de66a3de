// SPDX-License-Identifier: Apache-2.0

// What PUBACK, PUBREC, PUBREL and PUBCOMP have in common: all but the codes (§3.4 to §3.7).

import { checkPacketIdentifier, readPacketIdentifier, writeUint16 } from '../fields.ts';
import { measureProperties, writeProperties } from '../property-writer.ts';
import { readProperties } from '../property-reader.ts';
import { type PropertySet, propertySet } from '../property-table.ts';
import type { Reader } from '../reader.ts';
import { checkReasonCode, type ReasonCodeSet } from '../reason-code-set.ts';
import { EITHER } from '../sides.ts';
import type { UserProperties } from '../types.ts';
import type { PacketCodec } from './codec.ts';
import type { PubackPacket } from './puback.ts';
import type { PubcompPacket } from './pubcomp.ts';
import type { PubrecPacket } from './pubrec.ts';
import type { PubrelPacket } from './pubrel.ts';

/**
 * Properties of PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK.
 * @see MQTT v5.0 §3.4.2.2
 */
export interface AckProperties {
  /** Human-readable explanation; for logs, not for programs. */
  reasonString?: string;
  userProperties?: UserProperties;
}

type AckPacket = PubackPacket | PubrecPacket | PubrelPacket | PubcompPacket;

/** The codec of the acknowledgement `type` with the codes of `codes`. @internal */
export function ackCodec<P extends AckPacket>(type: P['type'], flags: number, codes: ReasonCodeSet): PacketCodec<P> {
  const name = codes.packet;
  const set = ackProperties(name);
  return {
    flags,
    decode: (reader, from) => readAck(type, codes, set, reader, from) as P, // AckPacket of `type`
    measure(packet) {
      checkPacketIdentifier(packet.packetIdentifier, name);
      checkReasonCode(packet.reasonCode, codes, EITHER);
      const properties = measureProperties(packet.properties, set);
      if (properties > 1) return 3 + properties;
      return packet.reasonCode === 0 ? 2 : 3;
    },
    write(packet, target, offset) {
      const end = writeUint16(packet.packetIdentifier, target, offset);
      const { reasonCode, properties } = packet;
      // Short forms (§3.4.2): no code means 0x00, no Property Length means no properties.
      const short = properties === undefined || measureProperties(properties, set) === 1;
      if (short && reasonCode === 0) return end;
      target[end] = reasonCode;
      return short ? end + 1 : writeProperties(properties, set, target, end + 1);
    },
  };
}

function readAck(
  type: AckPacket['type'],
  codes: ReasonCodeSet,
  set: PropertySet<AckProperties>,
  reader: Reader,
  from: number,
): AckPacket {
  const packetIdentifier = readPacketIdentifier(reader, codes.packet);
  if (reader.remaining === 0) return { type, packetIdentifier, reasonCode: 0 };
  const reasonCode = reader.uint8('Reason Code');
  checkReasonCode(reasonCode, codes, from);
  if (reader.remaining === 0) return { type, packetIdentifier, reasonCode };
  const properties = readProperties(reader, set);
  reader.finish(codes.packet);
  return properties === undefined
    ? { type, packetIdentifier, reasonCode }
    : { type, packetIdentifier, reasonCode, properties };
}

/** The properties an acknowledgement named `packet` may carry. @internal */
export function ackProperties(packet: string): PropertySet<AckProperties> {
  return propertySet<AckProperties>(packet, ['reasonString', 'userProperties']);
}
