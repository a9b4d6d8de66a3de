// SPDX-License-Identifier: Apache-2.0

// The runner of the codec tables: one row per packet or violation, every row read whole, byte by byte, behind another
// packet and before one; legal rows are encoded back.

import assert from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import {
  Decoder,
  type DecoderOptions,
  decode,
  encode,
  encodedLength,
  encodeInto,
  encodePublishHead,
  type Packet,
  PublishView,
  tryEncodeInto,
  WireError,
} from '../src/index.ts';
import { writeVariableByteInteger } from '../src/variable-byte-integer.ts';

/** Bytes that are a packet. */
export interface GoodRow {
  readonly name: string;
  /** Hex, spaces as you like; `40 02 0005`. */
  readonly hex: string;
  readonly packet: Packet;
  /** What encoding the packet gives, when the row is not the form we write. */
  readonly canonical?: string;
  readonly options?: DecoderOptions;
}

/** Bytes that are none. */
export interface BadRow {
  readonly name: string;
  readonly hex: string;
  /** The code of the DISCONNECT. */
  readonly error: number;
  readonly options?: DecoderOptions;
}

/** Objects that may not be encoded. */
export interface RefusedRow {
  readonly name: string;
  /** Often no legal type either: callers without types exist. */
  readonly packet: unknown;
  readonly error: number;
}

const PINGREQ = Uint8Array.of(0xc0, 0x00);
const PINGRESP = Uint8Array.of(0xd0, 0x00);

export function bytes(spaced: string): Uint8Array {
  const digits = spaced.replaceAll(' ', '');
  if (!/^(?:[0-9a-f]{2})*$/u.test(digits)) throw new Error(`not hex: ${spaced}`);
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

/** A packet with `first` as its first byte and the right Remaining Length. */
export function framed(first: string, body: string): string {
  const target = new Uint8Array(4);
  const end = writeVariableByteInteger(bytes(body).length, target, 0);
  return `${first}${hex(target.subarray(0, end))}${body}`;
}

/** A property block with its Property Length. */
export function block(...properties: readonly string[]): string {
  return framed('', properties.join(''));
}

/** A UTF-8 Encoded String. */
export function text(value: string): string {
  const encoded = new TextEncoder().encode(value);
  return hex(Uint8Array.of(encoded.length >> 8, encoded.length & 0xff)) + hex(encoded);
}

export function hex(data: Uint8Array): string {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Both ways of comparing that our users have. */
export function expectSame(actual: unknown, expected: unknown): void {
  expect(actual).toEqual(expected);
  assert.deepStrictEqual(actual, expected);
}

export function expectWireError(work: () => unknown, reasonCode: number): WireError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(WireError);
    const wireError = error as WireError; // by the line above
    expect(wireError.reasonCode, wireError.message).toBe(reasonCode);
    expect(wireError.name).toBe('WireError');
    expect(wireError.message).not.toBe('');
    return wireError;
  }
  expect.fail(`no WireError 0x${reasonCode.toString(16)}`);
}

export function runGood(title: string, rows: readonly GoodRow[]): void {
  describe(title, () => {
    for (const row of rows) {
      test(row.name, () => {
        expectDecoded(row);
        expectEncoded(row);
      });
    }
  });
}

function expectDecoded({ hex: digits, packet, options = {} }: GoodRow): void {
  const data = bytes(digits);
  const ping = options.from === 'server' ? PINGRESP : PINGREQ;
  const pingPacket: Packet = { type: options.from === 'server' ? 'pingresp' : 'pingreq' };

  const whole = new Decoder(options);
  whole.push(data);
  expectSame(whole.next(), packet);
  expect(whole.next()).toBeUndefined();

  const single = new Decoder(options);
  for (const [index, byte] of data.entries()) {
    if (single.next() !== undefined) expect.fail(`a packet before byte ${index}`); // expect() itself is slow for 65,535
    single.push(Uint8Array.of(byte));
  }
  expectSame(single.next(), packet);
  expect(single.next()).toBeUndefined();

  const between = new Decoder(options);
  between.push(concat(ping, data, data, ping, ping.subarray(0, 1)));
  for (const expected of [pingPacket, packet, packet, pingPacket]) expectSame(between.next(), expected);
  expect(between.next()).toBeUndefined();

  const viewing = new Decoder(options);
  viewing.push(data);
  const view = viewing.nextView();
  if (view instanceof PublishView) expectSame(publishOf(view), packet);
  else expectSame(view, packet);
}

/** The plain packet that a view stands for. */
export function publishOf(view: PublishView): Packet {
  const { type, topicName, payload, qos, retain, dup, packetIdentifier, properties } = view;
  expect(view.payloadLength).toBe(payload.length);
  expect(view.hasProperties).toBe(properties !== undefined);
  expect(view.topicAlias).toBe(properties?.topicAlias ?? 0);
  expect(view.copyPayload()).toEqual(payload);
  const packet = { type, topicName, payload, qos, retain, dup, packetIdentifier };
  return properties === undefined ? packet : { ...packet, properties };
}

function expectEncoded({ hex: digits, packet, canonical = digits }: GoodRow): void {
  const expected = hex(bytes(canonical));
  expect(hex(encode(packet))).toBe(expected);
  expect(encodedLength(packet)).toBe(expected.length / 2);
  expectSame(decode(encode(packet)), packet);

  // Nothing is written outside the packet's own room.
  const length = expected.length / 2;
  const target = new Uint8Array(length + 10).fill(0xaa);
  expect(encodeInto(packet, target, 5)).toBe(length + 5);
  expect(hex(target)).toBe(`${'aa'.repeat(5)}${expected}${'aa'.repeat(5)}`);
  const exact = new Uint8Array(length + 5);
  expect(tryEncodeInto(packet, exact, 5)).toBe(length + 5);
  expect(hex(exact.subarray(5))).toBe(expected);
  expect(tryEncodeInto(packet, exact, 6)).toBe(-1);
  expect(() => encodeInto(packet, exact, 6)).toThrow(RangeError);
  if (packet.type === 'publish') {
    const head = new Uint8Array(length - packet.payload.length);
    expect(encodePublishHead(packet, head, 0)).toBe(head.length);
    expect(hex(head) + hex(packet.payload)).toBe(expected);
  }
}

export function runBad(title: string, rows: readonly BadRow[]): void {
  describe(title, () => {
    for (const row of rows) {
      test(`${row.name} → 0x${row.error.toString(16)}`, () => {
        expectRefused(row);
      });
    }
  });
}

function expectRefused({ hex: digits, error, options = {} }: BadRow): void {
  const data = bytes(digits);
  const ping = options.from === 'server' ? PINGRESP : PINGREQ;

  const whole = new Decoder(options);
  whole.push(data);
  const first = expectWireError(() => whole.next(), error);
  whole.push(ping); // ignored until reset
  expect(expectWireError(() => whole.next(), error)).toBe(first);
  expect(expectWireError(() => whole.nextView(), error)).toBe(first);
  whole.reset();
  expect(whole.next()).toBeUndefined();
  whole.push(ping);
  expect(whole.next()).toBeDefined();

  const single = new Decoder(options);
  expectWireError(() => {
    for (const byte of data) {
      single.push(Uint8Array.of(byte));
      expect(single.next()).toBeUndefined();
    }
  }, error);

  const behind = new Decoder(options);
  behind.push(concat(ping, data, ping));
  expect(behind.next()).toBeDefined();
  expectWireError(() => behind.next(), error);

  const viewing = new Decoder(options);
  viewing.push(data);
  expectWireError(() => viewing.nextView(), error);
}

export function runRefused(title: string, rows: readonly RefusedRow[]): void {
  describe(title, () => {
    for (const { name, packet, error } of rows) {
      test(`${name} → 0x${error.toString(16)}`, () => {
        const illegal = packet as Packet; // not one: that is the test
        expectWireError(() => encode(illegal), error);
        expectWireError(() => encodedLength(illegal), error);
        const target = new Uint8Array(100);
        expectWireError(() => encodeInto(illegal, target, 0), error);
        expectWireError(() => tryEncodeInto(illegal, target, 0), error);
        expect(hex(target)).toBe('00'.repeat(100));
      });
    }
  });
}
