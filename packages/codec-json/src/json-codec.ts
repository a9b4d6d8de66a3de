// SPDX-License-Identifier: Apache-2.0

import { MqttError, validatingCodec } from '@mqttv5/core';
import type { Bytes, Codec, StandardSchemaV1 } from '@mqttv5/core';

/**
 * JSON payloads whose values are checked by a Standard Schema (zod, valibot, arktype, …) when they arrive.
 *
 * `encode` sends the value as given: it is the receiver's schema that decides. `decode` validates, and gives what the schema
 * makes of the value, defaults and transforms included.
 *
 * @example
 * ```ts
 * const readings = new Typed(client, jsonCodec(z.object({ celsius: z.number() })));
 * await readings.publish('sensors/7', { celsius: 21.5 });
 * ```
 * @throws MqttError `INVALID_OPTION` when `schema` is not one; from `decode`, also when it validates asynchronously
 * @throws ValidationError from `decode`, when the schema says no
 */
export function jsonCodec<S extends StandardSchemaV1>(
  schema: S,
): Codec<StandardSchemaV1.InferOutput<S>, StandardSchemaV1.InferInput<S>>;
/**
 * JSON payloads of a type that is promised, not checked: whatever parses is taken for a `T`.
 *
 * Both forms send content type `application/json` and Payload Format Indicator 1. They read strict UTF-8 (`TypeError`) and strict
 * JSON (`SyntaxError`), and refuse to send what JSON has no text for.
 *
 * @throws MqttError `INVALID_OPTION` from `encode`, for undefined, functions, symbols, bigints and cycles
 */
export function jsonCodec<T = unknown>(): Codec<T>;
export function jsonCodec(schema?: StandardSchemaV1): Codec<unknown> {
  const codec = { ...FORMAT, encode, decode };
  return schema === undefined ? codec : validatingCodec(codec, schema);
}

/** RFC 8259 §11; JSON on the wire is UTF-8, which is what the indicator promises (MQTT v5.0 §3.3.2.3.2). */
const FORMAT = { contentType: 'application/json', payloadFormatIndicator: 1 } as const;

const encoder = new TextEncoder();
/** A byte order mark is skipped, as RFC 8259 §8.1 allows a reader to. */
const decoder = new TextDecoder('utf-8', { fatal: true });

function encode(value: unknown): Uint8Array {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new MqttError('INVALID_OPTION', `The value cannot be written as JSON: ${reason(cause)}`, { cause });
  }
  if (text === undefined)
    throw new MqttError('INVALID_OPTION', `A value of type ${typeof value} cannot be written as JSON`);
  return encoder.encode(text);
}

function decode(payload: Bytes): unknown {
  return JSON.parse(decoder.decode(payload));
}

/** The first line: V8 draws the whole circle below it. */
function reason(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n', 1)[0] ?? '';
}
