// SPDX-License-Identifier: Apache-2.0

import { type BadRow, type GoodRow, type RefusedRow, runBad, runGood, runRefused } from '../../test/rows.ts';

// Fixed header, name, codes either side may send, codes of the server alone.
const ACKS = [
  {
    type: 'puback',
    first: '40',
    flagged: '41',
    either: [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
    server: [0x10],
    ids: '[MQTT-3.4.2-1]',
  },
  {
    type: 'pubrec',
    first: '50',
    flagged: '52',
    either: [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
    server: [0x10],
    ids: '[MQTT-3.5.2-1]',
  },
  { type: 'pubrel', first: '62', flagged: '60', either: [0x92], server: [], ids: '[MQTT-3.6.1-1] [MQTT-3.6.2-1]' },
  { type: 'pubcomp', first: '70', flagged: '72', either: [0x92], server: [], ids: '[MQTT-3.7.2-1]' },
] as const;

for (const { type, first, flagged, either, server, ids } of ACKS) {
  const name = type.toUpperCase();
  const byte = (code: number): string => code.toString(16).padStart(2, '0');
  const codes: readonly number[] = [0x00, ...either, ...server];

  const good: GoodRow[] = [
    {
      name: 'Remaining Length 2: code and properties left out (§3.4.2.1)',
      hex: `${first} 02 0005`,
      packet: { type, packetIdentifier: 5, reasonCode: 0 },
    },
    {
      name: 'Remaining Length 3: properties left out (§3.4.2.2.1)',
      hex: `${first} 03 ffff ${byte(either[0])}`,
      packet: { type, packetIdentifier: 65535, reasonCode: either[0] },
    },
    {
      name: 'Remaining Length 3 with code 0x00',
      hex: `${first} 03 0005 00`,
      packet: { type, packetIdentifier: 5, reasonCode: 0 },
      canonical: `${first} 02 0005`,
    },
    {
      name: 'Property Length 0 (§2.2.2.1) [MQTT-2.2.2-1]',
      hex: `${first} 04 0005 ${byte(either[0])} 00`,
      packet: { type, packetIdentifier: 5, reasonCode: either[0] },
      canonical: `${first} 03 0005 ${byte(either[0])}`,
    },
    {
      name: 'Reason String',
      hex: `${first} 09 0005 00 05 1f 0002 6f6b`,
      packet: { type, packetIdentifier: 5, reasonCode: 0, properties: { reasonString: 'ok' } },
    },
    {
      name: 'User Properties in order, names repeated [MQTT-1.5.7-1]',
      hex: `${first} 19 0005 00 15 26 0001 61 0001 31 26 0001 62 0000 26 0001 61 0002 c3a9`,
      packet: {
        type,
        packetIdentifier: 5,
        reasonCode: 0,
        properties: {
          userProperties: [
            ['a', '1'],
            ['b', ''],
            ['a', 'é'],
          ],
        },
      },
    },
    {
      name: 'Reason String and User Property in either order',
      hex: `${first} 13 0005 ${byte(either[0])} 0f 26 0001 61 0001 62 1f 0005 6572726f72`,
      packet: {
        type,
        packetIdentifier: 5,
        reasonCode: either[0],
        properties: { userProperties: [['a', 'b']], reasonString: 'error' },
      },
    },
    ...codes
      .filter((code) => code !== 0)
      .map(
        (code): GoodRow => ({
          name: `code 0x${byte(code)} ${ids}`,
          hex: `${first} 03 0001 ${byte(code)}`,
          packet: { type, packetIdentifier: 1, reasonCode: code },
        }),
      ),
    {
      name: 'code of a server, from a server',
      hex: `${first} 03 0001 ${byte(codes.at(-1) ?? 0)}`,
      packet: { type, packetIdentifier: 1, reasonCode: codes.at(-1) ?? 0 },
      options: { from: 'server' },
    },
  ];
  runGood(name, good);

  const bad: BadRow[] = [
    { name: 'T-301 reserved flags [MQTT-2.1.3-1]', hex: `${flagged} 02 0005`, error: 0x81 },
    { name: 'T-301 Packet Identifier 0 [MQTT-2.2.1-5]', hex: `${first} 02 0000`, error: 0x82 },
    { name: 'no Packet Identifier', hex: `${first} 00`, error: 0x81 },
    { name: 'half a Packet Identifier', hex: `${first} 01 00`, error: 0x81 },
    { name: 'T-301 bytes behind the properties', hex: `${first} 05 0005 00 00 00`, error: 0x81 },
    { name: 'property block cut off', hex: `${first} 05 0005 00 05 1f`, error: 0x81 },
    { name: 'Property Length past the end', hex: `${first} 04 0005 00 01`, error: 0x81 },
    { name: 'Property Length not in its shortest form [MQTT-1.5.5-1]', hex: `${first} 05 0005 00 8000`, error: 0x81 },
    { name: 'Reason String twice (§3.4.2.2.2)', hex: `${first} 0c 0005 00 08 1f 0001 61 1f 0001 61`, error: 0x82 },
    { name: 'T-301 property of another packet (§2.2.2.2)', hex: `${first} 07 0005 00 03 21 0001`, error: 0x81 },
    { name: 'T-301 unknown property', hex: `${first} 06 0005 00 02 2b 00`, error: 0x81 },
    { name: 'Property Identifier of two bytes', hex: `${first} 06 0005 00 02 8100`, error: 0x81 },
    { name: 'Reason String with U+0000 [MQTT-1.5.4-2]', hex: `${first} 08 0005 00 04 1f 0001 00`, error: 0x81 },
    {
      name: 'User Property with an overlong value [MQTT-1.5.7-1]',
      hex: `${first} 0c 0005 00 08 26 0001 61 0002 c080`,
      error: 0x81,
    },
    ...Array.from({ length: 256 }, (_, code) => code)
      .filter((code) => !codes.includes(code))
      .map(
        (code): BadRow => ({
          name: `T-301 undefined code 0x${byte(code)} ${ids}`,
          hex: `${first} 03 0001 ${byte(code)}`,
          error: 0x81,
        }),
      ),
    ...server.map(
      (code): BadRow => ({
        name: `code 0x${byte(code)} from a client (§3.4.2.1)`,
        hex: `${first} 03 0001 ${byte(code)}`,
        error: 0x82,
        options: { from: 'client' },
      }),
    ),
  ];
  runBad(`${name}, refused`, bad);

  const refused: RefusedRow[] = [
    { name: 'T-306 Packet Identifier 0', packet: { type, packetIdentifier: 0, reasonCode: 0 }, error: 0x82 },
    { name: 'Packet Identifier 65536', packet: { type, packetIdentifier: 65536, reasonCode: 0 }, error: 0x81 },
    { name: 'Packet Identifier 1.5', packet: { type, packetIdentifier: 1.5, reasonCode: 0 }, error: 0x81 },
    { name: 'no Packet Identifier', packet: { type, reasonCode: 0 }, error: 0x81 },
    { name: 'undefined code', packet: { type, packetIdentifier: 1, reasonCode: 0x01 }, error: 0x81 },
    { name: 'no code', packet: { type, packetIdentifier: 1 }, error: 0x81 },
    { name: 'code beyond a byte', packet: { type, packetIdentifier: 1, reasonCode: 256 }, error: 0x81 },
    {
      name: 'property of another packet',
      packet: { type, packetIdentifier: 1, reasonCode: 0, properties: { topicAlias: 1 } },
      error: 0x81,
    },
    {
      name: 'Reason String with a lone surrogate [MQTT-1.5.4-1]',
      packet: { type, packetIdentifier: 1, reasonCode: 0, properties: { reasonString: '\ud800' } },
      error: 0x81,
    },
    {
      name: 'Reason String that is no string',
      packet: { type, packetIdentifier: 1, reasonCode: 0, properties: { reasonString: 5 } },
      error: 0x81,
    },
    {
      name: 'User Property that is no pair',
      packet: { type, packetIdentifier: 1, reasonCode: 0, properties: { userProperties: [['a']] } },
      error: 0x81,
    },
    {
      name: 'User Properties as an object',
      packet: { type, packetIdentifier: 1, reasonCode: 0, properties: { userProperties: { a: 'b' } } },
      error: 0x81,
    },
    {
      name: 'User Property with U+0000 in its name',
      packet: { type, packetIdentifier: 1, reasonCode: 0, properties: { userProperties: [['\0', '']] } },
      error: 0x81,
    },
    {
      name: 'properties that are no object',
      packet: { type, packetIdentifier: 1, reasonCode: 0, properties: 5 },
      error: 0x81,
    },
    { name: 'properties null', packet: { type, packetIdentifier: 1, reasonCode: 0, properties: null }, error: 0x81 },
  ];
  runRefused(`${name}, not encoded`, refused);
}

for (const { type, first } of [
  { type: 'suback', first: '90' },
  { type: 'unsuback', first: 'b0' },
] as const) {
  const name = type.toUpperCase();
  const failure = '87';
  const codes =
    type === 'suback'
      ? [0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]
      : [0, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91];
  const ids = type === 'suback' ? '[MQTT-3.9.3-2]' : '[MQTT-3.11.3-2]';
  runGood(name, [
    { name: 'one code', hex: `${first} 04 0001 00 00`, packet: { type, packetIdentifier: 1, reasonCodes: [0] } },
    {
      name: 'success and failure mixed, in order',
      hex: `${first} 06 0001 00 00 ${failure} 00`,
      packet: { type, packetIdentifier: 1, reasonCodes: [0, 0x87, 0] },
      options: { from: 'server' },
    },
    {
      name: `every code of the table ${ids}`,
      hex: `${first} ${(3 + codes.length).toString(16).padStart(2, '0')} 0001 00 ${codes.map((c) => c.toString(16).padStart(2, '0')).join('')}`,
      packet: { type, packetIdentifier: 1, reasonCodes: codes },
    },
    {
      name: 'Reason String and User Property',
      hex: `${first} 0f 0001 0b 1f 0001 78 26 0001 61 0001 62 00`,
      packet: {
        type,
        packetIdentifier: 1,
        reasonCodes: [0],
        properties: { reasonString: 'x', userProperties: [['a', 'b']] },
      },
    },
  ]);
  runBad(`${name}, refused`, [
    { name: 'reserved flags [MQTT-2.1.3-1]', hex: `${first[0]}1 04 0001 00 00`, error: 0x81 },
    { name: 'Packet Identifier 0', hex: `${first} 04 0000 00 00`, error: 0x82 },
    { name: 'no Property Length: there is no short form', hex: `${first} 02 0001`, error: 0x81 },
    { name: 'no code', hex: `${first} 03 0001 00`, error: 0x82 },
    { name: 'from a client', hex: `${first} 04 0001 00 00`, error: 0x82, options: { from: 'client' } },
    { name: 'Topic Alias', hex: `${first} 07 0001 03 23 0001 00`, error: 0x81 },
    ...Array.from({ length: 256 }, (_, code) => code)
      .filter((code) => !codes.includes(code))
      .map(
        (code): BadRow => ({
          name: `an undefined code (T-301), a Protocol Error: 0x${code.toString(16)} ${ids}`,
          hex: `${first} 05 0001 00 00 ${code.toString(16).padStart(2, '0')}`,
          error: 0x82,
        }),
      ),
  ]);
  runRefused(`${name}, not encoded`, [
    { name: 'no code', packet: { type, packetIdentifier: 1, reasonCodes: [] }, error: 0x82 },
    { name: 'codes that are no array', packet: { type, packetIdentifier: 1, reasonCodes: 0 }, error: 0x81 },
    { name: 'undefined code', packet: { type, packetIdentifier: 1, reasonCodes: [0, 0x7f] }, error: 0x82 },
    { name: 'Packet Identifier 0', packet: { type, packetIdentifier: 0, reasonCodes: [0] }, error: 0x82 },
  ]);
}
