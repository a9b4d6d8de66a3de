// SPDX-License-Identifier: Apache-2.0

import type { Codec } from './api/codec.ts';
import type { StandardSchemaV1 } from './api/standard-schema.ts';
import { checkMethods, invalidOption } from './options/check.ts';

/** Issues that the message of a ValidationError spells out; the rest are in `issues`. */
const SHOWN_ISSUES = 3;

/** What `onDecodeError` gets when a schema says no. */
export class ValidationError extends Error {
  /** What is wrong, and where, in the words of the schema's library. */
  readonly issues: readonly StandardSchemaV1.Issue[];

  static {
    // On the prototype: an own property would show up among the fields when the error is printed.
    Object.defineProperty(this.prototype, 'name', { value: 'ValidationError', writable: true, configurable: true });
  }

  constructor(issues: readonly StandardSchemaV1.Issue[]) {
    super(describe(issues));
    this.issues = issues;
  }
}

/**
 * A codec whose values are checked by a Standard Schema (zod, valibot, arktype, …) when they arrive. `jsonCodec(schema)` and
 * `msgpackCodec(schema)` are made of it; so can a codec of your own be.
 *
 * `encode` sends the value as given: it is the receiver's schema that decides. `decode` validates, and gives what the schema
 * makes of the value, defaults and transforms included.
 *
 * @throws MqttError `INVALID_OPTION` when `codec` or `schema` is not one; from `decode`, also when it validates asynchronously
 * @throws ValidationError from `decode`, when the schema says no
 */
export function validatingCodec<S extends StandardSchemaV1>(
  codec: Codec<unknown>,
  schema: S,
): Codec<StandardSchemaV1.InferOutput<S>, StandardSchemaV1.InferInput<S>> {
  // When the codec is made, so that a wrong argument does not wait for the first message.
  checkMethods(codec, 'codec', ['encode', 'decode']);
  checkSchema(schema);
  return {
    ...(codec.contentType !== undefined && { contentType: codec.contentType }),
    ...(codec.payloadFormatIndicator !== undefined && { payloadFormatIndicator: codec.payloadFormatIndicator }),
    encode: (value) => codec.encode(value),
    decode: (payload, message) => validate(schema, codec.decode(payload, message)),
  };
}

function checkSchema(schema: unknown): void {
  const isObject = (typeof schema === 'object' && schema !== null) || typeof schema === 'function';
  const standard: unknown = isObject ? Reflect.get(schema, '~standard') : undefined;
  if (typeof standard === 'object' && standard !== null && typeof Reflect.get(standard, 'validate') === 'function')
    return;
  throw invalidOption('schema must implement Standard Schema (https://standardschema.dev)');
}

function validate<S extends StandardSchemaV1>(schema: S, value: unknown): StandardSchemaV1.InferOutput<S> {
  const result = schema['~standard'].validate(value);
  if (isPromise(result)) {
    // Nobody will look at it any more; its rejection must not end the process.
    result.then(undefined, () => undefined);
    const { vendor } = schema['~standard'];
    throw invalidOption(`The ${vendor} schema validates asynchronously; a codec is synchronous`);
  }
  if (result.issues !== undefined) throw new ValidationError(result.issues);
  return result.value;
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function describe(issues: readonly StandardSchemaV1.Issue[]): string {
  const shown = issues.slice(0, SHOWN_ISSUES).map((issue) => {
    const path = (issue.path ?? [])
      .map((segment) => String(typeof segment === 'object' ? segment.key : segment))
      .join('.');
    return path === '' ? issue.message : `${path}: ${issue.message}`;
  });
  const more = issues.length - shown.length;
  return `The payload does not validate: ${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}
