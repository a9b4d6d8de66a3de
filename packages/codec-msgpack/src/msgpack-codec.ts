// SPDX-License-Identifier: Apache-2.0

import { Decoder, Encoder } from '@msgpack/msgpack';
import { MqttError, validatingCodec } from '@mqttv5/core';
import type { Bytes, Codec, StandardSchemaV1 } from '@mqttv5/core';

import { scan } from './scan.ts';

/**
 * MessagePack payloads whose values are checked by a Standard Schema (zod, valibot, arktype, …) when they arrive.
 *
 * `encode` sends the value as given: it is the receiver's schema that decides. `decode` validates, and gives what the schema
 * makes of the value, defaults and transforms included.
 *
 * @throws MqttError `INVALID_OPTION` when `schema` is not one; from `decode`, also when it validates asynchronously
 * @throws ValidationError from `decode`, when the schema says no
 */
export function msgpackCodec<S extends StandardSchemaV1>(
  schema: S,
): Codec<StandardSchemaV1.InferOutput<S>, StandardSchemaV1.InferInput<S>>;
/**
 * MessagePack payloads of a type that is promised, not checked: whatever decodes is taken for a `T`.
 *
 * Both forms send content type `application/vnd.msgpack`, the one registered with IANA, and Payload Format Indicator 0. Bytes and
 * dates make the round trip; bytes that arrive belong to the value. Integers beyond 2^53 lose their last digits, as every number
 * does; undefined becomes null.
 *
 * @throws MqttError `INVALID_OPTION` from `encode`, for functions, symbols, bigints and more than 100 levels, cycles among them
 * @throws RangeError from `decode`, for a payload that is cut off, empty, or longer than its value; the library's `DecodeError`
 * for other damage and for a key `__proto__`
 */
export function msgpackCodec<T = unknown>(): Codec<T>;
export function msgpackCodec(schema?: StandardSchemaV1): Codec<unknown> {
  const codec = { ...FORMAT, encode: makeEncode(), decode: makeDecode() };
  return schema === undefined ? codec : validatingCodec(codec, schema);
}

const FORMAT = { contentType: 'application/vnd.msgpack', payloadFormatIndicator: 0 } as const;

/** The buffer of an encoder grows with its largest value and stays; past this it is not worth keeping. Bytes. */
const KEPT_BUFFER_BYTES = 65_536;

function makeEncode(): (value: unknown) => Uint8Array {
  let encoder = new Encoder();
  return (value) => {
    let payload: Uint8Array;
    try {
      payload = encoder.encode(value);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new MqttError('INVALID_OPTION', `The value cannot be written as MessagePack: ${why}`, { cause });
    }
    if (payload.length > KEPT_BUFFER_BYTES) encoder = new Encoder();
    return payload;
  };
}

function makeDecode(): (payload: Bytes) => unknown {
  const decoder = new Decoder();
  return (payload) => {
    const { hasBinary } = scan(payload);
    // Binary parts come as views. Those of a payload that is itself a view of what the network brought would keep all of that.
    // Not `slice`: that of a Buffer is a view, too.
    return decoder.decode(hasBinary ? new Uint8Array(payload) : payload);
  };
}
