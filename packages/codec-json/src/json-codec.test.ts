// SPDX-License-Identifier: Apache-2.0
import type { Message } from '@mqttv5/core';
import { codecContract } from '@mqttv5/testing';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import { jsonCodec, ValidationError } from './index.ts';

// The codec never looks at the message; core hands it in for codecs that do.
const message = {} as Message;
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (payload: Uint8Array) => new TextDecoder().decode(payload);
const invalidOption = expect.objectContaining({ code: 'INVALID_OPTION' });

const samples = [null, true, 0, -1.5, '', 'ü🔑', [], {}, { a: [1, { b: null }] }];
test.each(codecContract(jsonCodec(), samples))('contract: $name', async (contractCase) => {
  await expect(contractCase.run()).resolves.toBeUndefined();
});

describe('jsonCodec() (S-016, T-355)', () => {
  const codec = jsonCodec();

  test('says what it sends: application/json, UTF-8', () => {
    expect(codec.contentType).toBe('application/json');
    expect(codec.payloadFormatIndicator).toBe(1);
  });

  test.each([{ a: [1, null, true, 'ü🔑'] }, [], 'text', 0, false, null])('%j makes the round trip', (value) => {
    expect(codec.decode(bytes(text(codec.encode(value))), message)).toEqual(value);
  });

  test('the value is sent as given: fields without a value are left out, toJSON is asked', () => {
    expect(text(codec.encode({ a: undefined, b: new Date(0) }))).toBe('{"b":"1970-01-01T00:00:00.000Z"}');
  });

  test.each([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a bigint', 1n],
    ['a cycle', cycle()],
  ])('%s has no JSON: INVALID_OPTION', (_name, value) => {
    expect(() => codec.encode(value)).toThrow(invalidOption);
  });

  test('what toJSON throws is the cause', () => {
    const cause = new RangeError('no');
    const value = {
      toJSON: () => {
        throw cause;
      },
    };
    expect(() => codec.encode(value)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', cause }));
  });

  test.each(['', '{', '{"a":1,}', 'undefined', "{'a':1}", '1 2'])('%j is not JSON: SyntaxError', (payload) => {
    expect(() => codec.decode(bytes(payload), message)).toThrow(SyntaxError);
  });

  test.each([
    ['a byte that never occurs', [0x22, 0xff, 0x22]],
    ['a surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['an overlong form', [0x22, 0xc0, 0x80, 0x22]],
    ['a character cut off', [0x22, 0xc3]],
  ])('%s is not UTF-8: TypeError', (_name, payload) => {
    expect(() => codec.decode(Uint8Array.from(payload), message)).toThrow(TypeError);
  });

  test('one bad payload leaves nothing behind for the next', () => {
    expect(() => codec.decode(Uint8Array.of(0x22, 0xc3), message)).toThrow(TypeError);
    expect(codec.decode(bytes('"ok"'), message)).toBe('ok');
  });

  test('a byte order mark is skipped', () => {
    expect(codec.decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0x31), message)).toBe(1);
  });

  test('__proto__ in a payload is a field like any other', () => {
    const value: unknown = codec.decode(bytes('{"__proto__":{"admin":true}}'), message);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(value).not.toHaveProperty('admin');
  });
});

describe.each([
  {
    library: 'zod',
    schema: z.object({ celsius: z.number(), unit: z.string().default('C'), at: z.string().transform((s) => s.length) }),
  },
  {
    library: 'valibot',
    schema: v.object({
      celsius: v.number(),
      unit: v.optional(v.string(), 'C'),
      at: v.pipe(
        v.string(),
        v.transform((s) => s.length),
      ),
    }),
  },
])('jsonCodec(schema) of $library', ({ schema }) => {
  const codec = jsonCodec(schema);

  test('encode sends the value as given, decode gives what the schema makes of it', () => {
    const payload = codec.encode({ celsius: 21.5, at: 'now' });
    expect(text(payload)).toBe('{"celsius":21.5,"at":"now"}');
    expect(codec.decode(Uint8Array.from(payload), message)).toEqual({ celsius: 21.5, unit: 'C', at: 3 });
  });

  test('encode does not validate', () => {
    expect(text(codec.encode({ celsius: 'hot', at: 'now' } as never))).toBe('{"celsius":"hot","at":"now"}');
  });

  test('what does not validate is a ValidationError with its issues', () => {
    let error: unknown;
    try {
      codec.decode(bytes('{"celsius":"hot","at":"now"}'), message);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ValidationError);
    const { issues, message: described, name } = error as ValidationError;
    expect(name).toBe('ValidationError');
    expect(issues).toHaveLength(1);
    expect(described).toMatch(/^The payload does not validate: celsius: /);
  });

  test('bad JSON does not reach the schema', () => {
    expect(() => codec.decode(bytes('{'), message)).toThrow(SyntaxError);
  });
});

describe('schemas', () => {
  test.each([
    { library: 'zod', schema: z.string().refine(async () => Promise.resolve(true)) },
    {
      library: 'valibot',
      schema: v.pipeAsync(
        v.string(),
        v.checkAsync(async () => Promise.resolve(true)),
      ),
    },
  ])('one of $library that validates asynchronously is INVALID_OPTION at first use', ({ schema }) => {
    expect(() => jsonCodec(schema).decode(bytes('"x"'), message)).toThrow(invalidOption);
  });

  test('the promise that nobody waits for may reject', async () => {
    const validate = async (): Promise<{ value: unknown }> => Promise.reject(new Error('late'));
    const codec = jsonCodec({ '~standard': { version: 1, vendor: 'test', validate } });
    expect(() => codec.decode(bytes('"x"'), message)).toThrow(/The test schema validates asynchronously/);
    // An unhandled rejection would fail the run.
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  });

  test.each([null, {}, { '~standard': {} }, 'schema', z.object])('%j is no schema: INVALID_OPTION', (schema) => {
    expect(() => jsonCodec(schema as never)).toThrow(invalidOption);
  });

  test('a schema may be a function', () => {
    const schema = Object.assign(() => undefined, {
      '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value: [value] }) },
    } as const);
    expect(jsonCodec(schema).decode(bytes('1'), message)).toEqual([1]);
  });

  test('many issues are counted, not all spelled out', () => {
    const issues = [1, 2, 3, 4, 5].map((n) => ({ message: `wrong ${n}`, path: [{ key: 'list' }, n] }));
    expect(new ValidationError(issues).message).toBe(
      'The payload does not validate: list.1: wrong 1; list.2: wrong 2; list.3: wrong 3; and 2 more',
    );
  });
});

function cycle(): object {
  const value: { self?: object } = {};
  value.self = value;
  return value;
}
