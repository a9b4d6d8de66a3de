// SPDX-License-Identifier: Apache-2.0
import { encode } from '@mqttv5/wire';
import type { Packet } from '@mqttv5/wire';

/** What a client said about packets to it, in CONNECT. */
export interface PacketLimits {
  /** Maximum Packet Size in bytes; undefined without one. */
  readonly maximumPacketSize: number | undefined;
  /** Request Problem Information. */
  readonly problemInformation: boolean;
}

/**
 * The packet in bytes, without what this client must not be sent: undefined if it is too large even so [MQTT-3.1.2-24].
 *
 * Reason String and User Properties explain; they go first when they are not wanted [MQTT-3.1.2-29] or do not fit
 * (3.2.2-19, 3.4.2-2 and their like). The User Properties of a PUBLISH are the message itself and stay.
 */
export function fit(packet: Packet, limits: PacketLimits): Uint8Array | undefined {
  const maximum = limits.maximumPacketSize;
  if (packet.type === 'publish') return within(encode(packet), maximum);
  const wanted = limits.problemInformation || packet.type === 'connack' || packet.type === 'disconnect';
  const whole = within(encode(wanted ? packet : withoutExplanation(packet)), maximum);
  if (whole !== undefined || !wanted) return whole;
  return within(encode(withoutExplanation(packet)), maximum);
}

function within(bytes: Uint8Array, maximum: number | undefined): Uint8Array | undefined {
  return maximum === undefined || bytes.byteLength <= maximum ? bytes : undefined;
}

function withoutExplanation(packet: Packet): Packet {
  if (!('properties' in packet) || packet.properties === undefined) return packet;
  const {
    reasonString: _reason,
    userProperties: _pairs,
    ...properties
  } = {
    reasonString: undefined,
    ...packet.properties,
  };
  // Only optional properties were taken away: it is the same kind of packet.
  return { ...packet, properties } as Packet;
}
