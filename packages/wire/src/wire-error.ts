// SPDX-License-Identifier: Apache-2.0

// Constants of their own, not members of `ReasonCode`: that table stays out of a bundle that does not name it.
const MALFORMED_PACKET = 0x81;
const PROTOCOL_ERROR = 0x82;
const TOPIC_ALIAS_INVALID = 0x94;
const PACKET_TOO_LARGE = 0x95;

/**
 * Bytes that are not a legal packet, or a packet that may not be sent.
 *
 * `reasonCode` is what the DISCONNECT (before the session is up: the CONNACK) that answers it should carry:
 * 0x81 Malformed Packet, 0x82 Protocol Error, 0x84 Unsupported Protocol Version, 0x94 Topic Alias invalid,
 * 0x95 Packet too large. Thrown while encoding, it is the code a strict peer would have answered with.
 * @see MQTT v5.0 §4.13
 */
export class WireError extends Error {
  /** Code for the DISCONNECT or CONNACK that reports the error, 0x80 or above. */
  readonly reasonCode: number;

  static {
    // On the prototype, as built-in errors have it: not an own property of every instance.
    Object.defineProperty(this.prototype, 'name', { value: 'WireError', writable: true, configurable: true });
  }

  constructor(reasonCode: number, message: string) {
    super(message);
    this.reasonCode = reasonCode;
  }
}

/** A packet that cannot be parsed, 0x81. @internal */
export function malformed(message: string): WireError {
  return new WireError(MALFORMED_PACKET, message);
}

/** A packet that parses and says what it may not, 0x82. @internal */
export function protocolError(message: string): WireError {
  return new WireError(PROTOCOL_ERROR, message);
}

/** Topic Alias 0, 0x94 [MQTT-3.3.2-8]. @internal */
export function zeroTopicAlias(): WireError {
  return new WireError(TOPIC_ALIAS_INVALID, 'Topic Alias is 0');
}

/** A packet that is larger than allowed, 0x95. @internal */
export function packetTooLarge(message: string): WireError {
  return new WireError(PACKET_TOO_LARGE, message);
}
