// SPDX-License-Identifier: Apache-2.0
import { encode as libraryEncode } from '@msgpack/msgpack';
import type { Message } from '@mqttv5/core';
import { codecContract } from '@mqttv5/testing';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import { msgpackCodec, ValidationError } from './index.ts';

// The codec never looks at the message; core hands it in for codecs that do.
const message = {} as Message;
const invalidOption = expect.objectContaining({ code: 'INVALID_OPTION' });
const hex = (text: string) => Uint8Array.from(text.match(/[0-9a-f]{2}/g) ?? [], (byte) => Number.parseInt(byte, 16));

const samples = [null, true, 0, -1.5, '', 'ü🔑', [], {}, { a: [1, { b: null }] }, new Date(5), Uint8Array.of(1, 2)];
test.each(codecContract(msgpackCodec(), samples))('contract: $name', async (contractCase) => {
  await expect(contractCase.run()).resolves.toBeUndefined();
});

describe('msgpackCodec() (S-017)', () => {
  const codec = msgpackCodec();
  const decode = (payload: Uint8Array) => codec.decode(Uint8Array.from(payload), message);

  test('says what it sends: the registered media type, not text', () => {
    expect(codec.contentType).toBe('application/vnd.msgpack');
    expect(codec.payloadFormatIndicator).toBe(0);
  });

  test.each([
    [{ a: [1, -1, 2 ** 40, 1.5, null, true, 'ü🔑'], b: { c: [] } }],
    ['x'.repeat(40)],
    ['x'.repeat(70_000)],
    [Array.from({ length: 70_000 }, (_, index) => index)],
    [Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`k${index}`, index]))],
    [new Date(1_700_000_000_123)],
    [Uint8Array.of(1, 2, 3)],
    [new Uint8Array(70_000).fill(7)],
    [-(2 ** 40)],
    [false],
  ])('%# makes the round trip', (value) => {
    expect(decode(codec.encode(value))).toEqual(value);
  });

  test('reads what the library writes, and the other way round', () => {
    const value = { id: 7, tags: ['a', 'b'] };
    expect(decode(libraryEncode(value))).toEqual(value);
    expect(codec.encode(value)).toEqual(libraryEncode(value));
  });

  test('each payload is its own: the next value does not write over it', () => {
    const first = codec.encode('first');
    codec.encode('other');
    expect(decode(first)).toBe('first');
    expect(first.buffer.byteLength).toBe(first.byteLength);
  });

  test('bytes that arrive belong to the value, not to what the network brought', () => {
    const chunk = Buffer.alloc(65_536);
    const payload = codec.encode({ data: Uint8Array.of(1, 2, 3) });
    chunk.set(payload, 100);
    const value = codec.decode(chunk.subarray(100, 100 + payload.length), message) as { data: Uint8Array };
    expect(value.data.buffer.byteLength).toBe(payload.length);
    chunk.fill(0);
    expect(value.data).toEqual(Uint8Array.of(1, 2, 3));
  });

  test.each([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a bigint', 1n],
    ['a cycle', cycle()],
  ])('%s has no MessagePack: INVALID_OPTION, and the next value is not harmed', (_name, value) => {
    expect(() => codec.encode(value)).toThrow(invalidOption);
    expect(decode(codec.encode('ok'))).toBe('ok');
  });

  test.each([
    ['nothing', ''],
    ['a string cut off', 'a5 61'],
    ['an array cut off', '93 01 02'],
    ['a number cut off', 'cb 00'],
    ['a header cut off', 'dd 00 00'],
    ['a map without its last value', '82 a1 61 01 a1 62'],
    ['something behind the value', '01 02'],
    ['an unused head byte', 'c1'],
    ['a key __proto__', '81 a9 5f 5f 70 72 6f 74 6f 5f 5f 01'],
  ])('%s is refused, and the next payload is not harmed', (_name, payload) => {
    expect(() => decode(hex(payload))).toThrow(Error);
    expect(decode(codec.encode([1]))).toEqual([1]);
  });

  test('a value cut off at any byte is a RangeError', () => {
    const payload = codec.encode({
      a: [1, 300, 70_000, 1.5, 'text', new Date(5), new Uint8Array(3)],
      b: 'x'.repeat(300),
    });
    for (let length = 0; length < payload.length; length++) {
      expect(() => decode(payload.subarray(0, length)), `${length} bytes`).toThrow(RangeError);
    }
  });

  test('what a header announces costs nothing before it is there', () => {
    // 20,000 nested arrays of 2^28 elements each, none of which are there.
    const payload = new Uint8Array(100_000);
    for (let index = 0; index < payload.length; index += 5) payload.set([0xdd, 0x10, 0, 0, 0], index);
    const before = process.memoryUsage().heapUsed;
    expect(() => decode(payload)).toThrow(RangeError);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000_000);
  });
});

describe('msgpackCodec(schema)', () => {
  const schema = z.object({ celsius: z.number(), unit: z.string().default('C'), at: z.date() });
  const codec = msgpackCodec(schema);

  test('encode sends the value as given, decode gives what the schema makes of it', () => {
    const payload = codec.encode({ celsius: 21.5, at: new Date(0) });
    expect(payload).toEqual(libraryEncode({ celsius: 21.5, at: new Date(0) }));
    expect(codec.decode(Uint8Array.from(payload), message)).toEqual({ celsius: 21.5, unit: 'C', at: new Date(0) });
  });

  test('what does not validate is a ValidationError with its issues', () => {
    const payload = Uint8Array.from(libraryEncode({ celsius: 'hot', at: new Date(0) }));
    expect(() => codec.decode(payload, message)).toThrow(ValidationError);
    expect(() => codec.decode(payload, message)).toThrow(/^The payload does not validate: celsius: /);
  });

  test('a schema that validates asynchronously is INVALID_OPTION at first use', () => {
    const asynchronous = msgpackCodec(z.string().refine(async () => Promise.resolve(true)));
    expect(() => asynchronous.decode(Uint8Array.from(libraryEncode('x')), message)).toThrow(invalidOption);
  });

  test('what is no schema is INVALID_OPTION', () => {
    expect(() => msgpackCodec({} as never)).toThrow(invalidOption);
  });
});

function cycle(): object {
  const value: { self?: object } = {};
  value.self = value;
  return value;
}
