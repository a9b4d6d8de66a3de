// SPDX-License-Identifier: Apache-2.0

import { readProperties } from '../property-reader.ts';
import { propertySet } from '../property-table.ts';
import { measureProperties, writeProperties } from '../property-writer.ts';
import { checkReasonCode, reasonCodeSet } from '../reason-code-set.ts';
import { EITHER, SERVER } from '../sides.ts';
import type { UserProperties } from '../types.ts';
import { protocolError } from '../wire-error.ts';
import type { PacketCodec } from './codec.ts';

/** @see MQTT v5.0 §3.14.2.2 */
export interface DisconnectProperties {
  /** Seconds. From clients only [MQTT-3.14.2-2]. */
  sessionExpiryInterval?: number;
  reasonString?: string;
  userProperties?: UserProperties;
  /** From servers only. */
  serverReference?: string;
}

/**
 * Last packet of either side.
 * @see MQTT v5.0 §3.14
 */
export interface DisconnectPacket {
  type: 'disconnect';
  reasonCode: number;
  properties?: DisconnectProperties;
}

// §3.14.2.1 [MQTT-3.14.2-1]. 0x9b is the server's in the table, but §3.3.4 tells clients to use it; 0x8c is named for
// DISCONNECT in table 2-6 only.
const CODES = reasonCodeSet('DISCONNECT', {
  either: [0x00, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9b],
  client: [0x04],
  server: [0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x9a, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2],
});

const PROPERTIES = propertySet<DisconnectProperties>('DISCONNECT', [
  'sessionExpiryInterval',
  'reasonString',
  'userProperties',
  'serverReference',
]);

/** @internal */
export const disconnect: PacketCodec<DisconnectPacket> = {
  flags: 0,
  decode(reader, from) {
    // Short forms (§3.14.2): no code means 0x00, no Property Length means no properties.
    if (reader.remaining === 0) return { type: 'disconnect', reasonCode: 0 };
    const reasonCode = reader.uint8('Reason Code');
    checkReasonCode(reasonCode, CODES, from);
    if (reader.remaining === 0) return { type: 'disconnect', reasonCode };
    const properties = readProperties(reader, PROPERTIES);
    reader.finish('DISCONNECT');
    if (properties === undefined) return { type: 'disconnect', reasonCode };
    if (from === SERVER && properties.sessionExpiryInterval !== undefined) {
      throw protocolError('DISCONNECT of a server has a Session Expiry Interval'); // [MQTT-3.14.2-2]
    }
    return { type: 'disconnect', reasonCode, properties };
  },
  measure(packet) {
    checkReasonCode(packet.reasonCode, CODES, EITHER);
    const properties = measureProperties(packet.properties, PROPERTIES);
    if (properties > 1) return 1 + properties;
    return packet.reasonCode === 0 ? 0 : 1;
  },
  write(packet, target, offset) {
    const { reasonCode, properties } = packet;
    const short = properties === undefined || measureProperties(properties, PROPERTIES) === 1;
    if (short && reasonCode === 0) return offset;
    target[offset] = reasonCode;
    return short ? offset + 1 : writeProperties(properties, PROPERTIES, target, offset + 1);
  },
};
