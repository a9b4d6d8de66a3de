// SPDX-License-Identifier: Apache-2.0

import type { Codec, Message } from '@mqttv5/core';
import { ensure, ensureSame } from './contract.ts';
import type { ContractCase } from './contract.ts';

type Bytes = Message['payload'];

/**
 * What a `Codec` has to do, as cases for any test runner: `for (const c of codecContract(codec, samples)) test(c.name, c.run)`.
 *
 * `samples` are values that come back equal; for a codec whose schema transforms, take values that the transform leaves
 * alone. `decode` is given a message whose topic is `contract` and whose payload is the one to decode.
 *
 * @example
 * ```ts
 * import { test } from 'node:test';
 * import { jsonCodec } from '@mqttv5/codec-json';
 * import { codecContract } from '@mqttv5/testing';
 *
 * for (const c of codecContract(jsonCodec(), [null, 1, 'é', { a: [true] }])) test(c.name, c.run);
 * ```
 */
export function codecContract<T>(codec: Codec<T>, samples: readonly T[]): readonly ContractCase[] {
  const cases: ContractCase[] = [];
  const add = (name: string, check: () => void): void => {
    cases.push({ name: `Codec: ${name}`, run: async () => await Promise.resolve().then(check) });
  };

  add('there is at least one sample', () => ensure(samples.length > 0, 'codecContract needs at least one sample'));

  add('contentType is text that MQTT can carry (§1.5.4, §3.3.2.3.9)', () => {
    const { contentType } = codec;
    if (contentType === undefined) return;
    ensure(typeof contentType === 'string', 'contentType is not a string');
    ensure(!/[\p{Surrogate}\0]/u.test(contentType), 'contentType has a lone surrogate or U+0000');
    ensure(new TextEncoder().encode(contentType).length <= 65_535, 'contentType is longer than 65 535 bytes');
  });

  add('payloadFormatIndicator is 0, 1 or absent (§3.3.2.3.2)', () => {
    const { payloadFormatIndicator: indicator } = codec;
    ensure(
      indicator === undefined || indicator === 0 || indicator === 1,
      `payloadFormatIndicator is ${String(indicator)}`,
    );
  });

  // Cases work on copies, so that a codec that changes what it is given is caught by one case and cannot mislead the rest.
  for (const [index, original] of samples.map(clone).entries()) {
    const name = `sample ${index}`;
    const sampleOf = (): T => clone(original);

    add(`${name} comes back equal`, () => {
      ensureSame(decode(codec, encode(codec, sampleOf())), original, 'decode(encode(sample))');
    });

    add(`${name} encodes the same way twice, and nothing is kept between calls`, () => {
      const first = encode(codec, sampleOf());
      const copy = first.slice();
      for (const other of samples) encode(codec, other);
      ensureSame(first, copy, 'bytes of the first encode() after later ones: they must not share a buffer');
      ensureSame(encode(codec, sampleOf()), copy, 'the second encode()');
    });

    add(`${name} decodes from the middle of a larger buffer, which it leaves alone`, () => {
      const encoded = encode(codec, sampleOf());
      const chunk = new Uint8Array(encoded.length + 24).fill(0x5a);
      chunk.set(encoded, 16);
      const before = chunk.slice();
      ensureSame(decode(codec, chunk.subarray(16, 16 + encoded.length)), original, 'decode() of a view');
      ensureSame(chunk, before, 'the buffer the payload is a view of');
    });

    add(`${name} is not changed by encode`, () => {
      const sample = sampleOf();
      encode(codec, sample);
      ensureSame(sample, original, 'the sample after encode()');
    });

    if (codec.payloadFormatIndicator === 1)
      add(`${name} is UTF-8, as the payload format indicator says (§3.3.2.3.2)`, () => {
        const encoded = encode(codec, sampleOf());
        const text = new TextDecoder('utf-8', { fatal: true });
        ensure(!throws(() => text.decode(encoded)), 'the payload is not well-formed UTF-8');
      });

    add(`${name} cut short is refused or read, at once`, () => {
      const encoded = encode(codec, sampleOf());
      for (const length of cuts(encoded.length)) {
        let value: unknown;
        try {
          value = decode(codec, encoded.slice(0, length));
        } catch {
          continue; // Refused, as a payload of somebody else's making may be.
        }
        ensure(!isThenable(value), `decode() of the first ${length} bytes gave a promise`);
      }
    });
  }

  return cases;
}

function encode<T>(codec: Codec<T>, value: T): Bytes {
  const encoded: unknown = codec.encode(value);
  ensure(!isThenable(encoded), 'encode() gave a promise; it is synchronous');
  ensure(encoded instanceof Uint8Array, 'encode() did not give a Uint8Array');
  // Compared and cut here; what the codec gave is not changed, since a codec may hand out bytes it keeps.
  return encoded as Bytes;
}

function decode<T>(codec: Codec<T>, payload: Bytes): T {
  const value = codec.decode(payload, messageOf(codec, payload));
  ensure(!isThenable(value), 'decode() gave a promise; it is synchronous');
  return value;
}

/** A deep copy of plain data and bytes; what has a class of its own is not copied, since its codec may ask for the class. */
function clone<T>(value: T): T {
  const copy: unknown = cloneUnknown(value);
  return copy as T; // Every branch of cloneUnknown keeps the type.
}

function cloneUnknown(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(cloneUnknown);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Uint8Array.prototype) return (value as Uint8Array).slice();
  if (prototype !== Object.prototype && prototype !== null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, cloneUnknown(field)]));
}

function throws(operation: () => unknown): boolean {
  try {
    operation();
    return false;
  } catch {
    return true;
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** Every length of a short payload, 64 spread over a long one. */
function cuts(length: number): readonly number[] {
  const step = Math.max(1, Math.floor(length / 64));
  return Array.from({ length: Math.ceil(length / step) }, (_, index) => index * step);
}

/** The message that arrives with `payload`, acknowledged already: a codec has no business with acknowledgements. */
function messageOf(codec: Pick<Codec<unknown>, 'contentType' | 'payloadFormatIndicator'>, payload: Bytes): Message {
  const message: Message = {
    topic: 'contract',
    payload,
    qos: 0,
    retain: false,
    dup: false,
    properties: {
      ...(codec.contentType === undefined ? {} : { contentType: codec.contentType }),
      ...(codec.payloadFormatIndicator === undefined ? {} : { payloadFormatIndicator: codec.payloadFormatIndicator }),
    },
    subscriptionIdentifiers: [],
    packetIdentifier: 0,
    acknowledged: true,
    userProperty: () => undefined,
    text: () => new TextDecoder().decode(payload),
    json: <V>() => JSON.parse(new TextDecoder().decode(payload)) as V,
    ack: () => {},
    detach: () => message,
  };
  return message;
}
