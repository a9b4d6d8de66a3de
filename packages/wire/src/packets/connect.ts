// SPDX-License-Identifier: Apache-2.0

import { checkBoolean, checkBytes, checkInteger, checkQoS, writeBinary, writeUint16 } from '../fields.ts';
import { readProperties } from '../property-reader.ts';
import { propertySet } from '../property-table.ts';
import { measureProperties, writeProperties } from '../property-writer.ts';
import type { Reader } from '../reader.ts';
import { checkTopicName } from '../topics.ts';
import type { QoS, UserProperties } from '../types.ts';
import { measureString, writeString } from '../utf8.ts';
import { malformed, protocolError, WireError } from '../wire-error.ts';
import type { PacketReader, PacketWriter } from './codec.ts';

/** @see MQTT v5.0 §3.1.2.11 */
export interface ConnectProperties {
  /** Seconds; 0xffffffff never expires. Absent is 0. */
  sessionExpiryInterval?: number;
  /** 1 to 65535. Absent is 65535. */
  receiveMaximum?: number;
  /** Bytes, 1 or more. Absent is no limit. */
  maximumPacketSize?: number;
  /** 0 to 65535. Absent is 0. */
  topicAliasMaximum?: number;
  /** Absent is false. */
  requestResponseInformation?: boolean;
  /** Absent is true. */
  requestProblemInformation?: boolean;
  userProperties?: UserProperties;
  authenticationMethod?: string;
  /** Only with `authenticationMethod`. */
  authenticationData?: Uint8Array;
}

/** @see MQTT v5.0 §3.1.3.2 */
export interface WillProperties {
  /** Seconds. Absent is 0. */
  willDelayInterval?: number;
  /** 0 unspecified bytes, 1 UTF-8 text. */
  payloadFormatIndicator?: 0 | 1;
  /** Seconds. Absent is: does not expire. */
  messageExpiryInterval?: number;
  contentType?: string;
  /** A topic name: no wildcards. */
  responseTopic?: string;
  correlationData?: Uint8Array;
  userProperties?: UserProperties;
}

/**
 * The message a server publishes when the connection ends otherwise than by DISCONNECT 0x00.
 * @see MQTT v5.0 §3.1.2.5, §3.1.3.2
 */
export interface Will {
  topicName: string;
  /** At most 65,535 bytes. */
  payload: Uint8Array;
  qos: QoS;
  retain: boolean;
  properties?: WillProperties;
}

/**
 * First packet of a client.
 * @see MQTT v5.0 §3.1
 */
export interface ConnectPacket {
  type: 'connect';
  /** Empty: the server assigns one. */
  clientId: string;
  cleanStart: boolean;
  /** Seconds, 0 to 65535; 0 is none. */
  keepAlive: number;
  username?: string;
  /** At most 65,535 bytes. */
  password?: Uint8Array;
  will?: Will;
  properties?: ConnectProperties;
}

const PROPERTIES = propertySet<ConnectProperties>('CONNECT', [
  'sessionExpiryInterval',
  'receiveMaximum',
  'maximumPacketSize',
  'topicAliasMaximum',
  'requestResponseInformation',
  'requestProblemInformation',
  'userProperties',
  'authenticationMethod',
  'authenticationData',
]);

const WILL_PROPERTIES = propertySet<WillProperties>('Will', [
  'willDelayInterval',
  'payloadFormatIndicator',
  'messageExpiryInterval',
  'contentType',
  'responseTopic',
  'correlationData',
  'userProperties',
]);

const UNSUPPORTED_PROTOCOL_VERSION = 0x84;
const PROTOCOL_NAME = 'MQTT'; // [MQTT-3.1.2-1]
const PROTOCOL_VERSION = 5;

// Connect Flags (§3.1.2.3)
const RESERVED = 0x01;
const CLEAN_START = 0x02;
const WILL = 0x04;
const WILL_QOS_SHIFT = 3;
const WILL_RETAIN = 0x20;
const PASSWORD = 0x40;
const USER_NAME = 0x80;

/** @internal */
export const connect: PacketWriter<ConnectPacket> = {
  flags: 0,
  measure(packet) {
    const { will, username, password } = packet;
    checkBoolean(packet.cleanStart, 'CONNECT cleanStart');
    checkInteger(packet.keepAlive, 0, 0xffff, 'CONNECT keepAlive');
    checkAuthentication(packet.properties);
    // Protocol name, version, flags and keep alive take 10 bytes.
    let length = 10 + measureProperties(packet.properties, PROPERTIES);
    length += 2 + measureString(packet.clientId, 'Client Identifier');
    if (will !== undefined) length += measureWill(will);
    if (username !== undefined) length += 2 + measureString(username, 'User Name');
    if (password !== undefined) length += 2 + checkBytes(password, 'Password');
    return length;
  },
  write(packet, target, offset) {
    const { will, username, password } = packet;
    let end = writeString(PROTOCOL_NAME, target, offset);
    target[end++] = PROTOCOL_VERSION;
    target[end++] = connectFlags(packet);
    end = writeUint16(packet.keepAlive, target, end);
    end = writeProperties(packet.properties, PROPERTIES, target, end);
    end = writeString(packet.clientId, target, end);
    if (will !== undefined) {
      end = writeProperties(will.properties, WILL_PROPERTIES, target, end);
      end = writeString(will.topicName, target, end);
      end = writeBinary(will.payload, target, end);
    }
    if (username !== undefined) end = writeString(username, target, end);
    if (password !== undefined) end = writeBinary(password, target, end);
    return end;
  },
};

/** For servers. @internal */
export const connectReader: PacketReader<ConnectPacket> = {
  flags: 0,
  decode(reader) {
    readProtocol(reader);
    const flags = reader.uint8('Connect Flags');
    checkFlags(flags);
    const keepAlive = reader.uint16('Keep Alive');
    const properties = readProperties(reader, PROPERTIES);
    checkAuthentication(properties);
    // Payload fields, in this order [MQTT-3.1.3-1].
    const packet: ConnectPacket = {
      type: 'connect',
      clientId: reader.string('Client Identifier'),
      cleanStart: (flags & CLEAN_START) !== 0,
      keepAlive,
    };
    if (properties !== undefined) packet.properties = properties;
    if ((flags & WILL) !== 0) packet.will = readWill(reader, flags);
    if ((flags & USER_NAME) !== 0) packet.username = reader.string('User Name');
    if ((flags & PASSWORD) !== 0) packet.password = reader.binary('Password');
    reader.finish('CONNECT');
    return packet;
  },
};

// Another name or version gets the code a server may answer in CONNACK (§3.1.2.1, §3.1.2.2). Nothing behind the version
// is read then: other versions have another layout.
function readProtocol(reader: Reader): void {
  const name = reader.string('Protocol Name');
  if (name !== PROTOCOL_NAME) {
    throw new WireError(UNSUPPORTED_PROTOCOL_VERSION, `Protocol Name is ${JSON.stringify(name)}, not "MQTT"`);
  }
  const version = reader.uint8('Protocol Version');
  if (version !== PROTOCOL_VERSION) {
    throw new WireError(UNSUPPORTED_PROTOCOL_VERSION, `Protocol Version is ${version}, not 5`);
  }
}

function checkFlags(flags: number): void {
  if ((flags & RESERVED) !== 0) throw malformed('CONNECT has its reserved flag set'); // [MQTT-3.1.2-3]
  if (((flags >> WILL_QOS_SHIFT) & 3) === 3) throw malformed('CONNECT has Will QoS 3'); // [MQTT-3.1.2-12]
  // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
  if ((flags & WILL) === 0 && (flags & (WILL_RETAIN | (3 << WILL_QOS_SHIFT))) !== 0) {
    throw malformed('CONNECT has Will QoS or Will Retain without a will');
  }
}

function readWill(reader: Reader, flags: number): Will {
  const properties = readProperties(reader, WILL_PROPERTIES);
  const topicName = reader.string('Will Topic');
  checkTopicName(topicName, 'Will Topic');
  const will: Will = {
    topicName,
    payload: reader.binary('Will Payload'),
    qos: ((flags >> WILL_QOS_SHIFT) & 3) as QoS, // checkFlags has refused 3
    retain: (flags & WILL_RETAIN) !== 0,
  };
  if (properties !== undefined) will.properties = properties;
  return will;
}

function measureWill(will: Will): number {
  checkQoS(will.qos, 'Will QoS');
  checkBoolean(will.retain, 'Will retain');
  const topic = measureString(will.topicName, 'Will Topic');
  checkTopicName(will.topicName, 'Will Topic');
  return measureProperties(will.properties, WILL_PROPERTIES) + 4 + topic + checkBytes(will.payload, 'Will Payload');
}

function connectFlags({ cleanStart, will, username, password }: ConnectPacket): number {
  let flags = cleanStart ? CLEAN_START : 0;
  if (will !== undefined) flags |= WILL | (will.qos << WILL_QOS_SHIFT) | (will.retain ? WILL_RETAIN : 0);
  if (password !== undefined) flags |= PASSWORD; // legal without a User Name (§3.1.2.9)
  return username === undefined ? flags : flags | USER_NAME;
}

function checkAuthentication(properties: ConnectProperties | undefined): void {
  if (properties?.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    throw protocolError('CONNECT has Authentication Data without an Authentication Method'); // §3.1.2.11.10
  }
}
