// SPDX-License-Identifier: Apache-2.0
//
// The checks every options object goes through. Each takes the value and the name it has for the user, and throws an
// MqttError that says what was given and what is allowed.

import { isValidTopicName } from '@mqttv5/wire';
import type { Bytes, UserProperties } from '@mqttv5/wire';
import { isBytes, NUL, utf8Length } from '@mqttv5/wire/client-side';

import type { UserPropertiesInit } from '../api/common.ts';
import type { PlainMqttError } from '../errors.ts';
import { mqttError } from '../errors.ts';
import { suggestName } from './suggest.ts';

/** Longest UTF-8 Encoded String and Binary Data: a two-byte length (§1.5.4, §1.5.6). Unit: bytes. */
export const MAXIMUM_FIELD_BYTES = 0xffff;

/** Two-byte and four-byte integers (§1.5.2, §1.5.3). */
export const MAXIMUM_UINT16 = 0xffff;
export const MAXIMUM_UINT32 = 0xffff_ffff;

export function invalidOption(message: string, cause?: unknown): PlainMqttError {
  return mqttError('INVALID_OPTION', message, cause === undefined ? undefined : { cause });
}

/** The error for a value of the wrong kind. */
export function mustBe(name: string, what: string, value: unknown): PlainMqttError {
  return invalidOption(`${name} must be ${what}, not ${shown(value)}`);
}

/** A value as an error message shows it: short, and nothing that may be a secret. */
export function shown(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'bigint':
      return `${value}n`;
    default:
      return `a value of type ${typeof value}`;
  }
}

/** The value of an option, or its default. Only undefined means absent: null is a mistake, and the check that follows says so. */
export function given<T>(value: T | undefined, fallback: T): T {
  return value === undefined ? fallback : value;
}

/** The options themselves: an object, or absent. Whatever else somebody passed is a mistake worth naming. */
export function checkObject(value: unknown, name: string): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw mustBe(name, 'an object', value);
  }
}

/** An object with no key that nobody reads. `for in`, like reading, also sees what options inherit. */
export function checkOptions(options: unknown, owner: string, known: readonly string[]): asserts options is object {
  checkObject(options, owner);
  for (const key in options) {
    if (!known.includes(key)) throw unknownKey(key, known, owner);
  }
}

export function unknownKey(key: string, known: readonly string[], owner: string): PlainMqttError {
  const meant = suggestName(key, known);
  return invalidOption(`${owner}: unknown option "${key}"${meant === undefined ? '' : `; did you mean "${meant}"?`}`);
}

export function checkInteger(value: unknown, name: string, minimum: number, maximum: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= maximum) return value;
  throw mustBe(name, `an integer from ${minimum} to ${maximum}`, value);
}

/** A count without an upper end: an integer, or `Infinity` for no bound. */
export function checkCount(value: unknown, name: string, minimum: number): number {
  if (value === Number.POSITIVE_INFINITY) return value;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum) return value;
  throw mustBe(name, `an integer of at least ${minimum}, or Infinity`, value);
}

/** Milliseconds. */
export function checkDuration(value: unknown, name: string, minimum: number): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= minimum) return value;
  throw mustBe(name, `a number of milliseconds of at least ${minimum}`, value);
}

export function checkBoolean(value: unknown, name: string): boolean {
  if (typeof value === 'boolean') return value;
  throw mustBe(name, 'true or false', value);
}

export function checkOneOf<const T extends string | number>(value: unknown, name: string, allowed: readonly T[]): T {
  for (const each of allowed) {
    if (each === value) return each;
  }
  throw mustBe(name, alternatives(allowed), value);
}

/** What a caller passes where a function belongs; the shape of its parameters is the compiler's business. */
export function checkFunction<F>(value: F, name: string): F {
  if (typeof value === 'function') return value;
  throw mustBe(name, 'a function', value);
}

/** An object that has to have methods: a store, a logger, an authenticator. */
export function checkMethods<T>(value: T, name: string, methods: readonly string[]): T {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
    throw mustBe(name, `an object with ${methods.join(', ')}`, value);
  }
  for (const method of methods) {
    if (typeof Reflect.get(value, method) !== 'function') throw invalidOption(`${name} has no method ${method}()`);
  }
  return value;
}

export function checkSignal(value: AbortSignal | undefined): AbortSignal | undefined {
  if (value === undefined) return undefined;
  // Structural: an AbortSignal of another realm or a polyfill is as good.
  const candidate: unknown = value;
  if (
    typeof candidate === 'object' &&
    candidate !== null &&
    'aborted' in candidate &&
    'addEventListener' in candidate &&
    typeof candidate.addEventListener === 'function'
  ) {
    return value;
  }
  throw mustBe('signal', 'an AbortSignal', candidate);
}

/**
 * A UTF-8 Encoded String that will fit and be accepted.
 *
 * @throws MqttError `FIELD_TOO_LONG` above 65,535 bytes; `INVALID_OPTION` for a lone surrogate [MQTT-1.5.4-1] or
 * U+0000 [MQTT-1.5.4-2]
 */
export function checkString(value: unknown, name: string): string {
  if (typeof value !== 'string') throw mustBe(name, 'a string', value);
  const bytes = utf8Length(value);
  if (bytes === NUL) throw invalidOption(`${name} has the character U+0000, which MQTT forbids`);
  if (bytes < 0) throw invalidOption(`${name} has a lone surrogate, which UTF-8 cannot carry`);
  if (bytes > MAXIMUM_FIELD_BYTES) throw fieldTooLong(name, bytes);
  return value;
}

/** Binary Data, copied: what the caller does to its buffer afterwards is its own affair. */
export function checkBinary(value: unknown, name: string): Bytes {
  if (!isBytes(value)) throw mustBe(name, 'a Uint8Array', value);
  if (value.length > MAXIMUM_FIELD_BYTES) throw fieldTooLong(name, value.length);
  return new Uint8Array(value);
}

/** A Topic Name in an option, such as a Response Topic: no wildcards [MQTT-3.3.2-14]. */
export function checkTopicField(value: unknown, name: string): string {
  if (typeof value !== 'string') throw mustBe(name, 'a string', value);
  const bytes = utf8Length(value);
  if (bytes > MAXIMUM_FIELD_BYTES) throw fieldTooLong(name, bytes);
  if (bytes < 0 || !isValidTopicName(value)) {
    throw mqttError(
      'INVALID_TOPIC',
      `${name} ${shown(value)} is not a Topic Name: it must not be empty nor hold +, # or U+0000`,
    );
  }
  return value;
}

/** Ordered pairs out of either form, copied and frozen. Order and repeats are kept (§3.1.2.11.8). */
export function checkUserProperties(value: UserPropertiesInit | undefined, name: string): UserProperties {
  const init: unknown = value;
  // A Map is an object of strings to nobody but its author: none of its pairs would be sent.
  if (typeof init !== 'object' || init === null || (Symbol.iterator in init && !Array.isArray(init))) {
    throw mustBe(name, 'an array of [name, value] pairs or an object of strings', init);
  }
  const entries: readonly unknown[] = Array.isArray(init) ? init : Object.entries(init);
  return Object.freeze(
    entries.map((entry, index) => {
      if (!Array.isArray(entry) || entry.length !== 2) {
        throw mustBe(`${name}[${index}]`, 'a pair [name, value]', entry);
      }
      const key = checkString(entry[0], `the name of ${name}[${index}]`);
      return Object.freeze([key, checkString(entry[1], `the value of ${name}[${index}] (${shown(key)})`)] as const);
    }),
  );
}

export function fieldTooLong(name: string, bytes: number): PlainMqttError {
  return mqttError('FIELD_TOO_LONG', `${name} has ${bytes} bytes; MQTT allows ${MAXIMUM_FIELD_BYTES}`);
}

function alternatives(allowed: readonly (string | number)[]): string {
  const names = allowed.map((each) => (typeof each === 'string' ? JSON.stringify(each) : String(each)));
  const last = names.pop() ?? '';
  return names.length === 0 ? last : `${names.join(', ')} or ${last}`;
}
