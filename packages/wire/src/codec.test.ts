// SPDX-License-Identifier: Apache-2.0

// Properties of the codec as a whole, for arbitrary packets and arbitrary bytes.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packet as anyPacket, publish } from '../test/arbitraries.ts';
import { bytes, concat, expectSame, hex, publishOf } from '../test/rows.ts';
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
  WireError,
} from './index.ts';
import { checkPublishProperties } from './packets/publish-properties.ts';
import { PROPERTIES } from './packets/publish.ts';
import { readPropertyBlock } from './property-reader.ts';
import { Reader } from './reader.ts';
import { EITHER } from './sides.ts';

describe('arbitrary legal packets (T-316, T-327)', () => {
  test('decode(encode(packet)) is the packet, and every way to encode gives the same bytes', () => {
    fc.assert(
      fc.property(anyPacket, (packet) => {
        const data = encode(packet);
        expectSame(decode(data), packet);
        expect(encodedLength(packet)).toBe(data.length); // T-315
        const target = new Uint8Array(data.length + 6).fill(0xaa);
        expect(encodeInto(packet, target, 3)).toBe(data.length + 3);
        expect(Buffer.compare(target, concat(bytes('aaaaaa'), data, bytes('aaaaaa')))).toBe(0);
        expect(Buffer.compare(encode(decode(data)), data)).toBe(0);
      }),
      { numRuns: 600 },
    );
  });

  test('the head of a PUBLISH and its payload are the packet', () => {
    fc.assert(
      fc.property(publish, (packet) => {
        const data = encode(packet);
        const head = new Uint8Array(data.length - packet.payload.length);
        expect(encodePublishHead(packet, head, 0)).toBe(head.length);
        expect(Buffer.compare(concat(head, packet.payload), data)).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  test('a stream of packets gives the same packets however it is split, as packets and as views', () => {
    fc.assert(
      fc.property(
        fc.array(anyPacket, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 }),
        (packets, sizes) => {
          const stream = concat(...packets.map(encode));
          const plain = new Decoder();
          const viewing = new Decoder();
          const seen: Packet[] = [];
          const viewed: Packet[] = [];
          let at = 0;
          for (let turn = 0; at < stream.length; turn++) {
            const size = sizes[turn % sizes.length] ?? 1;
            plain.push(stream.slice(at, at + size));
            viewing.push(stream.slice(at, at + size));
            at += size;
            for (let packet = plain.next(); packet !== undefined; packet = plain.next()) seen.push(packet);
            for (let view = viewing.nextView(); view !== undefined; view = viewing.nextView()) {
              viewed.push(view instanceof PublishView ? publishOf(view) : view);
            }
          }
          expectSame(seen, packets);
          expectSame(viewed, packets);
        },
      ),
      { numRuns: 200 },
    );
  });
});

/** What a decoder makes of bytes: the packets, and the code it stopped with. */
function outcome(
  data: Uint8Array,
  options: DecoderOptions,
  size: number,
): { packets: Packet[]; code: number | undefined } {
  const decoder = new Decoder(options);
  const packets: Packet[] = [];
  for (let at = 0; at < data.length; at += size) {
    decoder.push(data.slice(at, at + size));
    try {
      for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) packets.push(packet);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return { packets, code: error.reasonCode };
    }
  }
  return { packets, code: undefined };
}

function expectHarmless(data: Uint8Array, options: DecoderOptions): void {
  const whole = outcome(data, options, Math.max(1, data.length));
  for (const size of [1, 5]) expectSame(outcome(data, options, size), whole);
  if (whole.code !== undefined) expect([0x81, 0x82, 0x84, 0x94, 0x95]).toContain(whole.code);
  // What is accepted is legal: it can be sent on.
  for (const packet of whole.packets) expectSame(decode(encode(packet)), packet);
}

describe('arbitrary bytes (T-324)', () => {
  const options = fc.record(
    {
      from: fc.constantFrom('server' as const, 'client' as const),
      maximumPacketSize: fc.integer({ min: 1, max: 200 }),
      lenient: fc.boolean(),
    },
    { requiredKeys: [] },
  );

  test('give packets, a wait for more, or a WireError, the same for every split', () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      // A fixed header that is right more often than not, so that the bodies are reached.
      fc
        .tuple(
          fc.constantFrom(
            0x10,
            0x20,
            0x30,
            0x32,
            0x3d,
            0x40,
            0x50,
            0x62,
            0x70,
            0x82,
            0x90,
            0xa2,
            0xb0,
            0xc0,
            0xd0,
            0xe0,
            0xf0,
          ),
          fc.uint8Array({ maxLength: 40 }),
        )
        .map(([first, body]) => concat(Uint8Array.of(first, body.length), body)),
      fc
        .tuple(fc.constantFrom('0000', '000161', '00016100'), fc.uint8Array({ maxLength: 30 }))
        .map(([start, rest]) => concat(Uint8Array.of(0x30, start.length / 2 + rest.length), bytes(start), rest)),
    );
    fc.assert(fc.property(anything, options, expectHarmless), { numRuns: 3000 });
  });

  test('that were legal packets before a few bytes were changed do the same', () => {
    const change = fc.record({
      at: fc.nat(),
      kind: fc.constantFrom('set', 'insert', 'delete', 'cut', 'double'),
      value: fc.oneof(fc.constantFrom(0, 1, 2, 0x26, 0x7f, 0x80, 0xff), fc.nat(255)),
    });
    fc.assert(
      fc.property(
        fc.array(anyPacket, { minLength: 1, maxLength: 3 }),
        fc.array(change, { minLength: 1, maxLength: 3 }),
        options,
        (packets, changes, given) => {
          let data = concat(...packets.map(encode)).subarray(0, 2000);
          for (const { at, kind, value } of changes) {
            const i = data.length === 0 ? 0 : at % data.length;
            if (kind === 'set') data = concat(data.subarray(0, i), Uint8Array.of(value), data.subarray(i + 1));
            else if (kind === 'insert') data = concat(data.subarray(0, i), Uint8Array.of(value), data.subarray(i));
            else if (kind === 'delete') data = concat(data.subarray(0, i), data.subarray(i + 1));
            else if (kind === 'cut') data = data.subarray(0, i);
            else data = concat(data.subarray(0, i), data);
          }
          expectHarmless(data, given);
        },
      ),
      { numRuns: 600 },
    );
  });

  test('as the properties of a PUBLISH get the verdict of the property table (T-325)', () => {
    const property = fc.constantFrom(
      '0101',
      '0102',
      '0200000001',
      '03000161',
      '030000',
      '0300ff',
      '0800026162',
      '08000161',
      '080000',
      '0800012b',
      '09000100',
      '0b01',
      '0b00',
      '0b8001',
      '0b8000',
      '230001',
      '230000',
      '26000161000162',
      '2600000000',
      '260002c3a90000',
      '26000100',
      '220001',
      '1f0000',
      '00',
      '80',
      'ff',
      '01',
      '02',
      '0002',
      '61',
    );
    const blocks = fc.oneof(
      fc.array(property, { maxLength: 6 }).map((parts) => bytes(parts.join(''))),
      fc.uint8Array({ maxLength: 20 }),
    );
    const verdict = (read: () => unknown): number => {
      try {
        read();
        return 0;
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        return error.reasonCode;
      }
    };
    fc.assert(
      fc.property(blocks, (data) => {
        const slow = verdict(() => readPropertyBlock({}, new Reader(data, 0, data.length), PROPERTIES));
        const words = new DataView(data.buffer, data.byteOffset, data.length);
        const fast = verdict(() => checkPublishProperties(data, words, 0, data.length, EITHER));
        expect(fast, hex(data)).toBe(slow);
      }),
      { numRuns: 5000 },
    );
  });
});
