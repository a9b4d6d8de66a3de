// SPDX-License-Identifier: Apache-2.0
//
// What every contract suite is made of: cases that know no test runner, and the few assertions they need. A case fails by
// throwing; the message says what the contract asks for and what the implementation did instead.

/** One fact of a contract. `run` rejects with a readable message when the implementation breaks it. */
export interface ContractCase {
  readonly name: string;
  /** Bound: may be handed to a test runner as it is. */
  readonly run: () => Promise<void>;
}

/** How a case fails. A class of its own, so that a broken implementation's own error is not mistaken for a verdict. */
class ContractViolation extends Error {
  override readonly name = 'ContractViolation';
}

/** Fails the case unless `condition` holds. */
export function ensure(condition: boolean, expected: string): asserts condition {
  if (!condition) throw new ContractViolation(expected);
}

/** Fails the case unless `actual` and `expected` are the same value, all the way down. */
export function ensureSame(actual: unknown, expected: unknown, subject: string): void {
  if (!sameValue(actual, expected))
    throw new ContractViolation(`${subject}: expected ${show(expected)}, got ${show(actual)}`);
}

/** Fails the case unless `operation` throws or rejects; returns what it failed with. */
export async function ensureFailure(operation: () => unknown, subject: string): Promise<unknown> {
  let result: unknown;
  try {
    result = await operation();
  } catch (error) {
    return error;
  }
  throw new ContractViolation(`${subject}: expected it to fail, it gave ${show(result)}`);
}

/** Fails the case unless `operation` fails with an error of that `code`. */
export async function ensureCode(operation: () => unknown, code: string, subject: string): Promise<void> {
  const error = await ensureFailure(operation, subject);
  const actual = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  if (actual !== code)
    throw new ContractViolation(`${subject}: expected an error with the code ${code}, got ${show(error)}`, {
      cause: error,
    });
}

/**
 * Structural equality over what payloads and options are made of. An own property that is `undefined` equals an absent
 * one; an empty string, list or byte array does not. NaN equals NaN.
 */
function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (ArrayBuffer.isView(a) || ArrayBuffer.isView(b)) return sameBytes(a, b);
  if (a instanceof Date || b instanceof Date)
    return a instanceof Date && b instanceof Date && a.getTime() === b.getTime();
  if (a instanceof Map || b instanceof Map)
    return a instanceof Map && b instanceof Map && sameValue([...a.entries()], [...b.entries()]);
  if (a instanceof Set || b instanceof Set) return a instanceof Set && b instanceof Set && sameValue([...a], [...b]);
  if (Array.isArray(a) || Array.isArray(b))
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((value, index) => sameValue(value, b[index]))
    );
  const entriesOfA = definedEntries(a);
  const entriesOfB = new Map(definedEntries(b));
  return (
    entriesOfA.length === entriesOfB.size &&
    entriesOfA.every(([key, value]) => entriesOfB.has(key) && sameValue(value, entriesOfB.get(key)))
  );
}

/** A value as a message can hold it: bytes in hex, long ones cut. */
function show(value: unknown): string {
  if (value instanceof Error) {
    const code = 'code' in value ? ` [${String(value.code)}]` : '';
    return `${value.name}${code}: ${value.message}`;
  }
  const text = JSON.stringify(value, readable) ?? String(value);
  return text.length <= 300 ? text : `${text.slice(0, 300)}… (${text.length} characters)`;
}

function sameBytes(a: object, b: object): boolean {
  if (!ArrayBuffer.isView(a) || !ArrayBuffer.isView(b) || a.byteLength !== b.byteLength) return false;
  const bytesOfA = new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
  const bytesOfB = new Uint8Array(b.buffer, b.byteOffset, b.byteLength);
  return bytesOfA.every((byte, index) => byte === bytesOfB[index]);
}

function definedEntries(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, field]) => field !== undefined);
}

function readable(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Map || value instanceof Set) return [...value];
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    const hex = Array.from(bytes.subarray(0, 32), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    return `<${bytes.length} bytes${hex === '' ? '' : `: ${hex}`}${bytes.length > 32 ? ' …' : ''}>`;
  }
  return value;
}
