// SPDX-License-Identifier: Apache-2.0

import { type BadRow, block, framed, runBad, runGood, runRefused, text } from '../../test/rows.ts';

const PROTOCOL = `${text('MQTT')}05`;
const head = (flags: string, keepAlive = '001e', properties = '00'): string =>
  `${PROTOCOL}${flags}${keepAlive}${properties}`;
const base = { type: 'connect', clientId: 'c', cleanStart: true, keepAlive: 30 } as const;
const will = { topicName: 'w', payload: Uint8Array.of(1, 2), qos: 0, retain: false } as const;
const C = text('c');
const W = `00${text('w')}0002 0102`;

runGood('CONNECT', [
  {
    name: 'no more than it must have [MQTT-3.1.2-1] [MQTT-3.1.3-3]',
    hex: framed('10', `${head('02')}${C}`),
    packet: base,
  },
  {
    name: 'empty Client Identifier, Clean Start 0, Keep Alive 0',
    hex: framed('10', `${head('00', '0000')}0000`),
    packet: { ...base, clientId: '', cleanStart: false, keepAlive: 0 },
  },
  {
    name: 'Keep Alive 65535',
    hex: framed('10', `${head('02', 'ffff')}${C}`),
    packet: { ...base, keepAlive: 65_535 },
    options: { from: 'client' },
  },
  {
    name: 'Client Identifier of two-byte characters [MQTT-3.1.3-4]',
    hex: framed('10', `${head('02')}${text('é€😀')}`),
    packet: { ...base, clientId: 'é€😀' },
  },
  {
    name: 'User Name [MQTT-3.1.2-17]',
    hex: framed('10', `${head('82')}${C}${text('u')}`),
    packet: { ...base, username: 'u' },
  },
  {
    name: 'Password without User Name (§3.1.2.9) [MQTT-3.1.2-19]',
    hex: framed('10', `${head('42')}${C}0002 00ff`),
    packet: { ...base, password: Uint8Array.of(0, 255) },
  },
  {
    name: 'empty User Name and empty Password',
    hex: framed('10', `${head('c2')}${C}0000 0000`),
    packet: { ...base, username: '', password: new Uint8Array(0) },
  },
  { name: 'will [MQTT-3.1.2-9]', hex: framed('10', `${head('06')}${C}${W}`), packet: { ...base, will } },
  { name: 'will of QoS 1', hex: framed('10', `${head('0e')}${C}${W}`), packet: { ...base, will: { ...will, qos: 1 } } },
  {
    name: 'will of QoS 2, retained, empty [MQTT-3.1.2-12]',
    hex: framed('10', `${head('36')}${C}00${text('w')}0000`),
    packet: { ...base, will: { ...will, payload: new Uint8Array(0), qos: 2, retain: true } },
  },
  {
    name: 'everything, in the order of [MQTT-3.1.3-1]',
    hex: framed(
      '10',
      `${head('f6', '001e', block('11 ffffffff', '21 0001', '27 00000001', '22 ffff', '19 01', '17 00', `26 ${text('a')}${text('b')}`, `15 ${text('m')}`, '16 0001 05'))}${C}${block('18 00000005', '01 01', '02 00000006', `03 ${text('t')}`, `08 ${text('r')}`, '09 0001 09', `26 ${text('x')}${text('y')}`)}${text('w')}0002 0102${text('u')}${text('p')}`,
    ),
    packet: {
      ...base,
      properties: {
        sessionExpiryInterval: 0xffffffff,
        receiveMaximum: 1,
        maximumPacketSize: 1,
        topicAliasMaximum: 65_535,
        requestResponseInformation: true,
        requestProblemInformation: false,
        userProperties: [['a', 'b']],
        authenticationMethod: 'm',
        authenticationData: Uint8Array.of(5),
      },
      will: {
        ...will,
        qos: 2,
        retain: true,
        properties: {
          willDelayInterval: 5,
          payloadFormatIndicator: 1,
          messageExpiryInterval: 6,
          contentType: 't',
          responseTopic: 'r',
          correlationData: Uint8Array.of(9),
          userProperties: [['x', 'y']],
        },
      },
      username: 'u',
      password: Uint8Array.of(0x70),
    },
  },
  {
    name: 'Authentication Method alone',
    hex: framed('10', `${head('02', '001e', block(`15 ${text('m')}`))}${C}`),
    packet: { ...base, properties: { authenticationMethod: 'm' } },
  },
]);

const properties = (...list: string[]): string => framed('10', `${head('02', '001e', block(...list))}${C}`);
const WILL_PROPERTY = (property: string): string => framed('10', `${head('06')}${C}${block(property)}${text('w')}0000`);

runBad('CONNECT, refused', [
  { name: 'T-317 Protocol Name MQIsdp', hex: framed('10', `${text('MQIsdp')}03 02 001e ${C}`), error: 0x84 },
  {
    name: 'T-317 Protocol Name mqtt [MQTT-3.1.2-1]',
    hex: framed('10', `${text('mqtt')}05 02 001e 00 ${C}`),
    error: 0x84,
  },
  {
    name: 'T-317 version 4, its own layout behind it [MQTT-3.1.2-2]',
    hex: framed('10', `${text('MQTT')}04 02 001e ${C}`),
    error: 0x84,
  },
  { name: 'T-317 version 6', hex: framed('10', `${text('MQTT')}06 02 001e 00 ${C}`), error: 0x84 },
  { name: 'reserved flags of the fixed header', hex: framed('11', `${head('02')}${C}`), error: 0x81 },
  { name: 'reserved Connect Flag [MQTT-3.1.2-3]', hex: framed('10', `${head('03')}${C}`), error: 0x81 },
  { name: 'Will QoS 3 [MQTT-3.1.2-12]', hex: framed('10', `${head('1e')}${C}${W}`), error: 0x81 },
  { name: 'Will QoS without will [MQTT-3.1.2-11]', hex: framed('10', `${head('0a')}${C}`), error: 0x81 },
  { name: 'Will Retain without will [MQTT-3.1.2-13]', hex: framed('10', `${head('22')}${C}`), error: 0x81 },
  { name: 'no Client Identifier [MQTT-3.1.3-3]', hex: framed('10', head('02')), error: 0x81 },
  { name: 'User Name Flag without User Name', hex: framed('10', `${head('82')}${C}`), error: 0x81 },
  { name: 'Password Flag without Password', hex: framed('10', `${head('42')}${C}`), error: 0x81 },
  {
    name: 'User Name without its flag [MQTT-3.1.2-16]',
    hex: framed('10', `${head('02')}${C}${text('u')}`),
    error: 0x81,
  },
  { name: 'Will Flag without will', hex: framed('10', `${head('06')}${C}`), error: 0x81 },
  { name: 'empty body', hex: '10 00', error: 0x81 },
  { name: 'cut off after the version', hex: framed('10', PROTOCOL), error: 0x81 },
  { name: 'cut off in Keep Alive', hex: framed('10', `${PROTOCOL}02 00`), error: 0x81 },
  { name: 'from a server', hex: framed('10', `${head('02')}${C}`), error: 0x82, options: { from: 'server' } },
  { name: 'User Name of bad UTF-8 [MQTT-3.1.3-12]', hex: framed('10', `${head('82')}${C}0001 ff`), error: 0x81 },
  { name: 'Client Identifier with U+0000', hex: framed('10', `${head('02')}0001 00`), error: 0x81 },
  { name: 'Will Topic with a wildcard', hex: framed('10', `${head('06')}${C}00${text('w/#')}0000`), error: 0x82 },
  { name: 'empty Will Topic', hex: framed('10', `${head('06')}${C}00 0000 0000`), error: 0x82 },
  {
    name: 'Will Topic of bad UTF-8 [MQTT-3.1.3-11]',
    hex: framed('10', `${head('06')}${C}00 0001 80 0000`),
    error: 0x81,
  },
  { name: 'Receive Maximum 0 (§3.1.2.11.3)', hex: properties('21 0000'), error: 0x82 },
  { name: 'Maximum Packet Size 0 (§3.1.2.11.4)', hex: properties('27 00000000'), error: 0x82 },
  { name: 'Request Response Information 2', hex: properties('19 02'), error: 0x82 },
  { name: 'Request Problem Information 255', hex: properties('17 ff'), error: 0x82 },
  { name: 'Authentication Data without Method (§3.1.2.11.10)', hex: properties('16 0000'), error: 0x82 },
  ...['11 00000001', '21 0001', '27 00000001', '22 0001', '19 01', '17 01', `15 ${text('m')}`].map(
    (property): BadRow => ({ name: `property ${property} twice`, hex: properties(property, property), error: 0x82 }),
  ),
  { name: 'Authentication Data twice', hex: properties(`15 ${text('m')}`, '16 0000', '16 0000'), error: 0x82 },
  ...[
    '01 01',
    '02 00000001',
    '03 0000',
    '08 000161',
    '09 0000',
    '0b 01',
    '12 0000',
    '13 0001',
    '18 00000001',
    '1a 0000',
    '1c 0000',
    '1f 0000',
    '23 0001',
    '24 01',
    '25 01',
    '28 01',
    '29 01',
    '2a 01',
    '00',
    '7f',
  ].map(
    (property): BadRow => ({
      name: `property ${property.slice(0, 2)} is not one of CONNECT`,
      hex: properties(property),
      error: 0x81,
    }),
  ),
  ...['0b 01', '11 00000001', '15 0000', '16 0000', '1f 0000', '21 0001', '23 0001'].map(
    (property): BadRow => ({
      name: `property ${property.slice(0, 2)} is not one of a will`,
      hex: WILL_PROPERTY(property),
      error: 0x81,
    }),
  ),
  {
    name: 'Will Delay twice',
    hex: framed('10', `${head('06')}${C}${block('18 00000001', '18 00000001')}${text('w')}0000`),
    error: 0x82,
  },
  { name: 'payload format 2 of a will', hex: WILL_PROPERTY('01 02'), error: 0x82 },
  { name: 'Response Topic with a wildcard in a will', hex: WILL_PROPERTY(`08 ${text('+')}`), error: 0x82 },
]);

runRefused('CONNECT, not encoded', [
  { name: 'Keep Alive 65536', packet: { ...base, keepAlive: 65_536 }, error: 0x81 },
  { name: 'Keep Alive -1', packet: { ...base, keepAlive: -1 }, error: 0x81 },
  { name: 'Keep Alive NaN', packet: { ...base, keepAlive: Number.NaN }, error: 0x81 },
  { name: 'no Keep Alive', packet: { ...base, keepAlive: undefined }, error: 0x81 },
  { name: 'Clean Start that is no boolean', packet: { ...base, cleanStart: 1 }, error: 0x81 },
  { name: 'no Client Identifier', packet: { ...base, clientId: undefined }, error: 0x81 },
  { name: 'Client Identifier with U+0000', packet: { ...base, clientId: '\0' }, error: 0x81 },
  { name: 'Client Identifier of 65,536 bytes', packet: { ...base, clientId: 'x'.repeat(65_536) }, error: 0x81 },
  { name: 'User Name with a lone surrogate', packet: { ...base, username: 'a\udc00b' }, error: 0x81 },
  { name: 'User Name null', packet: { ...base, username: null }, error: 0x81 },
  { name: 'Password that is a string', packet: { ...base, password: 'secret' }, error: 0x81 },
  { name: 'Password of 65,536 bytes', packet: { ...base, password: new Uint8Array(65_536) }, error: 0x81 },
  { name: 'Will QoS 3', packet: { ...base, will: { ...will, qos: 3 } }, error: 0x81 },
  { name: 'Will Retain that is no boolean', packet: { ...base, will: { ...will, retain: 0 } }, error: 0x81 },
  { name: 'Will Topic with a wildcard', packet: { ...base, will: { ...will, topicName: '+' } }, error: 0x82 },
  { name: 'empty Will Topic', packet: { ...base, will: { ...will, topicName: '' } }, error: 0x82 },
  {
    name: 'Will Payload of 65,536 bytes',
    packet: { ...base, will: { ...will, payload: new Uint8Array(65_536) } },
    error: 0x81,
  },
  { name: 'Will Payload that is a string', packet: { ...base, will: { ...will, payload: 'x' } }, error: 0x81 },
  {
    name: 'will with a property of CONNECT',
    packet: { ...base, will: { ...will, properties: { receiveMaximum: 1 } } },
    error: 0x81,
  },
  { name: 'property of a will', packet: { ...base, properties: { willDelayInterval: 1 } }, error: 0x81 },
  { name: 'Receive Maximum 0', packet: { ...base, properties: { receiveMaximum: 0 } }, error: 0x82 },
  { name: 'Receive Maximum 65536', packet: { ...base, properties: { receiveMaximum: 65_536 } }, error: 0x81 },
  { name: 'Maximum Packet Size 0', packet: { ...base, properties: { maximumPacketSize: 0 } }, error: 0x82 },
  {
    name: 'Session Expiry Interval 2^32',
    packet: { ...base, properties: { sessionExpiryInterval: 4_294_967_296 } },
    error: 0x81,
  },
  {
    name: 'Request Problem Information that is no boolean',
    packet: { ...base, properties: { requestProblemInformation: 1 } },
    error: 0x81,
  },
  {
    name: 'Authentication Data without Method',
    packet: { ...base, properties: { authenticationData: new Uint8Array(1) } },
    error: 0x82,
  },
]);
