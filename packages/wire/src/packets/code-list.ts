// SPDX-License-Identifier: Apache-2.0

// What SUBACK and UNSUBACK have in common: all but the codes (§3.9, §3.11). Their Property Length is always there.

import { checkArray, checkPacketIdentifier, readPacketIdentifier, writeUint16 } from '../fields.ts';
import { readProperties } from '../property-reader.ts';
import { measureProperties, writeProperties } from '../property-writer.ts';
import { checkReasonCode, type ReasonCodeSet } from '../reason-code-set.ts';
import { hexByte } from '../reason-codes.ts';
import { EITHER } from '../sides.ts';
import { protocolError } from '../wire-error.ts';
import { ackProperties } from './ack.ts';
import type { PacketCodec } from './codec.ts';
import type { SubackPacket } from './suback.ts';
import type { UnsubackPacket } from './unsuback.ts';

/** The codec of the packet `type`: an identifier, properties and one of `codes` per filter. @internal */
export function codeListCodec<P extends SubackPacket | UnsubackPacket>(
  type: P['type'],
  codes: ReasonCodeSet,
): PacketCodec<P> {
  const name = codes.packet;
  const set = ackProperties(name);
  return {
    flags: 0,
    decode(reader, from) {
      const packetIdentifier = readPacketIdentifier(reader, name);
      const properties = readProperties(reader, set);
      const reasonCodes: number[] = [];
      while (reader.remaining > 0) {
        const code = reader.uint8('Reason Code');
        checkCode(code, codes, from);
        reasonCodes.push(code);
      }
      if (reasonCodes.length === 0) throw noCodes(name);
      const packet: SubackPacket | UnsubackPacket = { type, packetIdentifier, reasonCodes };
      if (properties !== undefined) packet.properties = properties;
      return packet as P; // the fields of both packets, with the `type` of P
    },
    measure(packet) {
      checkPacketIdentifier(packet.packetIdentifier, name);
      const reasonCodes = checkArray(packet.reasonCodes, `${name} reasonCodes`);
      if (reasonCodes.length === 0) throw noCodes(name);
      for (const code of reasonCodes) checkCode(code, codes, EITHER);
      return 2 + measureProperties(packet.properties, set) + reasonCodes.length;
    },
    write(packet, target, offset) {
      let end = writeUint16(packet.packetIdentifier, target, offset);
      end = writeProperties(packet.properties, set, target, end);
      for (const code of packet.reasonCodes) target[end++] = code;
      return end;
    },
  };
}

/** An answer that says nothing the request could be answered with is a Protocol Error [MQTT-3.9.3-2] [MQTT-3.11.3-2]. */
function checkCode(code: number, codes: ReasonCodeSet, from: number): void {
  if (codes.sides[code]) checkReasonCode(code, codes, from);
  else
    throw protocolError(
      `${codes.packet} has no Reason Code ${typeof code === 'number' ? hexByte(code) : String(code)}`,
    );
}

// A request has one filter or more and its answer one code per filter [MQTT-3.8.3-2] [MQTT-3.8.4-6].
function noCodes(name: string): Error {
  return protocolError(`${name} has no Reason Code`);
}
