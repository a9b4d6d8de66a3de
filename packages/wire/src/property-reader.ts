// SPDX-License-Identifier: Apache-2.0

import type { Property, PropertySet } from './property-table.ts';
import type { Reader } from './reader.ts';
import { hexByte } from './reason-codes.ts';
import { checkTopicName } from './topics.ts';
import { malformed, protocolError, zeroTopicAlias } from './wire-error.ts';

/**
 * Reads a Property Length and the properties behind it (§2.2.2).
 * @returns undefined when there are none, so that a packet without properties has no `properties` key
 * @throws WireError 0x81 for an unknown property or one the packet may not carry, 0x82 for one that is repeated or out
 * of range, 0x94 for Topic Alias 0
 */
export function readProperties<T extends object>(reader: Reader, set: PropertySet<T>): T | undefined {
  const length = reader.variableByteInteger(`${set.packet} Property Length`);
  if (length === 0) return undefined;
  if (length > reader.remaining) throw malformed(`${set.packet} Property Length runs past the end of the packet`);
  const packetEnd = reader.end;
  reader.end = reader.position + length;
  const properties = readPropertyBlock({}, reader, set);
  reader.end = packetEnd;
  return properties as T; // `set` holds names of T only, each read as its kind
}

/** Reads properties up to the end of `reader` into `target`. */
export function readPropertyBlock<T extends object>(
  target: Record<string, unknown>,
  reader: Reader,
  set: PropertySet<T>,
): Record<string, unknown> {
  while (reader.remaining > 0) {
    const id = reader.uint8('Property Identifier');
    const property = set.byId[id];
    if (property === undefined) throw malformed(`${set.packet} may not carry property ${hexByte(id)}`);
    const field = property.name; // no message is put together before something is wrong
    const earlier = target[property.name];
    if (property.kind === 'pairs') {
      const pair = [reader.string(field), reader.string(field)] as const;
      if (earlier === undefined) target[property.name] = [pair];
      else (earlier as (readonly [string, string])[]).push(pair); // set by the line above
    } else if (property.kind === 'identifiers') {
      const identifier = positive(reader.variableByteInteger(field), field);
      if (earlier === undefined) target[property.name] = [identifier];
      else (earlier as number[]).push(identifier); // set by the line above
    } else {
      if (earlier !== undefined) throw protocolError(`${field} is there twice`);
      target[property.name] = readValue(reader, property, field);
    }
  }
  return target;
}

function readValue(reader: Reader, property: Property, field: string): unknown {
  switch (property.kind) {
    case 'boolean':
      return zeroOrOne(reader.uint8(field), field) === 1;
    case 'zeroOrOne':
      return zeroOrOne(reader.uint8(field), field);
    case 'uint16':
      return reader.uint16(field);
    case 'positiveUint16':
      return positive(reader.uint16(field), field);
    case 'topicAlias':
      return topicAlias(reader.uint16(field));
    case 'uint32':
      return reader.uint32(field);
    case 'positiveUint32':
      return positive(reader.uint32(field), field);
    case 'identifier':
      return positive(reader.variableByteInteger(field), field);
    case 'topicName': {
      const topicName = reader.string(field);
      checkTopicName(topicName, field);
      return topicName;
    }
    case 'binary':
      return reader.binary(field);
    default:
      return reader.string(field);
  }
}

function zeroOrOne(value: number, field: string): number {
  if (value > 1) throw protocolError(`${field} is ${value}, neither 0 nor 1`);
  return value;
}

function positive(value: number, field: string): number {
  if (value === 0) throw protocolError(`${field} is 0`);
  return value;
}

function topicAlias(value: number): number {
  if (value === 0) throw zeroTopicAlias();
  return value;
}
