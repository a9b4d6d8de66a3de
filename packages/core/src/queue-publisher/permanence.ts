// SPDX-License-Identifier: Apache-2.0
//
// What became of a publish, and what that means for its entry.

import { mqttError, ReasonCodeError, RejectedByDisconnectError, StoreError } from '../errors.ts';
import type { AnyMqttError, ErrorCode, PlainErrorCode } from '../errors.ts';

/**
 * Refusals that another attempt cannot change: Not authorized, Topic Name invalid, Packet too large, Payload format invalid,
 * Retain not supported, QoS not supported (§2.4).
 */
const PERMANENT_REASONS: ReadonlySet<number> = new Set([0x87, 0x90, 0x95, 0x99, 0x9a, 0x9b]);

/** What the client says before it sends, with the same meaning. */
const PERMANENT_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'INVALID_TOPIC',
  'INVALID_OPTION',
  'FIELD_TOO_LONG',
  'PACKET_TOO_LARGE',
  'QOS_NOT_SUPPORTED',
  'QOS0_NOT_QUEUEABLE',
  'RETAIN_NOT_SUPPORTED',
  'TOPIC_ALIAS_INVALID',
  'REJECTED_BY_DISCONNECT',
]);

/** The client has no place for a message at the moment: nothing is wrong with it, and nothing has been tried. */
const BUSY_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'NOT_CONNECTED',
  'CLOSED',
  'PUBLISH_QUEUE_FULL',
  'PACKET_IDS_EXHAUSTED',
  'WRITE_QUEUE_FULL',
]);

/** The default of `isPermanent`. */
export function isPermanent(error: AnyMqttError): boolean {
  if (error.code === 'PUBLISH_REFUSED') return PERMANENT_REASONS.has(error.reasonCode);
  return PERMANENT_CODES.has(error.code);
}

export function isBusy(error: AnyMqttError): boolean {
  return BUSY_CODES.has(error.code);
}

/**
 * Whether the exchange may go on: the client stopped because its store failed, and what the store holds decides at the next
 * start. A first record that could not be stored is another matter: that message was never sent.
 */
export function leavesItToTheSession(error: AnyMqttError): boolean {
  return error.code === 'CLOSED' || (error.code === 'STORE_FAILED' && error.delivery !== 'notSent');
}

/** The error of an entry that died in an earlier process: of it the code is left. */
export function errorOfDeadEntry(code: ErrorCode, topic: string): AnyMqttError {
  const message = `The publish to ${JSON.stringify(topic)} ended with ${code} before a restart`;
  switch (code) {
    case 'PUBLISH_REFUSED':
      return new ReasonCodeError(code, message, { reasonCode: 0x80, delivery: 'refused' });
    case 'REJECTED_BY_DISCONNECT':
      return new RejectedByDisconnectError(message, 0x80, [], { delivery: 'refused' });
    case 'STORE_FAILED':
      return new StoreError(message, { delivery: 'notSent' });
    default:
      // No other code of an error with fields of its own ends a publish.
      return mqttError(code as PlainErrorCode, message, { delivery: 'notSent' });
  }
}
