// SPDX-License-Identifier: Apache-2.0

import { describe, expect, test, vi } from 'vitest';
import { bytes, concat, expectSame, expectWireError, framed, text } from '../test/rows.ts';
import { Decoder, decode, encode, type Packet, type PublishPacket } from './index.ts';

const MIB = 1024 * 1024;
const TYPED_ARRAY = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array; // %TypedArray%.prototype

function publish(size: number): PublishPacket {
  const payload = Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
  return { type: 'publish', topicName: 'a/b', payload, qos: 1, retain: false, dup: false, packetIdentifier: 7 };
}

function drain(decoder: Decoder): Packet[] {
  const packets: Packet[] = [];
  for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) packets.push(packet);
  return packets;
}

describe('Decoder, options', () => {
  test('what is no option value is refused when it is given', () => {
    for (const maximumPacketSize of [0, -1, 1.5, Number.NaN, '5']) {
      expect(() => new Decoder({ maximumPacketSize: maximumPacketSize as number })).toThrow(RangeError);
    }
    expect(() => new Decoder({ from: 'broker' as 'server' })).toThrow(RangeError);
  });

  test('undefined is absent', () => {
    const decoder = new Decoder({ from: undefined, maximumPacketSize: undefined, lenient: undefined });
    decoder.push(bytes('c000d000'));
    expectSame(drain(decoder), [{ type: 'pingreq' }, { type: 'pingresp' }]);
  });

  test('only bytes can be pushed', () => {
    expect(() => new Decoder().push('c000' as unknown as Uint8Array)).toThrow(TypeError);
    expect(() => new Decoder().push([0xc0, 0] as unknown as Uint8Array)).toThrow(TypeError);
  });
});

describe('Decoder, Maximum Packet Size [MQTT-3.1.2-24]', () => {
  test('T-307 refuses with 0x95 on the fixed header, before any of the body', () => {
    const decoder = new Decoder({ maximumPacketSize: 100 });
    decoder.push(bytes('30')); // and 98 announced: 101 bytes with two for the length, if it had two
    expect(decoder.next()).toBeUndefined();
    decoder.push(bytes('63'));
    expectWireError(() => decoder.next(), 0x95);
  });

  test('counts the whole packet, fixed header included (§2.1.4)', () => {
    const packet = publish(300);
    const data = encode(packet);
    const exact = new Decoder({ maximumPacketSize: data.length });
    exact.push(data);
    expectSame(exact.next(), packet);
    const below = new Decoder({ maximumPacketSize: data.length - 1 });
    below.push(data);
    expectWireError(() => below.next(), 0x95);
  });

  test('lets the packets before the large one through', () => {
    const decoder = new Decoder({ maximumPacketSize: 10 });
    decoder.push(concat(bytes('c000'), encode(publish(300))));
    expectSame(decoder.next(), { type: 'pingreq' });
    expectWireError(() => decoder.next(), 0x95);
  });
});

describe('Decoder, splitting and joining', () => {
  const packets: Packet[] = [
    publish(0),
    { type: 'pingreq' },
    publish(1),
    { type: 'connack', sessionPresent: false, reasonCode: 0, properties: { reasonString: 'é'.repeat(200) } },
    publish(127),
    { ...publish(128), properties: { userProperties: [['a', 'b']] } },
    publish(5000),
    { type: 'pingresp' },
    publish(70_000),
  ];
  const stream = concat(...packets.map(encode));

  for (const size of [1, 2, 3, 7, 16, 64, 1000, 1024, 4096, 16_384, 65_536, MIB]) {
    test(`T-311 gives the same packets for chunks of ${size} bytes`, () => {
      const decoder = new Decoder();
      const seen: Packet[] = [];
      for (let at = 0; at < stream.length; at += size) {
        decoder.push(stream.slice(at, at + size));
        seen.push(...drain(decoder));
      }
      expectSame(seen, packets);
    });

    test(`gives the same packets when chunks of ${size} bytes wait to be read`, () => {
      const decoder = new Decoder();
      for (let at = 0; at < stream.length; at += size) decoder.push(stream.slice(at, at + size));
      expectSame(drain(decoder), packets);
    });
  }

  test('takes empty chunks anywhere', () => {
    const decoder = new Decoder();
    for (const part of ['', 'c0', '', '00', '', 'd000', '']) decoder.push(bytes(part));
    expectSame(drain(decoder), [{ type: 'pingreq' }, { type: 'pingresp' }]);
  });

  test('joins a packet that began in the chunk of another', () => {
    const decoder = new Decoder();
    const first = encode(publish(10));
    const second = encode(publish(400));
    decoder.push(concat(first, second.subarray(0, 1)));
    decoder.push(second.subarray(1, 2));
    decoder.push(second.subarray(2, 200));
    expectSame(drain(decoder), [publish(10)]);
    decoder.push(concat(second.subarray(200), first));
    expectSame(drain(decoder), [publish(400), publish(10)]);
  });

  test('reads chunks that are part of a larger buffer', () => {
    const data = encode(publish(20));
    const larger = new Uint8Array(100).fill(0xff);
    larger.set(data, 30);
    const decoder = new Decoder();
    decoder.push(larger.subarray(30, 40));
    decoder.push(larger.subarray(40, 30 + data.length));
    decoder.push(larger.subarray(30, 30 + data.length));
    expectSame(drain(decoder), [publish(20), publish(20)]);
  });

  test('T-312 keeps a packet of several MiB intact', () => {
    const packet = publish(5 * MIB);
    const data = encode(packet);
    const decoder = new Decoder();
    for (let at = 0; at < data.length; at += 65_536) decoder.push(data.subarray(at, at + 65_536));
    const decoded = decoder.next() as PublishPacket;
    expect(Buffer.compare(decoded.payload, packet.payload)).toBe(0);
    expect(decoder.next()).toBeUndefined();
  });

  test('joining is linear: each byte of a large packet in tiny chunks is copied at most three times', () => {
    for (const [size, chunk] of [
      [MIB / 2, 7],
      [MIB / 16, 1],
      [2 * MIB, 1000],
    ] as const) {
      const data = encode(publish(size));
      let copied = 0;
      // Counted by hand: a spy would keep every call.
      const original = Object.getOwnPropertyDescriptor(TYPED_ARRAY, 'set') as { value: Uint8Array['set'] }; // it has one
      TYPED_ARRAY.set = function (this: Uint8Array, source: ArrayLike<number>, offset?: number): void {
        copied += source.length;
        original.value.call(this, source, offset);
      };
      const decoder = new Decoder();
      let decoded: Packet | undefined;
      for (let at = 0; at < data.length; at += chunk) {
        decoder.push(data.subarray(at, at + chunk));
        decoded = decoder.next();
      }
      Object.defineProperty(TYPED_ARRAY, 'set', original);
      expect(decoded?.type).toBe('publish');
      expect(copied).toBeLessThanOrEqual(3 * data.length);
    }
  });
});

describe('Decoder, memory', () => {
  /** ArrayBuffer bytes this process has asked for while `work` ran, garbage included. */
  function allocated(work: () => void): number {
    let sum = 0;
    const Real = globalThis.Uint8Array;
    const counting = new Proxy(Real, {
      construct(target, args: unknown[], newTarget) {
        if (typeof args[0] === 'number') sum += args[0];
        return Reflect.construct(target, args, newTarget) as Uint8Array;
      },
    });
    vi.stubGlobal('Uint8Array', counting);
    try {
      work();
    } finally {
      vi.unstubAllGlobals();
    }
    return sum;
  }

  test('T-308 a packet that announces 256 MiB costs what is sent of it', () => {
    for (const sent of [0, 1, 100, 1000, 10_000]) {
      const decoder = new Decoder();
      const header = bytes('30ffffff7f');
      const chunk = new Uint8Array(sent);
      const cost = allocated(() => {
        decoder.push(header);
        decoder.push(chunk);
        expect(decoder.next()).toBeUndefined();
      });
      expect(cost).toBeLessThanOrEqual(Math.max(256, 2 * sent));
    }
  });

  test('T-309 what is allocated for an unfinished packet stays below four times what arrived, at any size', () => {
    const decoder = new Decoder();
    const chunk = new Uint8Array(1000);
    let received = 0;
    const cost = allocated(() => {
      decoder.push(bytes('30ffffff7f'));
      for (let i = 0; i < 3000; i++) {
        decoder.push(chunk);
        received += chunk.length;
        expect(decoder.next()).toBeUndefined();
      }
    });
    expect(cost).toBeLessThanOrEqual(4 * received); // sums the buffers outgrown on the way; the last is below twice
  });

  test('T-310 the buffer of a large packet goes with the packet', () => {
    const decoder = new Decoder();
    const data = encode(publish(MIB));
    decoder.push(data.subarray(0, 1000));
    decoder.next();
    decoder.push(data.subarray(1000));
    const { payload } = decoder.next() as PublishPacket;
    decoder.push(data.subarray(0, 1000));
    decoder.next();
    decoder.push(data.subarray(1000));
    const second = decoder.next() as PublishPacket;
    expect(second.payload.buffer).not.toBe(payload.buffer);
    expect(payload).toEqual(second.payload);
  });
});

describe('Decoder, after an error', () => {
  test('next() throws the same error until reset(), whatever comes', () => {
    const decoder = new Decoder();
    decoder.push(bytes('c000 0000 c000'));
    expectSame(decoder.next(), { type: 'pingreq' });
    const error = expectWireError(() => decoder.next(), 0x81);
    for (let i = 0; i < 3; i++) {
      decoder.push(bytes('c000'));
      expect(expectWireError(() => decoder.next(), 0x81)).toBe(error);
    }
    decoder.reset();
    expect(decoder.next()).toBeUndefined();
    decoder.push(bytes('d000'));
    expectSame(drain(decoder), [{ type: 'pingresp' }]);
  });

  test('reset() also forgets half a packet and chunks that wait, and keeps the options', () => {
    const decoder = new Decoder({ from: 'client', maximumPacketSize: 50 });
    const data = encode(publish(30));
    decoder.push(data.subarray(0, 20));
    expect(decoder.next()).toBeUndefined();
    decoder.push(data.subarray(20));
    decoder.reset();
    expect(decoder.next()).toBeUndefined();
    for (const part of ['c0', '30', '32']) {
      decoder.push(bytes(part));
      decoder.next();
      decoder.reset();
    }
    decoder.push(bytes('c000'));
    expectSame(drain(decoder), [{ type: 'pingreq' }]);
    decoder.push(bytes('d000'));
    expectWireError(() => decoder.next(), 0x82);
    decoder.reset();
    decoder.push(encode(publish(50)));
    expectWireError(() => decoder.next(), 0x95);
  });
});

describe('decode', () => {
  test('takes one whole packet and nothing else', () => {
    expectSame(decode(bytes('c000')), { type: 'pingreq' });
    for (const digits of ['', 'c0', '30', '3005', '30050003', '30ffffff']) {
      expectWireError(() => decode(bytes(digits)), 0x81);
    }
    for (const digits of ['c00000', 'c000c000', '4002000100', framed('30', `${text('a')}00`) + '00']) {
      expectWireError(() => decode(bytes(digits)), 0x81);
    }
  });

  test('takes a Node Buffer and gives plain arrays', () => {
    const data = Buffer.from(
      encode({ type: 'connect', clientId: 'c', cleanStart: true, keepAlive: 0, password: bytes('0102') }),
    );
    expectSame(decode(data), {
      type: 'connect',
      clientId: 'c',
      cleanStart: true,
      keepAlive: 0,
      password: bytes('0102'),
    });
  });
});

test('small fields do not keep the chunk alive, nor change with it', () => {
  const chunk = encode({
    type: 'auth',
    reasonCode: 0x18,
    properties: { authenticationMethod: 'm', authenticationData: bytes('010203') },
  });
  const packet = decode(chunk);
  chunk.fill(0);
  expectSame(packet, {
    type: 'auth',
    reasonCode: 0x18,
    properties: { authenticationMethod: 'm', authenticationData: bytes('010203') },
  });
});
