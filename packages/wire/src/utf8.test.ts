// SPDX-License-Identifier: Apache-2.0

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { bytes, expectWireError, hex } from '../test/rows.ts';
import { Reader } from './reader.ts';
import {
  ASCII,
  decodeUtf8,
  INVALID,
  MULTIBYTE,
  measureString,
  scanUtf8,
  scanWords,
  utf8Length,
  writeString,
} from './utf8.ts';
import {
  MAXIMUM_VARIABLE_BYTE_INTEGER,
  variableByteIntegerLength,
  writeVariableByteInteger,
} from './variable-byte-integer.ts';

const scanAll = (data: Uint8Array): number => scanUtf8(data, 0, data.length);
const wordsOf = (data: Uint8Array): DataView => new DataView(data.buffer, data.byteOffset, data.length);

/** The platform's strict decoder, and no U+0000. */
function reference(data: Uint8Array): string | undefined {
  try {
    const value = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
    return value.includes('\0') ? undefined : value;
  } catch {
    return undefined;
  }
}

describe('UTF-8 as it is read (§1.5.4, T-305)', () => {
  for (const [digits, kind, why] of [
    ['', ASCII, 'nothing'],
    ['61', ASCII, 'a letter'],
    ['017f', ASCII, 'control characters'],
    ['c280', MULTIBYTE, 'the first of two bytes'],
    ['dfbf', MULTIBYTE, 'the last of two bytes'],
    ['e0a080', MULTIBYTE, 'the first of three bytes'],
    ['ed9fbf', MULTIBYTE, 'U+D7FF'],
    ['ee8080', MULTIBYTE, 'U+E000'],
    ['efbbbf', MULTIBYTE, 'a BOM [MQTT-1.5.4-3]'],
    ['efbfbf', MULTIBYTE, 'a noncharacter'],
    ['f0908080', MULTIBYTE, 'the first of four bytes'],
    ['f48fbfbf', MULTIBYTE, 'U+10FFFF'],
    ['00', INVALID, 'U+0000 [MQTT-1.5.4-2]'],
    ['6100', INVALID, 'U+0000 behind a letter'],
    ['c3a900', INVALID, 'U+0000 behind two bytes'],
    ['80', INVALID, 'a continuation byte alone'],
    ['c080', INVALID, 'U+0000 overlong'],
    ['c1bf', INVALID, 'overlong in two'],
    ['e09fbf', INVALID, 'overlong in three'],
    ['f08fbfbf', INVALID, 'overlong in four'],
    ['eda080', INVALID, 'U+D800 [MQTT-1.5.4-1]'],
    ['edbfbf', INVALID, 'U+DFFF'],
    ['eda081edb080', INVALID, 'a surrogate pair'],
    ['f4908080', INVALID, 'U+110000'],
    ['f5808080', INVALID, 'beyond'],
    ['ff', INVALID, 'no UTF-8 at all'],
    ['c3', INVALID, 'cut off after one of two'],
    ['e282', INVALID, 'cut off after two of three'],
    ['f09f98', INVALID, 'cut off after three of four'],
    ['c361', INVALID, 'a letter for a continuation byte'],
    ['e28261', INVALID, 'a letter for the third byte'],
    ['f09f9861', INVALID, 'a letter for the fourth byte'],
    ['e2c0ac', INVALID, 'a lead byte for the second byte'],
  ] as const) {
    test(`${why}: ${kind === INVALID ? 'refused' : 'accepted'}`, () => {
      expect(scanAll(bytes(digits))).toBe(kind);
      const padded = bytes(`6161616161${digits}6161616161`);
      expect(scanWords(padded, wordsOf(padded), 0, padded.length)).toBe(kind);
    });
  }

  test('T-328 agrees with the platform on any bytes, by bytes and by words, at any offset', () => {
    const data = fc.oneof(
      fc.uint8Array({ maxLength: 24 }),
      fc
        .array(
          fc.constantFrom(
            '61',
            '00',
            'c3',
            'a9',
            'e2',
            '82',
            'ac',
            'ed',
            'a0',
            '80',
            'f0',
            '9f',
            '98',
            'f4',
            '8f',
            'bf',
            'ff',
          ),
          { maxLength: 12 },
        )
        .map((l) => bytes(l.join(''))),
      fc.string({ unit: 'binary', maxLength: 20 }).map((s) => new TextEncoder().encode(s)),
    );
    fc.assert(
      fc.property(data, fc.nat(5), (content, offset) => {
        const all = new Uint8Array(content.length + 2 * offset).fill(0xff);
        all.set(content, offset);
        const end = offset + content.length;
        const expected = reference(content);
        const kind = scanUtf8(all, offset, end);
        expect(kind !== INVALID).toBe(expected !== undefined);
        expect(scanWords(all, wordsOf(all), offset, end)).toBe(kind);
        if (kind !== INVALID) expect(decodeUtf8(all, offset, end, kind)).toBe(expected);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('UTF-8 as it is written', () => {
  test('agrees with the platform on any string of up to 200 units', () => {
    const unit = fc.constantFrom('a', 'Z', '/', '\u007f', '\u0080', 'é', '€', '\ufeff', '😀', '\ud83d', '\ude00', '\0');
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 200 }), (value) => {
        const legal = !/\p{Surrogate}/u.test(value) && !value.includes('\0');
        const encoded = new TextEncoder().encode(value);
        expect(utf8Length(value)).toSatisfy((length: number) => (legal ? length === encoded.length : length < 0));
        if (!legal) {
          expectWireError(() => measureString(value, 'x'), 0x81);
          return;
        }
        const target = new Uint8Array(encoded.length + 4).fill(0xee);
        expect(writeString(value, target, 1)).toBe(encoded.length + 3);
        expect(hex(target)).toBe(`ee${encoded.length.toString(16).padStart(4, '0')}${hex(encoded)}ee`);
      }),
      { numRuns: 1000 },
    );
  });

  test('65,535 bytes fit the length prefix, one more does not', () => {
    expect(measureString('x'.repeat(65_535), 'x')).toBe(65_535);
    expectWireError(() => measureString('x'.repeat(65_536), 'x'), 0x81);
    expectWireError(() => measureString('€'.repeat(21_846), 'x'), 0x81);
    expectWireError(() => measureString(5, 'x'), 0x81);
  });
});

describe('Variable Byte Integer (§1.5.5)', () => {
  const written = (value: number): string => {
    const target = new Uint8Array(5);
    const end = writeVariableByteInteger(value, target, 0);
    expect(variableByteIntegerLength(value)).toBe(end);
    return hex(target.subarray(0, end));
  };
  const read = (digits: string): number => {
    const data = bytes(digits);
    const reader = new Reader(data, 0, data.length);
    const value = reader.variableByteInteger('x');
    reader.finish('x');
    return value;
  };

  test('T-321 has the boundaries of table 1-1', () => {
    for (const [value, digits] of [
      [0, '00'],
      [127, '7f'],
      [128, '8001'],
      [16_383, 'ff7f'],
      [16_384, '808001'],
      [2_097_151, 'ffff7f'],
      [2_097_152, '80808001'],
      [MAXIMUM_VARIABLE_BYTE_INTEGER, 'ffffff7f'],
    ] as const) {
      expect(written(value)).toBe(digits);
      expect(read(digits)).toBe(value);
    }
  });

  test('T-321 T-326 reads back what it wrote, for any value', () => {
    fc.assert(
      fc.property(fc.nat(MAXIMUM_VARIABLE_BYTE_INTEGER), (value) => {
        expect(read(written(value))).toBe(value);
      }),
    );
  });

  test('T-323 five bytes, padding and a missing end are malformed [MQTT-1.5.5-1]', () => {
    for (const digits of ['8000', '808000', '80808000', 'ff00', '8080808001', 'ffffffff7f', '80', 'ffffff', '']) {
      expectWireError(() => read(digits), 0x81);
    }
  });
});

test('without Buffer, as in a browser, the codec does the same', async () => {
  const packet = {
    type: 'publish',
    topicName: 'plain/ascii/é',
    payload: bytes('0102'),
    qos: 0,
    retain: false,
    dup: false,
    packetIdentifier: 0,
    properties: { contentType: 'text/plain', userProperties: [['ascii', '\ufeffé€😀']] },
  } as const;
  vi.resetModules();
  vi.stubGlobal('Buffer', undefined);
  try {
    const { decode, encode } = await import('./index.ts');
    const { topicName, properties } = decode(encode(packet)) as typeof packet;
    expect({ topicName, properties: { ...properties } }).toEqual({
      topicName: packet.topicName,
      properties: packet.properties,
    });
    expect(decode(encode({ ...packet, topicName: 'ascii' }))).toMatchObject({ topicName: 'ascii' });
  } finally {
    vi.unstubAllGlobals();
  }
});
