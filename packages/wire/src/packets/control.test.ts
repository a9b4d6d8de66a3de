// SPDX-License-Identifier: Apache-2.0

// PINGREQ, PINGRESP, DISCONNECT and AUTH; fixed headers of no packet type.

import { type BadRow, block, framed, type GoodRow, runBad, runGood, runRefused, text } from '../../test/rows.ts';

const byte = (value: number): string => value.toString(16).padStart(2, '0');
const every = Array.from({ length: 256 }, (_, code) => code);

runGood('PINGREQ and PINGRESP', [
  { name: 'PINGREQ', hex: 'c000', packet: { type: 'pingreq' }, options: { from: 'client' } },
  { name: 'PINGRESP', hex: 'd000', packet: { type: 'pingresp' }, options: { from: 'server' } },
  {
    name: 'T-302 lenient: PINGRESP with reserved flags',
    hex: 'd300',
    packet: { type: 'pingresp' },
    canonical: 'd000',
    options: { lenient: true },
  },
  {
    name: 'T-302 lenient: Remaining Length not in its shortest form',
    hex: 'd0808000',
    packet: { type: 'pingresp' },
    canonical: 'd000',
    options: { lenient: true },
  },
  {
    name: 'T-302 lenient: both',
    hex: 'df8000',
    packet: { type: 'pingresp' },
    canonical: 'd000',
    options: { lenient: true, from: 'server' },
  },
  {
    name: 'T-302 lenient: a padded PUBACK',
    hex: '4082000005',
    packet: { type: 'puback', packetIdentifier: 5, reasonCode: 0 },
    canonical: '40020005',
    options: { lenient: true },
  },
]);

runBad('Fixed header, refused', [
  { name: 'T-301 packet type 0', hex: '00 00', error: 0x81 },
  { name: 'packet type 0 with flags', hex: '0f 00', error: 0x81 },
  { name: 'PINGREQ with flags [MQTT-2.1.3-1]', hex: 'c1 00', error: 0x81 },
  { name: 'T-301 PINGRESP with flags', hex: 'd1 00', error: 0x81 },
  { name: 'PINGREQ with a body', hex: 'c0 01 00', error: 0x81 },
  { name: 'T-301 PINGRESP with a body', hex: 'd0 01 00', error: 0x81 },
  { name: 'PINGRESP that announces a body', hex: 'd0 ff ff ff 7f', error: 0x81 },
  { name: 'PINGREQ from a server', hex: 'c0 00', error: 0x82, options: { from: 'server' } },
  { name: 'PINGRESP from a client', hex: 'd0 00', error: 0x82, options: { from: 'client' } },
  { name: 'T-301 Remaining Length not in its shortest form [MQTT-1.5.5-1]', hex: 'c0 80 00', error: 0x81 },
  { name: 'Remaining Length 1 in four bytes', hex: '40 82 80 80 00 0005', error: 0x81 },
  { name: 'T-323 Remaining Length with a fifth byte', hex: '30 ff ff ff ff 01', error: 0x81 },
  { name: 'T-323 Remaining Length that never ends', hex: '30 80 80 80 80', error: 0x81 },
  {
    name: 'T-302 lenient: a fifth byte all the same',
    hex: 'd0 80 80 80 80 00',
    error: 0x81,
    options: { lenient: true },
  },
  { name: 'T-302 lenient: PINGREQ with flags', hex: 'c1 00', error: 0x81, options: { lenient: true } },
  { name: 'T-302 lenient: PUBACK with flags', hex: '41 02 0005', error: 0x81, options: { lenient: true } },
  { name: 'T-302 lenient: PINGRESP with a body', hex: 'd1 01 00', error: 0x81, options: { lenient: true } },
  {
    name: 'T-302 lenient: Property Length not in its shortest form',
    hex: '20 04 00 00 80 00',
    error: 0x81,
    options: { lenient: true },
  },
  { name: 'T-302 lenient: Packet Identifier 0', hex: '40 02 0000', error: 0x82, options: { lenient: true } },
]);

const EITHER = [0x00, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9b];
const CLIENT = [0x04];
const SERVER = [0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x9a, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2];
const short = (code: number): string => (code === 0 ? 'e000' : `e001${byte(code)}`);

runGood('DISCONNECT', [
  { name: 'Remaining Length 0 is 0x00 (§3.14.2.1)', hex: 'e0 00', packet: { type: 'disconnect', reasonCode: 0 } },
  {
    name: 'Remaining Length 1 with 0x00',
    hex: 'e0 01 00',
    packet: { type: 'disconnect', reasonCode: 0 },
    canonical: 'e000',
  },
  { name: 'Property Length 0', hex: 'e0 02 04 00', packet: { type: 'disconnect', reasonCode: 4 }, canonical: 'e00104' },
  ...[...EITHER, ...CLIENT].map(
    (code): GoodRow => ({
      name: `code 0x${byte(code)} from a client [MQTT-3.14.2-1]`,
      hex: short(code),
      packet: { type: 'disconnect', reasonCode: code },
      options: { from: 'client' },
    }),
  ),
  ...[...EITHER, ...SERVER].map(
    (code): GoodRow => ({
      name: `code 0x${byte(code)} from a server`,
      hex: short(code),
      packet: { type: 'disconnect', reasonCode: code },
      options: { from: 'server' },
    }),
  ),
  {
    name: 'every property, from a client',
    hex: framed('e0', `00${block('11 00000001', `1f ${text('x')}`, `26 ${text('a')}${text('b')}`, `1c ${text('s')}`)}`),
    packet: {
      type: 'disconnect',
      reasonCode: 0,
      properties: { sessionExpiryInterval: 1, reasonString: 'x', userProperties: [['a', 'b']], serverReference: 's' },
    },
    options: { from: 'client' },
  },
  {
    name: 'Server Reference from a server',
    hex: framed('e0', `9c${block(`1c ${text('other:1883')}`)}`),
    packet: { type: 'disconnect', reasonCode: 0x9c, properties: { serverReference: 'other:1883' } },
    options: { from: 'server' },
  },
]);

runBad('DISCONNECT, refused', [
  { name: 'reserved flags [MQTT-3.14.1-1]', hex: 'e1 00', error: 0x81 },
  {
    name: 'Session Expiry Interval from a server [MQTT-3.14.2-2]',
    hex: framed('e0', `00${block('11 00000000')}`),
    error: 0x82,
    options: { from: 'server' },
  },
  ...SERVER.map(
    (code): BadRow => ({
      name: `code 0x${byte(code)} from a client`,
      hex: `e0 01 ${byte(code)}`,
      error: 0x82,
      options: { from: 'client' },
    }),
  ),
  { name: 'code 0x04 from a server', hex: 'e0 01 04', error: 0x82, options: { from: 'server' } },
  ...every
    .filter((code) => ![...EITHER, ...CLIENT, ...SERVER].includes(code))
    .map(
      (code): BadRow => ({
        name: `T-301 undefined code 0x${byte(code)} [MQTT-3.14.2-1]`,
        hex: `e0 01 ${byte(code)}`,
        error: 0x81,
      }),
    ),
  { name: 'bytes behind the properties', hex: 'e0 03 00 00 00', error: 0x81 },
  { name: 'Receive Maximum', hex: framed('e0', `00${block('21 0001')}`), error: 0x81 },
  { name: 'Session Expiry Interval twice', hex: framed('e0', `00${block('11 00000001', '11 00000001')}`), error: 0x82 },
]);

runRefused('DISCONNECT, not encoded', [
  { name: 'undefined code', packet: { type: 'disconnect', reasonCode: 0x01 }, error: 0x81 },
  { name: 'no code', packet: { type: 'disconnect' }, error: 0x81 },
  { name: 'Topic Alias', packet: { type: 'disconnect', reasonCode: 0, properties: { topicAlias: 1 } }, error: 0x81 },
  {
    name: 'Session Expiry Interval 0.5',
    packet: { type: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 0.5 } },
    error: 0x81,
  },
]);

const METHOD = `15 ${text('m')}`;

runGood('AUTH', [
  { name: 'Remaining Length 0 is 0x00 (§3.15.2.1)', hex: 'f0 00', packet: { type: 'auth', reasonCode: 0 } },
  {
    name: '0x00 with Method, from a server',
    hex: framed('f0', `00${block(METHOD)}`),
    packet: { type: 'auth', reasonCode: 0, properties: { authenticationMethod: 'm' } },
    options: { from: 'server' },
  },
  {
    name: '0x18 from a client [MQTT-4.12.0-3]',
    hex: framed('f0', `18${block(METHOD, '16 0002 0001')}`),
    packet: {
      type: 'auth',
      reasonCode: 0x18,
      properties: { authenticationMethod: 'm', authenticationData: Uint8Array.of(0, 1) },
    },
    options: { from: 'client' },
  },
  {
    name: '0x18 from a server [MQTT-4.12.0-2]',
    hex: framed('f0', `18${block(METHOD, '16 0000')}`),
    packet: {
      type: 'auth',
      reasonCode: 0x18,
      properties: { authenticationMethod: 'm', authenticationData: new Uint8Array(0) },
    },
    options: { from: 'server' },
  },
  {
    name: '0x19 from a client, every property',
    hex: framed('f0', `19${block(METHOD, `1f ${text('r')}`, `26 ${text('a')}${text('b')}`)}`),
    packet: {
      type: 'auth',
      reasonCode: 0x19,
      properties: { authenticationMethod: 'm', reasonString: 'r', userProperties: [['a', 'b']] },
    },
    options: { from: 'client' },
  },
]);

runBad('AUTH, refused', [
  { name: 'reserved flags [MQTT-3.15.1-1]', hex: 'f1 00', error: 0x81 },
  {
    name: '0x19 from a server [MQTT-3.15.2-1]',
    hex: framed('f0', `19${block(METHOD)}`),
    error: 0x82,
    options: { from: 'server' },
  },
  { name: '0x00 from a client', hex: framed('f0', `00${block(METHOD)}`), error: 0x82, options: { from: 'client' } },
  { name: 'Remaining Length 0 from a client', hex: 'f0 00', error: 0x82, options: { from: 'client' } },
  { name: 'no Method (§3.15.2.2.2)', hex: 'f0 02 18 00', error: 0x82 },
  { name: 'Data without Method', hex: framed('f0', `18${block('16 0000')}`), error: 0x82 },
  { name: 'Method twice', hex: framed('f0', `18${block(METHOD, METHOD)}`), error: 0x82 },
  { name: 'code without Property Length', hex: 'f0 01 18', error: 0x81 },
  { name: 'bytes behind the properties', hex: framed('f0', `18${block(METHOD)}00`), error: 0x81 },
  ...every
    .filter((code) => ![0x00, 0x18, 0x19].includes(code))
    .map(
      (code): BadRow => ({
        name: `T-301 undefined code 0x${byte(code)} [MQTT-3.15.2-1]`,
        hex: framed('f0', `${byte(code)}${block(METHOD)}`),
        error: 0x81,
      }),
    ),
]);

runRefused('AUTH, not encoded', [
  { name: '0x18 without Method', packet: { type: 'auth', reasonCode: 0x18 }, error: 0x82 },
  {
    name: '0x00 with properties and no Method',
    packet: { type: 'auth', reasonCode: 0, properties: { reasonString: 'x' } },
    error: 0x82,
  },
  {
    name: 'undefined code',
    packet: { type: 'auth', reasonCode: 0x80, properties: { authenticationMethod: 'm' } },
    error: 0x81,
  },
]);

runRefused('What is no packet, not encoded', [
  { name: 'unknown type', packet: { type: 'pubsub' }, error: 0x81 },
  { name: 'type of Object.prototype', packet: { type: 'toString' }, error: 0x81 },
  { name: 'no type', packet: {}, error: 0x81 },
  { name: 'type by number', packet: { type: 3 }, error: 0x81 },
]);
