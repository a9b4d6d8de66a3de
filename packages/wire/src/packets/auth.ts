// SPDX-License-Identifier: Apache-2.0

import { readProperties } from '../property-reader.ts';
import { propertySet } from '../property-table.ts';
import { measureProperties, writeProperties } from '../property-writer.ts';
import { checkReasonCode, reasonCodeSet } from '../reason-code-set.ts';
import { EITHER } from '../sides.ts';
import type { UserProperties } from '../types.ts';
import { protocolError } from '../wire-error.ts';
import type { PacketCodec } from './codec.ts';

/** @see MQTT v5.0 §3.15.2.2 */
export interface AuthProperties {
  authenticationMethod?: string;
  authenticationData?: Uint8Array;
  reasonString?: string;
  userProperties?: UserProperties;
}

/**
 * One step of enhanced authentication.
 * @see MQTT v5.0 §3.15, §4.12
 */
export interface AuthPacket {
  type: 'auth';
  /** 0x00 Success, 0x18 Continue authentication, 0x19 Re-authenticate. */
  reasonCode: number;
  /** `authenticationMethod` is mandatory (§3.15.2.2.2), but for the empty AUTH of code 0x00. */
  properties?: AuthProperties;
}

// §3.15.2.1 [MQTT-3.15.2-1]
const CODES = reasonCodeSet('AUTH', { either: [0x18], client: [0x19], server: [0x00] });

const PROPERTIES = propertySet<AuthProperties>('AUTH', [
  'authenticationMethod',
  'authenticationData',
  'reasonString',
  'userProperties',
]);

// §3.15.2.1 describes an AUTH of Remaining Length 0, 0x00 without properties, although §3.15.2.2.2 makes the
// Authentication Method it leaves out mandatory. That one form passes here; whether it fits the exchange (§4.12) is for
// the receiver to say.
/** @internal */
export const auth: PacketCodec<AuthPacket> = {
  flags: 0, // [MQTT-3.15.1-1]
  decode(reader, from) {
    if (reader.remaining === 0) {
      checkReasonCode(0x00, CODES, from);
      return { type: 'auth', reasonCode: 0 };
    }
    const reasonCode = reader.uint8('Reason Code');
    checkReasonCode(reasonCode, CODES, from);
    const properties = readProperties(reader, PROPERTIES);
    reader.finish('AUTH');
    if (properties?.authenticationMethod === undefined) throw noMethod();
    return { type: 'auth', reasonCode, properties };
  },
  measure(packet) {
    checkReasonCode(packet.reasonCode, CODES, EITHER);
    const properties = measureProperties(packet.properties, PROPERTIES);
    if (properties === 1 && packet.reasonCode === 0) return 0;
    if (packet.properties?.authenticationMethod === undefined) throw noMethod();
    return 1 + properties;
  },
  write(packet, target, offset) {
    const { reasonCode, properties } = packet;
    if (properties?.authenticationMethod === undefined) return offset; // `measure` lets only the empty form through
    target[offset] = reasonCode;
    return writeProperties(properties, PROPERTIES, target, offset + 1);
  },
};

function noMethod(): Error {
  return protocolError('AUTH has no Authentication Method');
}
