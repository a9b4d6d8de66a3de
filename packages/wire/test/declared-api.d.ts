// SPDX-License-Identifier: Apache-2.0

// The public API as it was declared before it was written: what programs rely on. `api.test-d.ts` holds the sources
// against it; a change here is a change of the API.

/** Wire values by packet name: `PacketType[packet.type]`. The type of the same name is the name. */
export const PacketType: {
  readonly connect: 1;
  readonly connack: 2;
  readonly publish: 3;
  readonly puback: 4;
  readonly pubrec: 5;
  readonly pubrel: 6;
  readonly pubcomp: 7;
  readonly subscribe: 8;
  readonly suback: 9;
  readonly unsubscribe: 10;
  readonly unsuback: 11;
  readonly pingreq: 12;
  readonly pingresp: 13;
  readonly disconnect: 14;
  readonly auth: 15;
};
export type PacketType = Packet['type'];
export const ReasonCode: {
  readonly Success: 0x00;
  readonly NormalDisconnection: 0x00;
  readonly GrantedQoS0: 0x00;
  readonly GrantedQoS1: 0x01;
  readonly GrantedQoS2: 0x02;
  readonly DisconnectWithWillMessage: 0x04;
  readonly NoMatchingSubscribers: 0x10;
  readonly NoSubscriptionExisted: 0x11;
  readonly ContinueAuthentication: 0x18;
  readonly ReAuthenticate: 0x19;
  readonly UnspecifiedError: 0x80;
  readonly MalformedPacket: 0x81;
  readonly ProtocolError: 0x82;
  readonly ImplementationSpecificError: 0x83;
  readonly UnsupportedProtocolVersion: 0x84;
  readonly ClientIdentifierNotValid: 0x85;
  readonly BadUserNameOrPassword: 0x86;
  readonly NotAuthorized: 0x87;
  readonly ServerUnavailable: 0x88;
  readonly ServerBusy: 0x89;
  readonly Banned: 0x8a;
  readonly ServerShuttingDown: 0x8b;
  readonly BadAuthenticationMethod: 0x8c;
  readonly KeepAliveTimeout: 0x8d;
  readonly SessionTakenOver: 0x8e;
  readonly TopicFilterInvalid: 0x8f;
  readonly TopicNameInvalid: 0x90;
  readonly PacketIdentifierInUse: 0x91;
  readonly PacketIdentifierNotFound: 0x92;
  readonly ReceiveMaximumExceeded: 0x93;
  readonly TopicAliasInvalid: 0x94;
  readonly PacketTooLarge: 0x95;
  readonly MessageRateTooHigh: 0x96;
  readonly QuotaExceeded: 0x97;
  readonly AdministrativeAction: 0x98;
  readonly PayloadFormatInvalid: 0x99;
  readonly RetainNotSupported: 0x9a;
  readonly QoSNotSupported: 0x9b;
  readonly UseAnotherServer: 0x9c;
  readonly ServerMoved: 0x9d;
  readonly SharedSubscriptionsNotSupported: 0x9e;
  readonly ConnectionRateExceeded: 0x9f;
  readonly MaximumConnectTime: 0xa0;
  readonly SubscriptionIdentifiersNotSupported: 0xa1;
  readonly WildcardSubscriptionsNotSupported: 0xa2;
};
/** 0x00 to 0x02 mean different things per packet; `packet` picks the name ("Granted QoS 0", "Normal disconnection"). */
export function reasonCodeName(code: number, packet?: PacketType): string;

export type QoS = 0 | 1 | 2;
export type RetainHandling = 0 | 1 | 2;
/** Order and repeats are kept. */
export type UserProperties = readonly (readonly [name: string, value: string])[];
/** Bytes handed out by the library: ArrayBuffer-backed, so WebCrypto, Blob, Response and WebSocket accept them. Plain Uint8Array before TypeScript 5.7. */
export type Bytes = ReturnType<typeof Uint8Array.of>;

export interface ConnectProperties {
  sessionExpiryInterval?: number;
  receiveMaximum?: number;
  maximumPacketSize?: number;
  topicAliasMaximum?: number;
  requestResponseInformation?: boolean;
  requestProblemInformation?: boolean;
  userProperties?: UserProperties;
  authenticationMethod?: string;
  authenticationData?: Uint8Array;
}
export interface ConnackProperties {
  sessionExpiryInterval?: number;
  receiveMaximum?: number;
  maximumQoS?: 0 | 1;
  retainAvailable?: boolean;
  maximumPacketSize?: number;
  assignedClientIdentifier?: string;
  topicAliasMaximum?: number;
  reasonString?: string;
  userProperties?: UserProperties;
  wildcardSubscriptionAvailable?: boolean;
  subscriptionIdentifierAvailable?: boolean;
  sharedSubscriptionAvailable?: boolean;
  serverKeepAlive?: number;
  responseInformation?: string;
  serverReference?: string;
  authenticationMethod?: string;
  authenticationData?: Uint8Array;
}
export interface WillProperties {
  willDelayInterval?: number;
  payloadFormatIndicator?: 0 | 1;
  messageExpiryInterval?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Uint8Array;
  userProperties?: UserProperties;
}
export interface PublishProperties {
  payloadFormatIndicator?: 0 | 1;
  messageExpiryInterval?: number;
  topicAlias?: number;
  responseTopic?: string;
  correlationData?: Uint8Array;
  userProperties?: UserProperties;
  subscriptionIdentifiers?: readonly number[];
  contentType?: string;
}
export interface AckProperties {
  reasonString?: string;
  userProperties?: UserProperties;
}
export interface SubscribeProperties {
  subscriptionIdentifier?: number;
  userProperties?: UserProperties;
}
export interface UnsubscribeProperties {
  userProperties?: UserProperties;
}
export interface DisconnectProperties {
  sessionExpiryInterval?: number;
  reasonString?: string;
  userProperties?: UserProperties;
  serverReference?: string;
}
export interface AuthProperties {
  authenticationMethod?: string;
  authenticationData?: Uint8Array;
  reasonString?: string;
  userProperties?: UserProperties;
}

export interface ConnectPacket {
  type: 'connect';
  clientId: string;
  cleanStart: boolean;
  keepAlive: number;
  username?: string;
  password?: Uint8Array;
  will?: Will;
  properties?: ConnectProperties;
}
export interface Will {
  topicName: string;
  payload: Uint8Array;
  qos: QoS;
  retain: boolean;
  properties?: WillProperties;
}
export interface ConnackPacket {
  type: 'connack';
  sessionPresent: boolean;
  reasonCode: number;
  properties?: ConnackProperties;
}
export interface PublishPacket {
  type: 'publish';
  topicName: string;
  payload: Uint8Array;
  qos: QoS;
  retain: boolean;
  dup: boolean;
  packetIdentifier: number;
  properties?: PublishProperties;
}
export interface PubackPacket {
  type: 'puback';
  packetIdentifier: number;
  reasonCode: number;
  properties?: AckProperties;
}
export interface PubrecPacket {
  type: 'pubrec';
  packetIdentifier: number;
  reasonCode: number;
  properties?: AckProperties;
}
export interface PubrelPacket {
  type: 'pubrel';
  packetIdentifier: number;
  reasonCode: number;
  properties?: AckProperties;
}
export interface PubcompPacket {
  type: 'pubcomp';
  packetIdentifier: number;
  reasonCode: number;
  properties?: AckProperties;
}
export interface SubscribePacket {
  type: 'subscribe';
  packetIdentifier: number;
  filters: readonly SubscribeFilter[];
  properties?: SubscribeProperties;
}
export interface SubscribeFilter {
  topicFilter: string;
  qos: QoS;
  noLocal: boolean;
  retainAsPublished: boolean;
  retainHandling: RetainHandling;
}
export interface SubackPacket {
  type: 'suback';
  packetIdentifier: number;
  reasonCodes: readonly number[];
  properties?: AckProperties;
}
export interface UnsubscribePacket {
  type: 'unsubscribe';
  packetIdentifier: number;
  topicFilters: readonly string[];
  properties?: UnsubscribeProperties;
}
export interface UnsubackPacket {
  type: 'unsuback';
  packetIdentifier: number;
  reasonCodes: readonly number[];
  properties?: AckProperties;
}
export interface PingreqPacket {
  type: 'pingreq';
}
export interface PingrespPacket {
  type: 'pingresp';
}
export interface DisconnectPacket {
  type: 'disconnect';
  reasonCode: number;
  properties?: DisconnectProperties;
}
export interface AuthPacket {
  type: 'auth';
  reasonCode: number;
  properties?: AuthProperties;
}
export type Packet =
  | ConnectPacket
  | ConnackPacket
  | PublishPacket
  | PubackPacket
  | PubrecPacket
  | PubrelPacket
  | PubcompPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | PingreqPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket;

export interface DecoderOptions {
  from?: 'server' | 'client' | undefined;
  maximumPacketSize?: number | undefined;
  lenient?: boolean | undefined;
}
export class Decoder {
  constructor(options?: DecoderOptions);
  push(chunk: Uint8Array): void;
  next(): Packet | undefined;
  reset(): void;
}
export function decode(packet: Uint8Array): Packet;
export function encode(packet: Packet): Bytes;
export function encodedLength(packet: Packet): number;
export class WireError extends Error {
  readonly reasonCode: number;
}
export function isValidTopicName(topicName: string): boolean;
export function isValidTopicFilter(topicFilter: string): boolean;
export function topicMatches(topicFilter: string, topicName: string): boolean;
