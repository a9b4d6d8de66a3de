// SPDX-License-Identifier: Apache-2.0

import { PacketType } from './packet-type.ts';
import { measurePublish, type PublishPacket, publishFlags, writePublishHead } from './packets/publish.ts';
import type { PacketWriter, PlainPacket } from './packets/codec.ts';
import { writerFor } from './packets/writers.ts';
import type { Bytes, Packet } from './types.ts';
import {
  MAXIMUM_VARIABLE_BYTE_INTEGER,
  variableByteIntegerLength,
  writeVariableByteInteger,
} from './variable-byte-integer.ts';
import { malformed, packetTooLarge } from './wire-error.ts';

// A buffer of its own costs more than encoding a small packet into it (600 ns against 90, Node 24), except where V8 keeps
// it in the heap. (codec.bench.ts: encode)
const LARGEST_IN_HEAP = 64;
const LARGEST_IN_SLAB = 2048;
const SLAB_BYTES = 32_768;

let slab = new ArrayBuffer(0);
let slabUsed = 0;

/**
 * The bytes of a packet. Packets of up to 2 KiB may share an `ArrayBuffer`, as small Node buffers do: use the bytes, not
 * `bytes.buffer`, and do not transfer it.
 *
 * `properties: {}`, properties that are all `undefined`, and an empty `userProperties` are written as no properties, and
 * are absent when decoded again.
 * @throws WireError for what the standard forbids: lone surrogates, U+0000 or more than 65,535 bytes in a string, a
 * wildcard in a topic name, Packet Identifier 0, a Reason Code or property the packet may not carry, a value out of range
 */
export function encode(packet: Packet): Bytes {
  const remaining = measure(packet);
  const target = allocate(1 + variableByteIntegerLength(remaining) + remaining);
  write(packet, remaining, target, 0);
  return target;
}

/**
 * Bytes that {@link encode} would make of the packet, fixed header included: what a peer's Maximum Packet Size counts.
 * Checks the packet as `encode` does.
 * @throws WireError as {@link encode}
 * @see MQTT v5.0 §2.1.4, §3.1.2.11.4
 */
export function encodedLength(packet: Packet): number {
  const remaining = measure(packet);
  return 1 + variableByteIntegerLength(remaining) + remaining;
}

/**
 * Writes a packet at `offset` of `target`, for writers that fill a buffer of their own; {@link encodedLength} says how
 * much room it takes. Nothing is written unless the whole packet is legal and fits.
 * @returns the offset after the packet
 * @throws WireError as {@link encode}
 * @throws RangeError if `target` ends before the packet does
 */
export function encodeInto(packet: Packet, target: Uint8Array, offset: number): number {
  const remaining = measure(packet);
  checkRoom(1 + variableByteIntegerLength(remaining) + remaining, target, offset);
  return write(packet, remaining, target, offset);
}

/**
 * As {@link encodeInto}, but -1, with nothing written, if `target` ends before the packet does. Saves the call of
 * {@link encodedLength} where the packet nearly always fits.
 * @returns the offset after the packet, or -1
 * @throws WireError as {@link encode}
 */
export function tryEncodeInto(packet: Packet, target: Uint8Array, offset: number): number {
  const remaining = measure(packet);
  const length = 1 + variableByteIntegerLength(remaining) + remaining;
  return offset + length > target.length ? -1 : write(packet, remaining, target, offset);
}

/**
 * Writes a PUBLISH up to where its payload begins, so that a large payload can follow by reference:
 * `encodedLength(packet) - packet.payload.length` bytes. The Remaining Length in it counts the payload.
 * @returns the offset after what was written
 * @throws WireError as {@link encode}
 * @throws RangeError if `target` ends before that
 */
export function encodePublishHead(packet: PublishPacket, target: Uint8Array, offset: number): number {
  const remaining = measure(packet);
  checkRoom(1 + variableByteIntegerLength(remaining) + remaining - packet.payload.length, target, offset);
  return writeHead(packet, remaining, target, offset);
}

function allocate(length: number): Bytes {
  if (length <= LARGEST_IN_HEAP || length > LARGEST_IN_SLAB) return new Uint8Array(length);
  // A slab that was transferred after all has length 0, and is replaced too.
  if (slabUsed + length > slab.byteLength) {
    slab = new ArrayBuffer(SLAB_BYTES);
    slabUsed = 0;
  }
  const bytes = new Uint8Array(slab, slabUsed, length);
  slabUsed += length;
  return bytes;
}

function measure(packet: Packet): number {
  const remaining = packet.type === 'publish' ? measurePublish(packet) : knownWriter(packet).measure(packet);
  if (remaining > MAXIMUM_VARIABLE_BYTE_INTEGER) {
    throw packetTooLarge(`Remaining Length ${remaining} is above 268435455`);
  }
  return remaining;
}

function write(packet: Packet, remaining: number, target: Uint8Array, offset: number): number {
  if (packet.type === 'publish') {
    const end = writeHead(packet, remaining, target, offset);
    target.set(packet.payload, end);
    return end + packet.payload.length;
  }
  const writer = knownWriter(packet);
  target[offset] = (PacketType[packet.type] << 4) | writer.flags;
  return writer.write(packet, target, writeVariableByteInteger(remaining, target, offset + 1));
}

function writeHead(packet: PublishPacket, remaining: number, target: Uint8Array, offset: number): number {
  target[offset] = (PacketType.publish << 4) | publishFlags(packet);
  return writePublishHead(packet, target, writeVariableByteInteger(remaining, target, offset + 1));
}

function knownWriter(packet: PlainPacket): PacketWriter<PlainPacket> {
  const writer = writerFor(packet);
  if (writer === undefined) throw malformed(`${String(packet.type)} is not a packet type`);
  return writer;
}

function checkRoom(length: number, target: Uint8Array, offset: number): void {
  if (offset < 0 || offset + length > target.length) {
    throw new RangeError(`A packet of ${length} bytes does not fit at offset ${offset} of ${target.length} bytes`);
  }
}
