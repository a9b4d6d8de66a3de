// SPDX-License-Identifier: Apache-2.0

import { MqttError } from '@mqttv5/core';

import type { StandardSchemaV1 } from './standard-schema.ts';

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

/** Checks when the codec is made, so that a wrong argument does not wait for the first message. */
export function checkSchema(schema: StandardSchemaV1): void {
  const candidate: unknown = schema;
  const isObject = (typeof candidate === 'object' && candidate !== null) || typeof candidate === 'function';
  const standard: unknown = isObject ? Reflect.get(candidate, '~standard') : undefined;
  if (typeof standard === 'object' && standard !== null && typeof Reflect.get(standard, 'validate') === 'function')
    return;
  throw new MqttError('INVALID_OPTION', 'The schema must implement Standard Schema (https://standardschema.dev)');
}

/**
 * What the schema makes of `value`.
 *
 * @throws ValidationError; MqttError `INVALID_OPTION` when the schema validates asynchronously
 */
export function validate<Output>(schema: StandardSchemaV1<unknown, Output>, value: unknown): Output {
  const result = schema['~standard'].validate(value);
  if (isPromise(result)) {
    // Nobody will look at it any more; its rejection must not end the process.
    result.then(undefined, () => undefined);
    throw new MqttError(
      'INVALID_OPTION',
      `The ${schema['~standard'].vendor} schema validates asynchronously; a codec is synchronous`,
    );
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
