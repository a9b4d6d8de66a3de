// SPDX-License-Identifier: Apache-2.0

import { checkBoolean } from '../fields.ts';
import { readProperties } from '../property-reader.ts';
import { propertySet } from '../property-table.ts';
import { measureProperties, writeProperties } from '../property-writer.ts';
import { checkReasonCode, reasonCodeSet } from '../reason-code-set.ts';
import { EITHER } from '../sides.ts';
import type { UserProperties } from '../types.ts';
import { malformed, protocolError } from '../wire-error.ts';
import type { PacketCodec } from './codec.ts';

/** @see MQTT v5.0 §3.2.2.3 */
export interface ConnackProperties {
  /** Seconds. Absent: what CONNECT asked for. */
  sessionExpiryInterval?: number;
  /** 1 to 65535. Absent is 65535. */
  receiveMaximum?: number;
  /** Absent is 2. */
  maximumQoS?: 0 | 1;
  /** Absent is true. */
  retainAvailable?: boolean;
  /** Bytes, 1 or more. Absent is no limit. */
  maximumPacketSize?: number;
  assignedClientIdentifier?: string;
  /** 0 to 65535. Absent is 0. */
  topicAliasMaximum?: number;
  reasonString?: string;
  userProperties?: UserProperties;
  /** Absent is true. */
  wildcardSubscriptionAvailable?: boolean;
  /** Absent is true. */
  subscriptionIdentifierAvailable?: boolean;
  /** Absent is true. */
  sharedSubscriptionAvailable?: boolean;
  /** Seconds, 0 to 65535. Absent: the Keep Alive of CONNECT. */
  serverKeepAlive?: number;
  responseInformation?: string;
  serverReference?: string;
  authenticationMethod?: string;
  authenticationData?: Uint8Array;
}

/**
 * The server's answer to CONNECT.
 * @see MQTT v5.0 §3.2
 */
export interface ConnackPacket {
  type: 'connack';
  /** Never true with a `reasonCode` other than 0 [MQTT-3.2.2-6]. */
  sessionPresent: boolean;
  reasonCode: number;
  properties?: ConnackProperties;
}

// §3.2.2.2 [MQTT-3.2.2-8]
const CODES = reasonCodeSet('CONNACK', {
  server: [
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b,
    0x9c, 0x9d, 0x9f,
  ],
});

const PROPERTIES = propertySet<ConnackProperties>('CONNACK', [
  'sessionExpiryInterval',
  'receiveMaximum',
  'maximumQoS',
  'retainAvailable',
  'maximumPacketSize',
  'assignedClientIdentifier',
  'topicAliasMaximum',
  'reasonString',
  'userProperties',
  'wildcardSubscriptionAvailable',
  'subscriptionIdentifierAvailable',
  'sharedSubscriptionAvailable',
  'serverKeepAlive',
  'responseInformation',
  'serverReference',
  'authenticationMethod',
  'authenticationData',
]);

/** @internal */
export const connack: PacketCodec<ConnackPacket> = {
  flags: 0,
  decode(reader, from) {
    const flags = reader.uint8('CONNACK flags');
    if (flags > 1) throw malformed('CONNACK has reserved flags set'); // [MQTT-3.2.2-1]
    const sessionPresent = flags === 1;
    const reasonCode = reader.uint8('Reason Code');
    checkReasonCode(reasonCode, CODES, from);
    checkSessionPresent(sessionPresent, reasonCode);
    const properties = readProperties(reader, PROPERTIES);
    reader.finish('CONNACK');
    return properties === undefined
      ? { type: 'connack', sessionPresent, reasonCode }
      : { type: 'connack', sessionPresent, reasonCode, properties };
  },
  measure(packet) {
    checkBoolean(packet.sessionPresent, 'CONNACK sessionPresent');
    checkReasonCode(packet.reasonCode, CODES, EITHER);
    checkSessionPresent(packet.sessionPresent, packet.reasonCode);
    return 2 + measureProperties(packet.properties, PROPERTIES);
  },
  write(packet, target, offset) {
    target[offset] = packet.sessionPresent ? 1 : 0;
    target[offset + 1] = packet.reasonCode;
    return writeProperties(packet.properties, PROPERTIES, target, offset + 2);
  },
};

// [MQTT-3.2.2-6]
function checkSessionPresent(sessionPresent: boolean, reasonCode: number): void {
  if (sessionPresent && reasonCode !== 0) throw protocolError('CONNACK has Session Present 1 and a failure code');
}
