// SPDX-License-Identifier: Apache-2.0

import type { PacketType } from './packet-type.ts';

/**
 * Every Reason Code of MQTT v5.0. Below 0x80 is success, 0x80 and above is failure.
 * Which packet may carry which code is data beside each packet; see also {@link reasonCodeName}.
 * @see MQTT v5.0 §2.4, table 2-6
 */
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
} = {
  Success: 0x00,
  NormalDisconnection: 0x00,
  GrantedQoS0: 0x00,
  GrantedQoS1: 0x01,
  GrantedQoS2: 0x02,
  DisconnectWithWillMessage: 0x04,
  NoMatchingSubscribers: 0x10,
  NoSubscriptionExisted: 0x11,
  ContinueAuthentication: 0x18,
  ReAuthenticate: 0x19,
  UnspecifiedError: 0x80,
  MalformedPacket: 0x81,
  ProtocolError: 0x82,
  ImplementationSpecificError: 0x83,
  UnsupportedProtocolVersion: 0x84,
  ClientIdentifierNotValid: 0x85,
  BadUserNameOrPassword: 0x86,
  NotAuthorized: 0x87,
  ServerUnavailable: 0x88,
  ServerBusy: 0x89,
  Banned: 0x8a,
  ServerShuttingDown: 0x8b,
  BadAuthenticationMethod: 0x8c,
  KeepAliveTimeout: 0x8d,
  SessionTakenOver: 0x8e,
  TopicFilterInvalid: 0x8f,
  TopicNameInvalid: 0x90,
  PacketIdentifierInUse: 0x91,
  PacketIdentifierNotFound: 0x92,
  ReceiveMaximumExceeded: 0x93,
  TopicAliasInvalid: 0x94,
  PacketTooLarge: 0x95,
  MessageRateTooHigh: 0x96,
  QuotaExceeded: 0x97,
  AdministrativeAction: 0x98,
  PayloadFormatInvalid: 0x99,
  RetainNotSupported: 0x9a,
  QoSNotSupported: 0x9b,
  UseAnotherServer: 0x9c,
  ServerMoved: 0x9d,
  SharedSubscriptionsNotSupported: 0x9e,
  ConnectionRateExceeded: 0x9f,
  MaximumConnectTime: 0xa0,
  SubscriptionIdentifiersNotSupported: 0xa1,
  WildcardSubscriptionsNotSupported: 0xa2,
};

const SUCCESSES: ReadonlyMap<number, string> = new Map([
  [0x00, 'Success'],
  [0x01, 'Granted QoS 1'],
  [0x02, 'Granted QoS 2'],
  [0x04, 'Disconnect with Will Message'],
  [0x10, 'No matching subscribers'],
  [0x11, 'No subscription existed'],
  [0x18, 'Continue authentication'],
  [0x19, 'Re-authenticate'],
]);

/** From 0x80 on, without a gap. */
const FAILURES: readonly string[] = [
  // 0x80
  'Unspecified error',
  'Malformed Packet',
  'Protocol Error',
  'Implementation specific error',
  'Unsupported Protocol Version',
  'Client Identifier not valid',
  'Bad User Name or Password',
  'Not authorized',
  'Server unavailable',
  'Server busy',
  'Banned',
  'Server shutting down',
  'Bad authentication method',
  'Keep Alive timeout',
  'Session taken over',
  'Topic Filter invalid',
  // 0x90
  'Topic Name invalid',
  'Packet Identifier in use',
  'Packet Identifier not found',
  'Receive Maximum exceeded',
  'Topic Alias invalid',
  'Packet too large',
  'Message rate too high',
  'Quota exceeded',
  'Administrative action',
  'Payload format invalid',
  'Retain not supported',
  'QoS not supported',
  'Use another server',
  'Server moved',
  'Shared Subscriptions not supported',
  'Connection rate exceeded',
  // 0xa0
  'Maximum connect time',
  'Subscription Identifiers not supported',
  'Wildcard Subscriptions not supported',
];

/**
 * The standard's name of a Reason Code, for messages and logs.
 *
 * 0x00 means different things per packet: `packet` picks the name ("Granted QoS 0" in SUBACK, "Normal
 * disconnection" in DISCONNECT, else "Success"). A code the standard does not define gives
 * "Unknown reason code 0x7f".
 *
 * @example
 * ```ts
 * reasonCodeName(0x87); // "Not authorized"
 * reasonCodeName(0x00, "suback"); // "Granted QoS 0"
 * ```
 * @see MQTT v5.0 §2.4, table 2-6
 */
export function reasonCodeName(code: number, packet?: PacketType): string {
  if (code === 0x00) {
    if (packet === 'suback') return 'Granted QoS 0';
    if (packet === 'disconnect') return 'Normal disconnection';
  }
  return SUCCESSES.get(code) ?? FAILURES[code - 0x80] ?? `Unknown reason code ${hexByte(code)}`;
}

/** A byte as the standard writes it: `0x0a`. @internal */
export function hexByte(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}
