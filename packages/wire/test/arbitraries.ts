// SPDX-License-Identifier: Apache-2.0

// Legal packets of every kind, for fast-check.

import fc from 'fast-check';
import type { Packet, PublishPacket, SubscribeFilter, UserProperties } from '../src/index.ts';

const unit = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('a', 'b', 'z', '/', '0', ' ', '$') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '\u0001',
      '\u007f',
      '\u0080',
      'é',
      '\u07ff',
      '\u0800',
      '€',
      '\ud7ff',
      '\ue000',
      '\ufeff',
      '\uffff',
      '😀',
      '\u{10ffff}',
    ),
  },
);
const short = fc.string({ unit, maxLength: 12 });
/** Long enough for every way a string is written, and for Property Lengths of two and three bytes. */
export const string: fc.Arbitrary<string> = fc.oneof(
  { weight: 20, arbitrary: short },
  { weight: 2, arbitrary: fc.tuple(short, fc.nat(300)).map(([s, n]) => `${'x'.repeat(n)}${s}`) },
  { weight: 1, arbitrary: fc.tuple(short, fc.nat(20_000)).map(([s, n]) => `${s}${'é'.repeat(n)}`) },
);
export const topicName: fc.Arbitrary<string> = string.filter((s) => s !== '');
const level = fc.oneof(fc.string({ unit: fc.constantFrom('a', 'b', 'é', '$'), maxLength: 4 }), fc.constant('+'));
const plainFilter = fc
  .tuple(fc.array(level, { maxLength: 4 }), fc.boolean())
  .map(([levels, hash]) => (hash ? [...levels, '#'] : levels).join('/'))
  .filter((filter) => filter !== '' && !filter.startsWith('$share/'));
const sharedFilter = fc
  .tuple(fc.string({ unit: fc.constantFrom('g', 'é', '$'), minLength: 1, maxLength: 3 }), plainFilter)
  .map(([name, filter]) => `$share/${name}/${filter}`);
const topicFilter = fc.oneof(plainFilter, sharedFilter);

const uint16 = fc.oneof(fc.nat(65_535), fc.constantFrom(0, 255, 256, 65_535));
const positiveUint16 = uint16.map((n) => n || 1);
const uint32 = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 0x7fffffff, 0x80000000, 0xffffffff),
);
const positiveUint32 = uint32.map((n) => n || 1);
const identifier = fc.oneof(
  fc.integer({ min: 1, max: 268_435_455 }),
  fc.constantFrom(1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455),
);
const binary = fc.uint8Array({ maxLength: 20 });
const bit = fc.constantFrom(0 as const, 1 as const);
const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
const payload = fc.oneof(
  binary,
  fc.nat(3000).map((n) => new Uint8Array(n).fill(n)),
);
const userProperties: fc.Arbitrary<UserProperties> = fc.array(fc.tuple(string, short), { minLength: 1, maxLength: 6 });

/** Any subset of the properties; undefined for none, since an empty block decodes to no `properties`. */
function some<T extends Record<string, unknown>>(
  fields: { [K in keyof T]: fc.Arbitrary<T[K]> },
): fc.Arbitrary<Partial<T> | undefined> {
  return fc.oneof(
    fc.constant(undefined),
    fc
      .record(fields, { requiredKeys: [] })
      .map((properties) => (Object.keys(properties).length === 0 ? undefined : (properties as Partial<T>))),
  );
}

function withProperties<T extends object, P>([packet, properties]: [T, P | undefined]): T & { properties?: P } {
  return properties === undefined ? packet : { ...packet, properties };
}

/** fast-check also makes objects without a prototype, which deep equality tells from those of the decoder. */
function plain<T>(value: T): T {
  if (Array.isArray(value)) return value.map(plain) as T; // element by element the same
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field as unknown)])) as T; // and here
}

/** Without the keys that are undefined: no such key comes out of the decoder. */
function defined<T extends object>(packet: T): T {
  return Object.fromEntries(Object.entries(packet).filter(([, value]) => value !== undefined)) as T; // fewer keys, the same values
}

const ackProperties = some({ reasonString: string, userProperties });

const will = fc
  .tuple(
    fc.record({ topicName, payload: binary, qos, retain: fc.boolean() }),
    some({
      willDelayInterval: uint32,
      payloadFormatIndicator: bit,
      messageExpiryInterval: uint32,
      contentType: string,
      responseTopic: topicName,
      correlationData: binary,
      userProperties,
    }),
  )
  .map(withProperties);

const connect = fc
  .tuple(
    fc.record({
      type: fc.constant('connect' as const),
      clientId: string,
      cleanStart: fc.boolean(),
      keepAlive: uint16,
      username: fc.option(string, { nil: undefined }),
      password: fc.option(binary, { nil: undefined }),
      will: fc.option(will, { nil: undefined }),
    }),
    some({
      sessionExpiryInterval: uint32,
      receiveMaximum: positiveUint16,
      maximumPacketSize: positiveUint32,
      topicAliasMaximum: uint16,
      requestResponseInformation: fc.boolean(),
      requestProblemInformation: fc.boolean(),
      userProperties,
      authenticationMethod: string,
    }),
    fc.option(binary, { nil: undefined }),
  )
  .map(([packet, properties, authenticationData]) => {
    const data =
      properties?.authenticationMethod === undefined || authenticationData === undefined ? {} : { authenticationData };
    return defined(withProperties([packet, properties === undefined ? undefined : { ...properties, ...data }]));
  });

const connack = fc
  .tuple(
    fc.oneof(
      fc.record({ type: fc.constant('connack' as const), sessionPresent: fc.boolean(), reasonCode: fc.constant(0) }),
      fc.record({
        type: fc.constant('connack' as const),
        sessionPresent: fc.constant(false),
        reasonCode: fc.constantFrom(0x80, 0x81, 0x84, 0x87, 0x8a, 0x8c, 0x9d, 0x9f),
      }),
    ),
    some({
      sessionExpiryInterval: uint32,
      receiveMaximum: positiveUint16,
      maximumQoS: bit,
      retainAvailable: fc.boolean(),
      maximumPacketSize: positiveUint32,
      assignedClientIdentifier: string,
      topicAliasMaximum: uint16,
      reasonString: string,
      userProperties,
      wildcardSubscriptionAvailable: fc.boolean(),
      subscriptionIdentifierAvailable: fc.boolean(),
      sharedSubscriptionAvailable: fc.boolean(),
      serverKeepAlive: uint16,
      responseInformation: string,
      serverReference: string,
      authenticationMethod: string,
      authenticationData: binary,
    }),
  )
  .map(withProperties);

export const publish: fc.Arbitrary<PublishPacket> = fc
  .tuple(
    fc.record({
      type: fc.constant('publish' as const),
      topicName,
      payload,
      qos,
      retain: fc.boolean(),
      dup: fc.boolean(),
      packetIdentifier: positiveUint16,
    }),
    some({
      payloadFormatIndicator: bit,
      messageExpiryInterval: uint32,
      topicAlias: positiveUint16,
      responseTopic: topicName,
      correlationData: binary,
      userProperties,
      subscriptionIdentifiers: fc.array(identifier, { minLength: 1, maxLength: 4 }),
      contentType: string,
    }),
    fc.boolean(),
  )
  .map(([packet, properties, empty]) => {
    const fitting = packet.qos === 0 ? { ...packet, dup: false, packetIdentifier: 0 } : packet;
    const aliased = empty && properties?.topicAlias !== undefined ? { ...fitting, topicName: '' } : fitting;
    return plain(withProperties([aliased, properties]));
  });

const PUBLISH_CODES = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99] as const;
const ack = fc.oneof(
  ...(['puback', 'pubrec'] as const).map((type) =>
    fc.record({
      type: fc.constant(type),
      packetIdentifier: positiveUint16,
      reasonCode: fc.constantFrom(...PUBLISH_CODES),
    }),
  ),
  ...(['pubrel', 'pubcomp'] as const).map((type) =>
    fc.record({ type: fc.constant(type), packetIdentifier: positiveUint16, reasonCode: fc.constantFrom(0x00, 0x92) }),
  ),
  fc.record({
    type: fc.constant('suback' as const),
    packetIdentifier: positiveUint16,
    reasonCodes: fc.array(fc.constantFrom(0, 1, 2, 0x80, 0x87, 0xa2), { minLength: 1, maxLength: 9 }),
  }),
  fc.record({
    type: fc.constant('unsuback' as const),
    packetIdentifier: positiveUint16,
    reasonCodes: fc.array(fc.constantFrom(0, 0x11, 0x8f), { minLength: 1, maxLength: 9 }),
  }),
);

const filter: fc.Arbitrary<SubscribeFilter> = fc
  .record({ topicFilter, qos, noLocal: fc.boolean(), retainAsPublished: fc.boolean(), retainHandling: qos })
  .map((f) => (f.topicFilter.startsWith('$share/') ? { ...f, noLocal: false } : f));

const request = fc.oneof(
  fc
    .tuple(
      fc.record({
        type: fc.constant('subscribe' as const),
        packetIdentifier: positiveUint16,
        filters: fc.array(filter, { minLength: 1, maxLength: 5 }),
      }),
      some({ subscriptionIdentifier: identifier, userProperties }),
    )
    .map(withProperties),
  fc
    .tuple(
      fc.record({
        type: fc.constant('unsubscribe' as const),
        packetIdentifier: positiveUint16,
        topicFilters: fc.array(topicFilter, { minLength: 1, maxLength: 5 }),
      }),
      some({ userProperties }),
    )
    .map(withProperties),
);

const disconnect = fc
  .tuple(
    fc.record({
      type: fc.constant('disconnect' as const),
      reasonCode: fc.constantFrom(0x00, 0x04, 0x81, 0x8c, 0x8e, 0x9b, 0x9d),
    }),
    some({ sessionExpiryInterval: uint32, reasonString: string, userProperties, serverReference: string }),
  )
  .map(withProperties);

const auth = fc.oneof(
  fc.record({
    type: fc.constant('auth' as const),
    reasonCode: fc.constantFrom(0x00, 0x18, 0x19),
    properties: fc.record(
      { authenticationMethod: string, authenticationData: binary, reasonString: string, userProperties },
      { requiredKeys: ['authenticationMethod'] },
    ),
  }),
  fc.constant({ type: 'auth' as const, reasonCode: 0 }),
);

/** Any legal packet, of either side. */
export const packet: fc.Arbitrary<Packet> = fc
  .oneof(
    connect,
    connack,
    { weight: 4, arbitrary: publish },
    { weight: 2, arbitrary: fc.tuple(ack, ackProperties).map(withProperties) },
    request,
    disconnect,
    auth,
    fc.constantFrom({ type: 'pingreq' as const }, { type: 'pingresp' as const }),
  )
  .map(plain) as fc.Arbitrary<Packet>; // `Partial` says `?: T | undefined` where no undefined is made
