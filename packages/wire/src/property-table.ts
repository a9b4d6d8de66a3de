// SPDX-License-Identifier: Apache-2.0

// All properties of table 2-4 as data (§2.2.2.2). Which packet may carry which is listed beside each packet, in
// `packets/`, with `propertySet`.

/** How a property is written, and which values are legal. */
export type PropertyKind =
  | 'boolean' // Byte, 0 or 1
  | 'zeroOrOne' // Byte, 0 or 1, that is not a yes or no
  | 'uint16'
  | 'positiveUint16' // not 0
  | 'topicAlias' // Two Byte Integer, 0 is 0x94 (§3.3.2.3.4)
  | 'uint32'
  | 'positiveUint32' // not 0
  | 'identifier' // Variable Byte Integer, not 0
  | 'identifiers' // the same, any number of times
  | 'string'
  | 'topicName' // string without wildcards, not empty
  | 'binary'
  | 'pairs'; // UTF-8 String Pair, any number of times

export interface Property {
  /** One byte: all identifiers are below 0x80, so their Variable Byte Integer is the byte itself. */
  readonly id: number;
  /** The field in `packet.properties`. */
  readonly name: string;
  readonly kind: PropertyKind;
}

const TABLE: readonly (readonly [id: number, name: string, kind: PropertyKind])[] = [
  [0x01, 'payloadFormatIndicator', 'zeroOrOne'],
  [0x02, 'messageExpiryInterval', 'uint32'],
  [0x03, 'contentType', 'string'],
  [0x08, 'responseTopic', 'topicName'],
  [0x09, 'correlationData', 'binary'],
  [0x0b, 'subscriptionIdentifier', 'identifier'],
  [0x0b, 'subscriptionIdentifiers', 'identifiers'],
  [0x11, 'sessionExpiryInterval', 'uint32'],
  [0x12, 'assignedClientIdentifier', 'string'],
  [0x13, 'serverKeepAlive', 'uint16'],
  [0x15, 'authenticationMethod', 'string'],
  [0x16, 'authenticationData', 'binary'],
  [0x17, 'requestProblemInformation', 'boolean'],
  [0x18, 'willDelayInterval', 'uint32'],
  [0x19, 'requestResponseInformation', 'boolean'],
  [0x1a, 'responseInformation', 'string'],
  [0x1c, 'serverReference', 'string'],
  [0x1f, 'reasonString', 'string'],
  [0x21, 'receiveMaximum', 'positiveUint16'],
  [0x22, 'topicAliasMaximum', 'uint16'],
  [0x23, 'topicAlias', 'topicAlias'],
  [0x24, 'maximumQoS', 'zeroOrOne'],
  [0x25, 'retainAvailable', 'boolean'],
  [0x26, 'userProperties', 'pairs'],
  [0x27, 'maximumPacketSize', 'positiveUint32'],
  [0x28, 'wildcardSubscriptionAvailable', 'boolean'],
  [0x29, 'subscriptionIdentifierAvailable', 'boolean'],
  [0x2a, 'sharedSubscriptionAvailable', 'boolean'],
];

/** The properties one kind of packet may carry. */
export interface PropertySet<T extends object> {
  /** `CONNECT`, `Will`, …: the subject of error messages. */
  readonly packet: string;
  readonly byId: readonly (Property | undefined)[];
  readonly byName: ReadonlyMap<string, Property>;
  /** Never set: it ties the set to the type of the object. */
  readonly type?: T;
}

/** Makes the set of the properties that `packet` may carry; a property that is not in it is malformed there. */
export function propertySet<T extends object>(packet: string, names: readonly (keyof T & string)[]): PropertySet<T> {
  const byId: (Property | undefined)[] = Array.from({ length: 0x80 });
  const byName = new Map<string, Property>();
  for (const [id, name, kind] of TABLE) {
    if (!(names as readonly string[]).includes(name)) continue;
    const property: Property = { id, name, kind };
    byId[id] = property;
    byName.set(name, property);
  }
  return { packet, byId, byName };
}
