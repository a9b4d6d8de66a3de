// SPDX-License-Identifier: Apache-2.0
//
// The Reason Codes that the client itself sends or looks for (§2.4). Constants of their own, not members of wire's `ReasonCode`:
// a bundler puts the number in their place and leaves that table out of a program that does not name it.

export const CONTINUE_AUTHENTICATION = 0x18;
export const RE_AUTHENTICATE = 0x19;
export const UNSPECIFIED_ERROR = 0x80;
export const PROTOCOL_ERROR = 0x82;
export const CLIENT_IDENTIFIER_NOT_VALID = 0x85;
export const SESSION_TAKEN_OVER = 0x8e;
export const PACKET_IDENTIFIER_NOT_FOUND = 0x92;
export const RECEIVE_MAXIMUM_EXCEEDED = 0x93;
export const TOPIC_ALIAS_INVALID = 0x94;
export const PACKET_TOO_LARGE = 0x95;
export const USE_ANOTHER_SERVER = 0x9c;
export const SERVER_MOVED = 0x9d;

/** As the standard writes it: `0x0a`. */
export function hexByte(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}
