// SPDX-License-Identifier: Apache-2.0

// Checks and writes of single fields, shared by the packets.

import type { Reader } from './reader.ts';
import { malformed, protocolError } from './wire-error.ts';

/** @throws WireError 0x81 for what is no integer or does not fit, 0x82 for a 0 that would fit but is forbidden @internal */
export function checkInteger(value: unknown, minimum: number, maximum: number, field: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > maximum) {
    throw malformed(`${field} is not an integer from ${minimum} to ${maximum}: ${String(value)}`);
  }
  if (value < minimum) throw protocolError(`${field} is ${value}`);
  return value;
}

/** Checks Binary Data (§1.5.6), and returns its length. @internal */
export function checkBytes(value: unknown, field: string): number {
  if (!isBytes(value)) throw malformed(`${field} is not a Uint8Array`);
  if (value.length > 0xffff) throw malformed(`${field} of ${value.length} bytes is longer than 65535`);
  return value.length;
}

/** Also true for the `Uint8Array` of another realm, such as the one a test environment makes. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || Object.prototype.toString.call(value) === '[object Uint8Array]';
}

/** @internal */
export function checkBoolean(value: unknown, field: string): void {
  if (typeof value !== 'boolean') throw malformed(`${field} is not a boolean`);
}

/** The value, if it is an array. @internal */
export function checkArray<T>(value: readonly T[], field: string): readonly T[] {
  const valid: boolean = Array.isArray(value);
  if (!valid) throw malformed(`${field} is not an array`);
  return value;
}

/** @throws WireError 0x81 for a QoS other than 0, 1 and 2 [MQTT-3.3.1-4] @internal */
export function checkQoS(value: unknown, field: string): void {
  if (value !== 0 && value !== 1 && value !== 2) throw malformed(`${field} is ${String(value)}, not 0, 1 or 2`);
}

/** @throws WireError 0x82 for 0 [MQTT-2.2.1-3] [MQTT-2.2.1-4], 0x81 for what is no Two Byte Integer @internal */
export function checkPacketIdentifier(value: unknown, packet: string): void {
  if (value === 0) throw protocolError(`${packet} has Packet Identifier 0`);
  checkInteger(value, 1, 0xffff, 'Packet Identifier');
}

/** @internal */
export function readPacketIdentifier(reader: Reader, packet: string): number {
  const packetIdentifier = reader.uint16('Packet Identifier');
  if (packetIdentifier === 0) throw protocolError(`${packet} has Packet Identifier 0`);
  return packetIdentifier;
}

/** @internal */
export function writeUint16(value: number, target: Uint8Array, offset: number): number {
  target[offset] = value >>> 8;
  target[offset + 1] = value;
  return offset + 2;
}

/** Writes Binary Data with its length prefix. @internal */
export function writeBinary(value: Uint8Array, target: Uint8Array, offset: number): number {
  target.set(value, writeUint16(value.length, target, offset));
  return offset + 2 + value.length;
}
