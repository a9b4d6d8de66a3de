// SPDX-License-Identifier: Apache-2.0

import { checkBytes, checkInteger, writeBinary, writeUint16 } from './fields.ts';
import type { Property, PropertySet } from './property-table.ts';
import { checkTopicName } from './topics.ts';
import type { UserProperties } from './types.ts';
import { measureString, writeString } from './utf8.ts';
import {
  MAXIMUM_VARIABLE_BYTE_INTEGER,
  variableByteIntegerLength,
  writeVariableByteInteger,
} from './variable-byte-integer.ts';
import { malformed, protocolError, zeroTopicAlias } from './wire-error.ts';

/**
 * Bytes that the properties and their Property Length take; checks every one of them.
 * @throws WireError for a property the packet may not carry (0x81) or a value the standard forbids
 */
export function measureProperties<T extends object>(properties: T | undefined, set: PropertySet<T>): number {
  if (properties === undefined) return 1;
  const length = measurePropertyBlock(properties, set);
  return length + variableByteIntegerLength(length);
}

function measurePropertyBlock<T extends object>(properties: T, set: PropertySet<T>): number {
  if (typeof properties !== 'object' || properties === null)
    throw malformed(`${set.packet} properties are not an object`);
  let length = 0;
  for (const name in properties) {
    const value: unknown = properties[name];
    if (value === undefined) continue;
    const property = set.byName.get(name);
    if (property === undefined) throw malformed(`${set.packet} may not carry a property ${name}`);
    length += measureProperty(property, value, set.packet);
  }
  return length;
}

function measureProperty(property: Property, value: unknown, packet: string): number {
  const field = property.name; // no message is put together before something is wrong
  switch (property.kind) {
    case 'boolean':
      if (typeof value !== 'boolean') throw malformed(`${packet} ${field} is not a boolean`);
      return 2;
    case 'zeroOrOne':
      if (value !== 0 && value !== 1) throw protocolError(`${packet} ${field} is neither 0 nor 1`);
      return 2;
    case 'uint16':
      checkInteger(value, 0, 0xffff, field);
      return 3;
    case 'positiveUint16':
      checkInteger(value, 1, 0xffff, field);
      return 3;
    case 'topicAlias':
      if (value === 0) throw zeroTopicAlias();
      checkInteger(value, 1, 0xffff, field);
      return 3;
    case 'uint32':
      checkInteger(value, 0, 0xffffffff, field);
      return 5;
    case 'positiveUint32':
      checkInteger(value, 1, 0xffffffff, field);
      return 5;
    case 'identifier':
      return 1 + measureIdentifier(value, field);
    case 'identifiers':
      return measureIdentifiers(value, field);
    case 'binary':
      return 3 + checkBytes(value, field);
    case 'pairs':
      return measurePairs(value, field);
    case 'topicName': {
      const bytes = measureString(value, field);
      checkTopicName(value as string, field); // measureString has checked the type
      return 3 + bytes;
    }
    default:
      return 3 + measureString(value, field);
  }
}

function measureIdentifier(value: unknown, field: string): number {
  return variableByteIntegerLength(checkInteger(value, 1, MAXIMUM_VARIABLE_BYTE_INTEGER, field));
}

function measureIdentifiers(value: unknown, field: string): number {
  if (!Array.isArray(value)) throw malformed(`${field} is not an array`);
  let length = 0;
  for (const identifier of value as readonly unknown[]) length += 1 + measureIdentifier(identifier, field);
  return length;
}

function measurePairs(value: unknown, field: string): number {
  if (!Array.isArray(value)) throw malformed(`${field} is not an array`);
  let length = 0;
  for (const pair of value as readonly unknown[]) {
    if (!Array.isArray(pair) || pair.length !== 2) throw malformed(`${field} has an entry that is not a pair`);
    const [name, text] = pair as readonly unknown[];
    length += 5 + measureString(name, field) + measureString(text, field);
  }
  return length;
}

/**
 * Writes Property Length and properties that {@link measureProperties} has accepted; returns the offset after them.
 *
 * The length is known when the block has been written: one byte is left for it, and a block of 128 bytes or more is
 * moved up by the rest. That is cheaper than measuring twice.
 */
export function writeProperties<T extends object>(
  properties: T | undefined,
  set: PropertySet<T>,
  target: Uint8Array,
  offset: number,
): number {
  const start = offset + 1;
  let end = start;
  if (properties !== undefined) {
    for (const name in properties) {
      const value: unknown = properties[name];
      const property = value === undefined ? undefined : set.byName.get(name);
      if (property !== undefined) end = writeProperty(property, value, target, end);
    }
  }
  const length = end - start;
  const extra = variableByteIntegerLength(length) - 1;
  if (extra > 0) target.copyWithin(start + extra, start, end);
  writeVariableByteInteger(length, target, offset);
  return end + extra;
}

// `value` has passed measureProperty, which proves every `as` below.
function writeProperty(property: Property, value: unknown, target: Uint8Array, offset: number): number {
  const { id, kind } = property;
  if (kind === 'pairs') return writePairs(id, value as UserProperties, target, offset);
  if (kind === 'identifiers') return writeIdentifiers(id, value as readonly number[], target, offset);
  target[offset] = id;
  const at = offset + 1;
  switch (kind) {
    case 'boolean':
    case 'zeroOrOne':
      target[at] = Number(value);
      return at + 1;
    case 'uint16':
    case 'positiveUint16':
    case 'topicAlias':
      return writeUint16(value as number, target, at);
    case 'uint32':
    case 'positiveUint32':
      return writeUint16((value as number) & 0xffff, target, writeUint16((value as number) >>> 16, target, at));
    case 'identifier':
      return writeVariableByteInteger(value as number, target, at);
    case 'binary':
      return writeBinary(value as Uint8Array, target, at);
    default:
      return writeString(value as string, target, at);
  }
}

function writePairs(id: number, pairs: UserProperties, target: Uint8Array, offset: number): number {
  let end = offset;
  for (const pair of pairs) {
    target[end] = id;
    end = writeString(pair[1], target, writeString(pair[0], target, end + 1));
  }
  return end;
}

function writeIdentifiers(id: number, identifiers: readonly number[], target: Uint8Array, offset: number): number {
  let end = offset;
  for (const identifier of identifiers) {
    target[end] = id;
    end = writeVariableByteInteger(identifier, target, end + 1);
  }
  return end;
}
