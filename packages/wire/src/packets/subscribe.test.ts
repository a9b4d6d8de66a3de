// SPDX-License-Identifier: Apache-2.0

import {
  type BadRow,
  block,
  framed,
  type GoodRow,
  type RefusedRow,
  runBad,
  runGood,
  runRefused,
  text,
} from '../../test/rows.ts';
import type { SubscribeFilter } from '../index.ts';

const filter: SubscribeFilter = {
  topicFilter: 'a',
  qos: 0,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
};
const base = { type: 'subscribe', packetIdentifier: 1, filters: [filter] } as const;
const A = text('a');

const LEGAL = [
  '#',
  '+',
  '/',
  '+/+',
  'a/+/#',
  '/#',
  '$SYS/#',
  '$share/g/#',
  '$share/g/+/x',
  '$share',
  '$shared/x',
  'é/+',
];
const ILLEGAL = [
  'a#',
  'a/#/b',
  '#/a',
  'a+',
  '+a/b',
  'a/b+',
  '$share/',
  '$share/g',
  '$share/g/',
  '$share//a',
  '$share/+/a',
  '$share/g#/a',
  '$share/g/a#',
  '##',
];

runGood('SUBSCRIBE', [
  { name: 'one filter [MQTT-3.8.3-2]', hex: framed('82', `0001 00 ${A}00`), packet: base },
  {
    name: 'two filters with all options',
    hex: framed('82', `ffff 00 ${A}2e ${text('b/#')}11`),
    packet: {
      ...base,
      packetIdentifier: 65_535,
      filters: [
        { ...filter, qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 2 },
        { ...filter, topicFilter: 'b/#', qos: 1, retainHandling: 1 },
      ],
    },
    options: { from: 'client' },
  },
  {
    name: 'Subscription Identifier 1',
    hex: framed('82', `0001 ${block('0b 01')}${A}00`),
    packet: { ...base, properties: { subscriptionIdentifier: 1 } },
  },
  {
    name: 'Subscription Identifier 268,435,455 and User Property',
    hex: framed('82', `0001 ${block('0b ffffff7f', `26 ${text('k')}${text('v')}`)}${A}00`),
    packet: { ...base, properties: { subscriptionIdentifier: 268_435_455, userProperties: [['k', 'v']] } },
  },
  ...LEGAL.map(
    (topicFilter): GoodRow => ({
      name: `filter ${topicFilter}`,
      hex: framed('82', `0001 00 ${text(topicFilter)}00`),
      packet: { ...base, filters: [{ ...filter, topicFilter }] },
    }),
  ),
]);

runBad('SUBSCRIBE, refused', [
  { name: 'flags 0000 [MQTT-3.8.1-1]', hex: framed('80', `0001 00 ${A}00`), error: 0x81 },
  { name: 'flags 0011', hex: framed('83', `0001 00 ${A}00`), error: 0x81 },
  { name: 'Packet Identifier 0 [MQTT-2.2.1-3]', hex: framed('82', `0000 00 ${A}00`), error: 0x82 },
  { name: 'no filter [MQTT-3.8.3-2]', hex: framed('82', '0001 00'), error: 0x82 },
  { name: 'no options', hex: framed('82', `0001 00 ${A}`), error: 0x81 },
  { name: 'QoS 3 (§3.8.3.1)', hex: framed('82', `0001 00 ${A}03`), error: 0x82 },
  { name: 'Retain Handling 3 (§3.8.3.1)', hex: framed('82', `0001 00 ${A}30`), error: 0x82 },
  { name: 'reserved option bit 6 [MQTT-3.8.3-5]', hex: framed('82', `0001 00 ${A}40`), error: 0x81 },
  { name: 'reserved option bit 7', hex: framed('82', `0001 00 ${A}80`), error: 0x81 },
  {
    name: 'No Local on a Shared Subscription [MQTT-3.8.3-4]',
    hex: framed('82', `0001 00 ${text('$share/g/a')}04`),
    error: 0x82,
  },
  { name: 'empty filter [MQTT-4.7.3-1]', hex: framed('82', '0001 00 0000 00'), error: 0x82 },
  { name: 'filter of bad UTF-8 [MQTT-3.8.3-1]', hex: framed('82', '0001 00 0001 ff 00'), error: 0x81 },
  { name: 'filter with U+0000', hex: framed('82', '0001 00 0001 00 00'), error: 0x81 },
  { name: 'second filter cut off', hex: framed('82', `0001 00 ${A}00 0005 61`), error: 0x81 },
  { name: 'Subscription Identifier 0', hex: framed('82', `0001 ${block('0b 00')}${A}00`), error: 0x82 },
  {
    name: 'two Subscription Identifiers (§3.8.2.1.2)',
    hex: framed('82', `0001 ${block('0b 01', '0b 01')}${A}00`),
    error: 0x82,
  },
  { name: 'Reason String', hex: framed('82', `0001 ${block('1f 0000')}${A}00`), error: 0x81 },
  { name: 'from a server', hex: framed('82', `0001 00 ${A}00`), error: 0x82, options: { from: 'server' } },
  ...ILLEGAL.map(
    (topicFilter): BadRow => ({
      name: `filter ${topicFilter} [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1] [MQTT-4.8.2-2]`,
      hex: framed('82', `0001 00 ${text(topicFilter)}00`),
      error: 0x82,
    }),
  ),
]);

runRefused('SUBSCRIBE, not encoded', [
  { name: 'Packet Identifier 0', packet: { ...base, packetIdentifier: 0 }, error: 0x82 },
  { name: 'no filter', packet: { ...base, filters: [] }, error: 0x82 },
  { name: 'filters that are no array', packet: { ...base, filters: 'a' }, error: 0x81 },
  { name: 'QoS 3', packet: { ...base, filters: [{ ...filter, qos: 3 }] }, error: 0x82 },
  { name: 'no QoS', packet: { ...base, filters: [{ ...filter, qos: undefined }] }, error: 0x82 },
  { name: 'Retain Handling 3', packet: { ...base, filters: [{ ...filter, retainHandling: 3 }] }, error: 0x82 },
  { name: 'No Local that is no boolean', packet: { ...base, filters: [{ ...filter, noLocal: 1 }] }, error: 0x81 },
  {
    name: 'no Retain As Published',
    packet: { ...base, filters: [{ ...filter, retainAsPublished: undefined }] },
    error: 0x81,
  },
  {
    name: 'No Local on a Shared Subscription',
    packet: { ...base, filters: [{ ...filter, topicFilter: '$share/g/a', noLocal: true }] },
    error: 0x82,
  },
  { name: 'filter that is no string', packet: { ...base, filters: [{ ...filter, topicFilter: 5 }] }, error: 0x81 },
  { name: 'Subscription Identifier 0', packet: { ...base, properties: { subscriptionIdentifier: 0 } }, error: 0x82 },
  {
    name: 'Subscription Identifier 2^28',
    packet: { ...base, properties: { subscriptionIdentifier: 268_435_456 } },
    error: 0x81,
  },
  {
    name: 'Subscription Identifiers of PUBLISH',
    packet: { ...base, properties: { subscriptionIdentifiers: [1] } },
    error: 0x81,
  },
  ...['', ...ILLEGAL].map(
    (topicFilter): RefusedRow => ({
      name: `filter "${topicFilter}"`,
      packet: { ...base, filters: [{ ...filter, topicFilter }] },
      error: 0x82,
    }),
  ),
]);

const un = { type: 'unsubscribe', packetIdentifier: 1, topicFilters: ['a'] } as const;

runGood('UNSUBSCRIBE', [
  { name: 'one filter [MQTT-3.10.3-2]', hex: framed('a2', `0001 00 ${A}`), packet: un },
  {
    name: 'two filters, one shared',
    hex: framed('a2', `0002 00 ${text('$share/g/a')}${text('b/#')}`),
    packet: { ...un, packetIdentifier: 2, topicFilters: ['$share/g/a', 'b/#'] },
    options: { from: 'client' },
  },
  {
    name: 'User Property',
    hex: framed('a2', `0001 ${block(`26 ${text('k')}${text('v')}`)}${A}`),
    packet: { ...un, properties: { userProperties: [['k', 'v']] } },
  },
]);

runBad('UNSUBSCRIBE, refused', [
  { name: 'flags 0000 [MQTT-3.10.1-1]', hex: framed('a0', `0001 00 ${A}`), error: 0x81 },
  { name: 'Packet Identifier 0', hex: framed('a2', `0000 00 ${A}`), error: 0x82 },
  { name: 'no filter [MQTT-3.10.3-2]', hex: framed('a2', '0001 00'), error: 0x82 },
  { name: 'filter of bad UTF-8 [MQTT-3.10.3-1]', hex: framed('a2', '0001 00 0001 c0'), error: 0x81 },
  { name: 'empty filter', hex: framed('a2', '0001 00 0000'), error: 0x82 },
  { name: 'filter a#', hex: framed('a2', `0001 00 ${text('a#')}`), error: 0x82 },
  { name: 'Subscription Identifier', hex: framed('a2', `0001 ${block('0b 01')}${A}`), error: 0x81 },
  { name: 'from a server', hex: framed('a2', `0001 00 ${A}`), error: 0x82, options: { from: 'server' } },
]);

runRefused('UNSUBSCRIBE, not encoded', [
  { name: 'Packet Identifier 0', packet: { ...un, packetIdentifier: 0 }, error: 0x82 },
  { name: 'no filter', packet: { ...un, topicFilters: [] }, error: 0x82 },
  { name: 'filters that are no array', packet: { ...un, topicFilters: undefined }, error: 0x81 },
  { name: 'filter that is no string', packet: { ...un, topicFilters: [null] }, error: 0x81 },
  { name: 'filter a#', packet: { ...un, topicFilters: ['a#'] }, error: 0x82 },
]);
