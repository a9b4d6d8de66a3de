// SPDX-License-Identifier: Apache-2.0
//
// PUBLISH, byte by byte: what is decoded, what is refused, and what is not encoded.

import { block, framed, runBad, runGood, runRefused, text } from '../../test/rows.ts';
import { base, NONE } from '../../test/publish-base.ts';

const TOPIC = text('a/b');
const long = 'x'.repeat(65_535);

runGood('PUBLISH', [
  { name: 'QoS 0 without payload [MQTT-2.2.1-2]', hex: framed('30', `${TOPIC}00`), packet: base },
  {
    name: 'payload',
    hex: framed('30', `${TOPIC}00 000102ff`),
    packet: { ...base, payload: Uint8Array.of(0, 1, 2, 255) },
  },
  { name: 'RETAIN', hex: framed('31', `${TOPIC}00`), packet: { ...base, retain: true } },
  { name: 'QoS 1', hex: framed('32', `${TOPIC}0001 00`), packet: { ...base, qos: 1, packetIdentifier: 1 } },
  {
    name: 'QoS 2, DUP, RETAIN, highest identifier',
    hex: framed('3d', `${TOPIC}ffff 00 61`),
    packet: { ...base, qos: 2, dup: true, retain: true, packetIdentifier: 65_535, payload: Uint8Array.of(0x61) },
  },
  {
    name: 'DUP at QoS 1',
    hex: framed('3a', `${TOPIC}0001 00`),
    packet: { ...base, qos: 1, dup: true, packetIdentifier: 1 },
  },
  { name: 'topic of one character', hex: framed('30', `${text('/')}00`), packet: { ...base, topicName: '/' } },
  {
    name: 'T-303 topic of 65,535 bytes [MQTT-4.7.3-3]',
    hex: framed('30', `${text(long)}00`),
    packet: { ...base, topicName: long },
  },
  {
    name: 'topic with characters of two, three and four bytes',
    hex: framed('30', `${text('é/€/😀')}00`),
    packet: { ...base, topicName: 'é/€/😀' },
  },
  {
    name: 'T-303 BOM in front and inside is U+FEFF [MQTT-1.5.4-3]',
    hex: framed('30', `0009 efbbbf 61 efbbbf 6263 00`),
    packet: { ...base, topicName: '\ufeffa\ufeffbc' },
  },
  {
    name: 'T-303 control characters and noncharacters (§5.4.9)',
    hex: framed('30', `${text('\u0001\u007f\u009f\uffff')}00`),
    packet: { ...base, topicName: '\u0001\u007f\u009f\uffff' },
  },
  { name: '$ topic', hex: framed('30', `${text('$SYS/x')}00`), packet: { ...base, topicName: '$SYS/x' } },
  {
    name: 'empty topic with Topic Alias (§3.3.2.3.4)',
    hex: framed('30', `0000 ${block('23 0005')} 61`),
    packet: { ...base, topicName: '', payload: Uint8Array.of(0x61), properties: { topicAlias: 5 } },
  },
  {
    name: 'topic and Topic Alias 65535',
    hex: framed('30', `${TOPIC}${block('23 ffff')}`),
    packet: { ...base, properties: { topicAlias: 65_535 } },
  },
  {
    name: 'every property',
    hex: framed(
      '32',
      `${TOPIC}0009${block('01 01', '02 ffffffff', '23 0001', `08 ${text('r/t')}`, '09 0002 00ff', `26 ${text('k')}${text('v')}`, `26 ${text('k')}${text('')}`, '0b 01', '0b ffffff7f', '0b 01', `03 ${text('text/plain')}`)} 6869`,
    ),
    packet: {
      ...base,
      qos: 1,
      packetIdentifier: 9,
      payload: Uint8Array.of(0x68, 0x69),
      properties: {
        payloadFormatIndicator: 1,
        messageExpiryInterval: 4_294_967_295,
        topicAlias: 1,
        responseTopic: 'r/t',
        correlationData: Uint8Array.of(0, 255),
        userProperties: [
          ['k', 'v'],
          ['k', ''],
        ],
        subscriptionIdentifiers: [1, 268_435_455, 1],
        contentType: 'text/plain',
      },
    },
  },
  {
    name: 'T-303 payload format 0, expiry 0, empty strings and data',
    hex: framed('30', `${TOPIC}${block('01 00', '02 00000000', '03 0000', '09 0000', '26 0000 0000')}`),
    packet: {
      ...base,
      properties: {
        payloadFormatIndicator: 0,
        messageExpiryInterval: 0,
        contentType: '',
        correlationData: NONE,
        userProperties: [['', '']],
      },
    },
  },
  {
    name: 'User Properties around other properties keep their order',
    hex: framed('30', `${TOPIC}${block(`26 ${text('b')}${text('1')}`, '01 01', `26 ${text('a')}${text('é')}`)}`),
    canonical: framed('30', `${TOPIC}${block(`26 ${text('b')}${text('1')}`, `26 ${text('a')}${text('é')}`, '01 01')}`),
    packet: {
      ...base,
      properties: {
        userProperties: [
          ['b', '1'],
          ['a', 'é'],
        ],
        payloadFormatIndicator: 1,
      },
    },
  },
  {
    name: 'property block of 128 bytes: Property Length of two',
    hex: framed('30', `${TOPIC}${block(`03 ${text('c'.repeat(125))}`)}ff`),
    packet: { ...base, payload: Uint8Array.of(255), properties: { contentType: 'c'.repeat(125) } },
  },
  {
    name: 'property block of 20,000 bytes: Property Length of three',
    hex: framed('30', `${TOPIC}${block(`03 ${text('é'.repeat(10_000))}`)}ff`),
    packet: { ...base, payload: Uint8Array.of(255), properties: { contentType: 'é'.repeat(10_000) } },
  },
  {
    name: 'Subscription Identifier from a server',
    hex: framed('30', `${TOPIC}${block('0b 8001')}`),
    packet: { ...base, properties: { subscriptionIdentifiers: [128] } },
    options: { from: 'server' },
  },
]);

runBad('PUBLISH, refused', [
  { name: 'T-320 QoS 3 [MQTT-3.3.1-4]', hex: framed('36', `${TOPIC}0001 00`), error: 0x81 },
  { name: 'DUP at QoS 0 [MQTT-3.3.1-2]', hex: framed('38', `${TOPIC}00`), error: 0x81 },
  { name: 'empty body', hex: '30 00', error: 0x81 },
  { name: 'half a topic length', hex: '30 01 00', error: 0x81 },
  { name: 'topic past the end [MQTT-3.3.2-1]', hex: '30 04 0003 6161', error: 0x81 },
  { name: 'no Property Length', hex: framed('30', TOPIC), error: 0x81 },
  { name: 'QoS 1 without Packet Identifier', hex: framed('32', `${TOPIC}00`), error: 0x81 },
  { name: 'T-301 Packet Identifier 0 [MQTT-2.2.1-4]', hex: framed('32', `${TOPIC}0000 00`), error: 0x82 },
  { name: 'T-301 topic with U+0000 [MQTT-1.5.4-2] [MQTT-4.7.3-2]', hex: framed('30', '0003 610062 00'), error: 0x81 },
  { name: 'T-301 topic of bad UTF-8', hex: framed('30', '0003 61ff62 00'), error: 0x81 },
  { name: 'T-301 topic with a surrogate [MQTT-1.5.4-1]', hex: framed('30', '0003 eda080 00'), error: 0x81 },
  { name: 'topic with an overlong slash', hex: framed('30', '0002 c0af 00'), error: 0x81 },
  { name: 'topic beyond U+10FFFF', hex: framed('30', '0004 f4908080 00'), error: 0x81 },
  { name: 'T-301 topic with # [MQTT-3.3.2-2] [MQTT-4.7.0-1]', hex: framed('30', `${text('a/#')}00`), error: 0x82 },
  { name: 'topic with + in the middle', hex: framed('30', `${text('a/b+/c')}00`), error: 0x82 },
  { name: 'long topic with +', hex: framed('30', `${text(`${'a'.repeat(100)}+`)}00`), error: 0x82 },
  { name: 'T-301 empty topic without alias [MQTT-4.7.3-1]', hex: framed('30', '0000 00'), error: 0x82 },
  { name: 'empty topic with other properties only', hex: framed('30', `0000${block('01 01')}`), error: 0x82 },
  { name: 'T-301 Topic Alias 0 [MQTT-3.3.2-8]', hex: framed('30', `${TOPIC}${block('23 0000')}`), error: 0x94 },
  { name: 'T-301 unknown property', hex: framed('30', `${TOPIC}${block('04 00')}`), error: 0x81 },
  { name: 'property 0', hex: framed('30', `${TOPIC}${block('00')}`), error: 0x81 },
  { name: 'property 0x7f', hex: framed('30', `${TOPIC}${block('7f')}`), error: 0x81 },
  { name: 'property 0x80', hex: framed('30', `${TOPIC}${block('80')}`), error: 0x81 },
  {
    name: 'property 0x21: shares its low bits with another',
    hex: framed('30', `${TOPIC}${block('21 0001')}`),
    error: 0x81,
  },
  {
    name: 'property 0x22 beside 0x02',
    hex: framed('30', `${TOPIC}${block('02 00000001', '22 0001')}`),
    error: 0x81,
  },
  {
    name: 'T-301 property of another packet: Reason String',
    hex: framed('30', `${TOPIC}${block('1f 0000')}`),
    error: 0x81,
  },
  { name: 'T-301 payload format 2 (§2.2.2.2)', hex: framed('30', `${TOPIC}${block('01 02')}`), error: 0x82 },
  { name: 'T-301 payload format twice', hex: framed('30', `${TOPIC}${block('01 01', '01 01')}`), error: 0x82 },
  { name: 'expiry twice', hex: framed('30', `${TOPIC}${block('02 00000001', '02 00000001')}`), error: 0x82 },
  { name: 'Content Type twice', hex: framed('30', `${TOPIC}${block('03 0000', '03 0000')}`), error: 0x82 },
  { name: 'Response Topic twice', hex: framed('30', `${TOPIC}${block('08 000161', '08 000161')}`), error: 0x82 },
  { name: 'Correlation Data twice', hex: framed('30', `${TOPIC}${block('09 0000', '09 0000')}`), error: 0x82 },
  { name: 'Topic Alias twice', hex: framed('30', `${TOPIC}${block('23 0001', '23 0001')}`), error: 0x82 },
  { name: 'T-301 Subscription Identifier 0', hex: framed('30', `${TOPIC}${block('0b 00')}`), error: 0x82 },
  {
    name: 'Subscription Identifier not in its shortest form',
    hex: framed('30', `${TOPIC}${block('0b 8000')}`),
    error: 0x81,
  },
  {
    name: 'Subscription Identifier of five bytes',
    hex: framed('30', `${TOPIC}${block('0b 8080808001')}`),
    error: 0x81,
  },
  {
    name: 'Subscription Identifier from a client [MQTT-3.3.4-6]',
    hex: framed('30', `${TOPIC}${block('0b 01')}`),
    error: 0x82,
    options: { from: 'client' },
  },
  {
    name: 'T-301 wildcard in the Response Topic [MQTT-3.3.2-14]',
    hex: framed('30', `${TOPIC}${block(`08 ${text('r/+')}`)}`),
    error: 0x82,
  },
  { name: 'empty Response Topic', hex: framed('30', `${TOPIC}${block('08 0000')}`), error: 0x82 },
  {
    name: 'Response Topic of bad UTF-8 [MQTT-3.3.2-13]',
    hex: framed('30', `${TOPIC}${block('08 0001 80')}`),
    error: 0x81,
  },
  {
    name: 'Content Type of bad UTF-8 [MQTT-3.3.2-19]',
    hex: framed('30', `${TOPIC}${block('03 0005 6161616180')}`),
    error: 0x81,
  },
  {
    name: 'Content Type with U+0000 behind four letters',
    hex: framed('30', `${TOPIC}${block('03 0006 616161610061')}`),
    error: 0x81,
  },
  { name: 'User Property with a bad name', hex: framed('30', `${TOPIC}${block('26 0001 ff 0000')}`), error: 0x81 },
  { name: 'User Property with a bad value', hex: framed('30', `${TOPIC}${block('26 0000 0001 ff')}`), error: 0x81 },
  { name: 'User Property without value', hex: framed('30', `${TOPIC}${block('26 0000')}`), error: 0x81 },
  { name: 'T-301 payload format cut off', hex: framed('30', `${TOPIC}${block('01')}ff`), error: 0x81 },
  {
    name: 'T-301 expiry cut off by the block, not by the packet',
    hex: framed('30', `${TOPIC}${block('02 000000')}ffff`),
    error: 0x81,
  },
  { name: 'Topic Alias cut off', hex: framed('30', `${TOPIC}${block('23 00')}ffff`), error: 0x81 },
  { name: 'Content Type past the block', hex: framed('30', `${TOPIC}${block('03 0002 61')}ffff`), error: 0x81 },
  { name: 'Correlation Data without length', hex: framed('30', `${TOPIC}${block('09 00')}ffff`), error: 0x81 },
  { name: 'Subscription Identifier past the block', hex: framed('30', `${TOPIC}${block('0b 80')}01`), error: 0x81 },
  { name: 'Property Length past the end', hex: framed('30', `${TOPIC}05 0101`), error: 0x81 },
  { name: 'Property Length not in its shortest form', hex: framed('30', `${TOPIC}8000`), error: 0x81 },
  { name: 'Property Length of five bytes', hex: framed('30', `${TOPIC}8080808001`), error: 0x81 },
]);

runRefused('PUBLISH, not encoded', [
  { name: 'T-318 QoS 3', packet: { ...base, qos: 3, packetIdentifier: 1 }, error: 0x81 },
  { name: 'QoS as a string', packet: { ...base, qos: '1', packetIdentifier: 1 }, error: 0x81 },
  { name: 'T-319 QoS 1 without Packet Identifier', packet: { ...base, qos: 1 }, error: 0x82 },
  { name: 'QoS 0 with Packet Identifier [MQTT-2.2.1-2]', packet: { ...base, packetIdentifier: 1 }, error: 0x82 },
  { name: 'Packet Identifier 65536', packet: { ...base, qos: 1, packetIdentifier: 65_536 }, error: 0x81 },
  { name: 'DUP at QoS 0 [MQTT-3.3.1-2]', packet: { ...base, dup: true }, error: 0x81 },
  { name: 'RETAIN that is no boolean', packet: { ...base, retain: 1 }, error: 0x81 },
  { name: 'no DUP', packet: { ...base, dup: undefined }, error: 0x81 },
  { name: 'payload that is a string', packet: { ...base, payload: 'text' }, error: 0x81 },
  { name: 'payload that is an ArrayBuffer', packet: { ...base, payload: new ArrayBuffer(1) }, error: 0x81 },
  { name: 'no payload', packet: { ...base, payload: undefined }, error: 0x81 },
  { name: 'topic with + [MQTT-3.3.2-2]', packet: { ...base, topicName: 'a/+' }, error: 0x82 },
  { name: 'topic with #', packet: { ...base, topicName: '#' }, error: 0x82 },
  { name: 'empty topic without alias', packet: { ...base, topicName: '' }, error: 0x82 },
  {
    name: 'empty topic, alias undefined',
    packet: { ...base, topicName: '', properties: { topicAlias: undefined } },
    error: 0x82,
  },
  { name: 'topic with a lone high surrogate', packet: { ...base, topicName: 'a\ud83d' }, error: 0x81 },
  { name: 'topic with a lone low surrogate', packet: { ...base, topicName: '\ude00a' }, error: 0x81 },
  { name: 'topic with U+0000', packet: { ...base, topicName: 'a\0' }, error: 0x81 },
  { name: 'topic of 65,536 bytes', packet: { ...base, topicName: 'x'.repeat(65_536) }, error: 0x81 },
  {
    name: 'topic of 65,536 bytes in 32,768 characters',
    packet: { ...base, topicName: 'é'.repeat(32_768) },
    error: 0x81,
  },
  { name: 'no topic', packet: { ...base, topicName: undefined }, error: 0x81 },
  { name: 'Topic Alias 0 [MQTT-3.3.2-8]', packet: { ...base, properties: { topicAlias: 0 } }, error: 0x94 },
  { name: 'Topic Alias 65536', packet: { ...base, properties: { topicAlias: 65_536 } }, error: 0x81 },
  { name: 'payload format 2', packet: { ...base, properties: { payloadFormatIndicator: 2 } }, error: 0x82 },
  { name: 'expiry 2^32', packet: { ...base, properties: { messageExpiryInterval: 4_294_967_296 } }, error: 0x81 },
  { name: 'expiry -1', packet: { ...base, properties: { messageExpiryInterval: -1 } }, error: 0x81 },
  {
    name: 'Response Topic with a wildcard [MQTT-3.3.2-14]',
    packet: { ...base, properties: { responseTopic: 'a/#' } },
    error: 0x82,
  },
  { name: 'empty Response Topic', packet: { ...base, properties: { responseTopic: '' } }, error: 0x82 },
  {
    name: 'Correlation Data of 65,536 bytes',
    packet: { ...base, properties: { correlationData: new Uint8Array(65_536) } },
    error: 0x81,
  },
  { name: 'Correlation Data that is a string', packet: { ...base, properties: { correlationData: 'x' } }, error: 0x81 },
  { name: 'Subscription Identifier 0', packet: { ...base, properties: { subscriptionIdentifiers: [0] } }, error: 0x82 },
  {
    name: 'Subscription Identifier 2^28',
    packet: { ...base, properties: { subscriptionIdentifiers: [268_435_456] } },
    error: 0x81,
  },
  {
    name: 'Subscription Identifiers that are a number',
    packet: { ...base, properties: { subscriptionIdentifiers: 1 } },
    error: 0x81,
  },
  { name: 'property of another packet', packet: { ...base, properties: { reasonString: 'x' } }, error: 0x81 },
  { name: 'misspelt property', packet: { ...base, properties: { contenttype: 'x' } }, error: 0x81 },
]);
