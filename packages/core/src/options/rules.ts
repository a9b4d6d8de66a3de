// SPDX-License-Identifier: Apache-2.0
//
// Options objects as tables: what each option may be, in one line, and one function that goes through them.

import { checkCount, checkDuration, checkInteger, checkMethods, checkOneOf } from './check.ts';

/** For each field of `R` the check of the option of that name in `O`. It is not asked about undefined. */
export type Rules<O, R> = {
  readonly [K in keyof R]-?: (value: Exclude<O[K & keyof O], undefined>, name: string, options: O) => R[K];
};

/**
 * Every option checked, or its default. Only undefined means absent: null is a mistake, and the check says so.
 *
 * @param defaults - Has every field, so that all results are of one shape, the one that its readers are optimised for.
 * @param nameOf - What the user calls the option of this key.
 */
export function resolveOptions<O extends object, R extends object>(
  options: O,
  rules: Rules<O, R>,
  defaults: R,
  nameOf: (key: string) => string = (key) => key,
): { -readonly [K in keyof R]: R[K] } {
  const resolved = { ...defaults };
  // `rules` has exactly the keys of R.
  for (const key of Object.keys(rules) as (string & keyof R)[]) {
    const value: unknown = Reflect.get(options, key);
    if (value !== undefined)
      resolved[key] = rules[key](value as Parameters<(typeof rules)[typeof key]>[0], nameOf(key), options);
  }
  return resolved;
}

export function integer(minimum: number, maximum: number): (value: unknown, name: string) => number {
  return (value, name) => checkInteger(value, name, minimum, maximum);
}

/** A count without an upper end. */
export function count(minimum: number): (value: unknown, name: string) => number {
  return (value, name) => checkCount(value, name, minimum);
}

/** Milliseconds. */
export function duration(minimum: number): (value: unknown, name: string) => number {
  return (value, name) => checkDuration(value, name, minimum);
}

export function oneOf<const T extends string | number>(...allowed: readonly T[]): (value: unknown, name: string) => T {
  return (value, name) => checkOneOf(value, name, allowed);
}

export function objectWith(...methods: readonly string[]): <T>(value: T, name: string) => T {
  return (value, name) => checkMethods(value, name, methods);
}
