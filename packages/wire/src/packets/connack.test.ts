// SPDX-License-Identifier: Apache-2.0

import { type BadRow, block, framed, type GoodRow, runBad, runGood, runRefused, text } from '../../test/rows.ts';

const CODES = [
  0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c,
  0x9d, 0x9f,
];
const byte = (value: number): string => value.toString(16).padStart(2, '0');
const base = { type: 'connack', sessionPresent: false, reasonCode: 0 } as const;
const accepted = (...properties: string[]): string => framed('20', `0000${block(...properties)}`);

runGood('CONNACK', [
  { name: 'accepted', hex: '20 03 00 00 00', packet: base },
  {
    name: 'Session Present',
    hex: '20 03 01 00 00',
    packet: { ...base, sessionPresent: true },
    options: { from: 'server' },
  },
  ...CODES.map(
    (code): GoodRow => ({
      name: `code 0x${byte(code)} [MQTT-3.2.2-8]`,
      hex: `20 03 00 ${byte(code)} 00`,
      packet: { ...base, reasonCode: code },
    }),
  ),
  {
    name: 'every property',
    hex: accepted(
      '11 00000000',
      '21 ffff',
      '24 00',
      '25 00',
      '27 ffffffff',
      `12 ${text('id')}`,
      '22 000a',
      `1f ${text('why')}`,
      `26 ${text('a')}${text('b')}`,
      '28 00',
      '29 01',
      '2a 00',
      '13 0000',
      `1a ${text('i')}`,
      `1c ${text('s')}`,
      `15 ${text('m')}`,
      '16 0001 00',
    ),
    packet: {
      ...base,
      properties: {
        sessionExpiryInterval: 0,
        receiveMaximum: 65_535,
        maximumQoS: 0,
        retainAvailable: false,
        maximumPacketSize: 0xffffffff,
        assignedClientIdentifier: 'id',
        topicAliasMaximum: 10,
        reasonString: 'why',
        userProperties: [['a', 'b']],
        wildcardSubscriptionAvailable: false,
        subscriptionIdentifierAvailable: true,
        sharedSubscriptionAvailable: false,
        serverKeepAlive: 0,
        responseInformation: 'i',
        serverReference: 's',
        authenticationMethod: 'm',
        authenticationData: Uint8Array.of(0),
      },
    },
  },
  { name: 'T-303 Maximum QoS 1', hex: accepted('24 01'), packet: { ...base, properties: { maximumQoS: 1 } } },
  {
    name: 'a long Reason String',
    hex: accepted(`1f ${text('y'.repeat(300))}`),
    packet: { ...base, properties: { reasonString: 'y'.repeat(300) } },
  },
]);

const SINGLE = [
  '11 00000001',
  '21 0001',
  '24 01',
  '25 01',
  '27 00000001',
  '12 0000',
  '22 0001',
  '1f 0000',
  '28 01',
  '29 01',
  '2a 01',
  '13 0001',
  '1a 0000',
  '1c 0000',
  '15 0000',
  '16 0000',
];

runBad('CONNACK, refused', [
  { name: 'T-301 no Property Length', hex: '20 02 00 00', error: 0x81 },
  { name: 'no code', hex: '20 01 00', error: 0x81 },
  { name: 'empty body', hex: '20 00', error: 0x81 },
  { name: 'reserved flags of the fixed header', hex: '22 03 00 00 00', error: 0x81 },
  { name: 'reserved flag [MQTT-3.2.2-1]', hex: '20 03 02 00 00', error: 0x81 },
  { name: 'Session Present with a failure code [MQTT-3.2.2-6]', hex: '20 03 01 87 00', error: 0x82 },
  { name: 'bytes behind the properties', hex: '20 04 00 00 00 00', error: 0x81 },
  { name: 'from a client', hex: '20 03 00 00 00', error: 0x82, options: { from: 'client' } },
  ...Array.from({ length: 255 }, (_, code) => code + 1)
    .filter((code) => !CODES.includes(code))
    .map(
      (code): BadRow => ({
        name: `undefined code 0x${byte(code)} [MQTT-3.2.2-8]`,
        hex: `20 03 00 ${byte(code)} 00`,
        error: 0x81,
      }),
    ),
  { name: 'T-301 Receive Maximum 0', hex: accepted('21 0000'), error: 0x82 },
  { name: 'T-301 Maximum QoS 2', hex: accepted('24 02'), error: 0x82 },
  { name: 'Maximum Packet Size 0', hex: accepted('27 00000000'), error: 0x82 },
  ...['25', '28', '29', '2a'].map(
    (id): BadRow => ({ name: `property 0x${id} of value 2`, hex: accepted(`${id} 02`), error: 0x82 }),
  ),
  ...SINGLE.map(
    (property): BadRow => ({
      name: `T-301 property 0x${property.slice(0, 2)} twice`,
      hex: accepted(property, property),
      error: 0x82,
    }),
  ),
  ...[
    '01 01',
    '02 00000001',
    '03 0000',
    '08 000161',
    '09 0000',
    '0b 01',
    '17 01',
    '18 00000001',
    '19 01',
    '23 0001',
  ].map(
    (property): BadRow => ({
      name: `T-301 property 0x${property.slice(0, 2)} is not one of CONNACK`,
      hex: accepted(property),
      error: 0x81,
    }),
  ),
  ...SINGLE.map(
    (property): BadRow => ({
      name: `T-301 property 0x${property.slice(0, 2)} cut off`,
      hex: accepted(property.slice(0, -2)),
      error: 0x81,
    }),
  ),
]);

runRefused('CONNACK, not encoded', [
  {
    name: 'Session Present with a failure code',
    packet: { ...base, sessionPresent: true, reasonCode: 0x80 },
    error: 0x82,
  },
  { name: 'Session Present that is no boolean', packet: { ...base, sessionPresent: undefined }, error: 0x81 },
  { name: 'undefined code', packet: { ...base, reasonCode: 0x8b }, error: 0x81 },
  { name: 'Maximum QoS 2', packet: { ...base, properties: { maximumQoS: 2 } }, error: 0x82 },
  { name: 'Receive Maximum 0', packet: { ...base, properties: { receiveMaximum: 0 } }, error: 0x82 },
  { name: 'Server Keep Alive 65536', packet: { ...base, properties: { serverKeepAlive: 65_536 } }, error: 0x81 },
  { name: 'Retain Available that is no boolean', packet: { ...base, properties: { retainAvailable: 0 } }, error: 0x81 },
  { name: 'Topic Alias', packet: { ...base, properties: { topicAlias: 1 } }, error: 0x81 },
]);
