// SPDX-License-Identifier: Apache-2.0
//
// How the end of a connection, or of an attempt at one, is told.

import type { ConnackPacket, DisconnectPacket, PacketType } from '@mqttv5/wire';
import { reasonCodeName } from '@mqttv5/wire';
import { explainFailure } from '#tcp';
import { hexByte, PROTOCOL_ERROR } from '../api/reason-codes.ts';
import { mqttError, ProtocolError, ReasonCodeError } from '../errors.ts';
import type { AnyMqttError, ReasonErrorCode } from '../errors.ts';

/** `cause`: what the transport said; undefined when it said nothing. */
export function connectionLost(cause?: unknown): AnyMqttError {
  if (cause === undefined) return mqttError('CONNECTION_LOST', 'The connection was lost');
  // A broker of TLS 1.3 refuses a client's certificate only now, so this can be the first that is heard of it.
  return mqttError('CONNECTION_LOST', `The connection was lost: ${explainFailure(cause)}`, { cause });
}

/** What ends a wait for the broker when `error` has ended the connection. */
export function lostBy(error: AnyMqttError): AnyMqttError {
  // The user's own end, and a loss that is called so already.
  return error.code === 'CLOSED' || error.code === 'CONNECTION_LOST' ? error : connectionLost(error);
}

/** CONNACK of 0x80 or above, with all that it says (§3.2.2). */
export function connectRefused(packet: ConnackPacket): AnyMqttError {
  return answered('CONNECT_REFUSED', 'The broker refused the connection', packet);
}

/** The broker's DISCONNECT (§3.14.2). */
export function disconnected(packet: DisconnectPacket, code: ReasonErrorCode): AnyMqttError {
  return answered(code, 'The broker ended the connection', packet);
}

function answered(code: ReasonErrorCode, what: string, packet: ConnackPacket | DisconnectPacket): AnyMqttError {
  const { reasonCode } = packet;
  const { reasonString, userProperties, serverReference } = packet.properties ?? {};
  const because = `${what}: ${reasonCodeText(reasonCode, packet.type)}`;
  const message = reasonString === undefined ? because : `${because}: ${reasonString}`;
  return new ReasonCodeError(code, message, { reasonCode, reasonString, userProperties, serverReference });
}

/** The broker does what the standard forbids, and no code says it better (0x82). */
export function violation(detail: string): ProtocolError {
  return new ProtocolError(PROTOCOL_ERROR, detail);
}

/** As in "Not authorized (0x87)". */
export function reasonCodeText(code: number, packet: PacketType): string {
  return `${reasonCodeName(code, packet)} (${hexByte(code)})`;
}
