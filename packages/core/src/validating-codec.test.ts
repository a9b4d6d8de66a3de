// SPDX-License-Identifier: Apache-2.0
//
// What schemas of zod and valibot make of it is tested with the codecs that take them.

import { expect, test } from 'vitest';
import type { Codec } from './api/codec.ts';
import type { Message } from './api/receive.ts';
import type { StandardSchemaV1 } from './api/standard-schema.ts';
import { validatingCodec, ValidationError } from './validating-codec.ts';

const invalidOption = expect.objectContaining({ code: 'INVALID_OPTION' });
const message = {} as Message;

/** One byte, one number. */
const byte: Codec<unknown> = {
  contentType: 'application/x-byte',
  encode: (value) => Uint8Array.of(Number(value)),
  decode: (payload) => payload[0],
};

/** Takes even numbers, gives their halves. */
const half: StandardSchemaV1<number, string> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      typeof value === 'number' && value % 2 === 0
        ? { value: `${value / 2}` }
        : { issues: [{ message: 'odd', path: ['reading', { key: 0 }] }] },
  },
};

test('a codec of somebody else: encodes as it does, decodes to what the schema gives', () => {
  const codec = validatingCodec(byte, half);
  expect(codec.encode(7)).toEqual(Uint8Array.of(7));
  expect(codec.decode(Uint8Array.of(8), message)).toBe('4');
  expect(() => codec.decode(Uint8Array.of(7), message)).toThrow(ValidationError);
  expect(() => codec.decode(Uint8Array.of(7), message)).toThrow('The payload does not validate: reading.0: odd');
});

test('what it sends is described as before, and what was not described stays so', () => {
  expect(validatingCodec(byte, half)).toMatchObject({ contentType: 'application/x-byte' });
  expect(validatingCodec(byte, half)).not.toHaveProperty('payloadFormatIndicator');
  expect(validatingCodec({ ...byte, payloadFormatIndicator: 0 }, half)).toHaveProperty('payloadFormatIndicator', 0);
});

test('a codec that keeps state in its object keeps it', () => {
  class Counting implements Codec<unknown> {
    decoded = 0;
    encode(): Uint8Array {
      return new Uint8Array(0);
    }
    decode(): number {
      return (this.decoded += 2);
    }
  }
  const codec = validatingCodec(new Counting(), half);
  codec.decode(new Uint8Array(0), message);
  expect(codec.decode(new Uint8Array(0), message)).toBe('2');
});

test.each([
  ['no codec', {}, half],
  ['no schema', byte, {}],
  ['nothing', undefined, undefined],
])('%s: INVALID_OPTION', (_, codec, schema) => {
  expect(() => validatingCodec(codec as never, schema as never)).toThrow(invalidOption);
});
