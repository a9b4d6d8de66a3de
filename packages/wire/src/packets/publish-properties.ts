// SPDX-License-Identifier: Apache-2.0

// The properties of a received PUBLISH: checked when the packet is read, decoded when they are first looked at. Most
// subscribers never look, and the strings cost far more than the check. (codec.bench.ts: decode PUBLISH, 5 user properties)

import { readPropertyBlock } from '../property-reader.ts';
import { Reader } from '../reader.ts';
import { hexByte } from '../reason-codes.ts';
import { CLIENT } from '../sides.ts';
import { refuseWildcards } from '../topic-cache.ts';
import { INVALID, scanWords } from '../utf8.ts';
import { malformed, protocolError, zeroTopicAlias } from '../wire-error.ts';
import { PROPERTIES, type PublishProperties } from './publish.ts';

/** A bit for each property that may be there once. */
const SINGLE = new Uint8Array(256);
for (const [index, id] of [0x01, 0x02, 0x03, 0x08, 0x09, 0x23].entries()) SINGLE[id] = 1 << index;

/**
 * Checks the property block `bytes[start, end)` of a PUBLISH as `readPropertyBlock` would, without making anything.
 * The rules are those of the table; a test holds the two against each other.
 * @returns the Topic Alias, or 0 when there is none
 * @internal
 */
export function checkPublishProperties(
  bytes: Uint8Array,
  words: DataView,
  start: number,
  end: number,
  from: number,
): number {
  let seen = 0;
  let alias = 0;
  let i = start;
  while (i < end) {
    const id = bytes[i++] as number; // i < end <= bytes.length
    if (id === 0x26) {
      i = skipString(bytes, words, skipString(bytes, words, i, end), end);
      continue;
    }
    if (id === 0x0b) {
      if (from === CLIENT) throw protocolError('PUBLISH of a client has a Subscription Identifier'); // [MQTT-3.3.4-6]
      i = skipIdentifier(bytes, i, end);
      continue;
    }
    const bit = SINGLE[id] ?? 0;
    if ((seen & bit) !== 0) throw protocolError(`PUBLISH has property ${hexByte(id)} twice`);
    seen |= bit;
    switch (id) {
      case 0x01:
        if (i >= end) throw truncated();
        if ((bytes[i] as number) > 1) throw protocolError('Payload Format Indicator is neither 0 nor 1');
        i += 1;
        break;
      case 0x02:
        i += 4;
        break;
      case 0x03:
        i = skipString(bytes, words, i, end);
        break;
      case 0x08: {
        const next = skipString(bytes, words, i, end);
        if (next === i + 2) throw protocolError('Response Topic is empty');
        refuseWildcards(bytes, i + 2, next, 'Response Topic'); // [MQTT-3.3.2-14]
        i = next;
        break;
      }
      case 0x09:
        i = skipBinary(bytes, i, end);
        break;
      case 0x23:
        if (end - i < 2) throw truncated();
        alias = ((bytes[i] as number) << 8) | (bytes[i + 1] as number);
        if (alias === 0) throw zeroTopicAlias();
        i += 2;
        break;
      default:
        throw malformed(`PUBLISH may not carry property ${hexByte(id)}`);
    }
  }
  if (i > end) throw truncated();
  return alias;
}

function skipBinary(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 2) throw truncated();
  const next = start + 2 + (((bytes[start] as number) << 8) | (bytes[start + 1] as number));
  if (next > end) throw truncated();
  return next;
}

function skipString(bytes: Uint8Array, words: DataView, start: number, end: number): number {
  const next = skipBinary(bytes, start, end);
  if (scanWords(bytes, words, start + 2, next) === INVALID)
    throw malformed('PUBLISH property is not valid UTF-8 or contains U+0000');
  return next;
}

function skipIdentifier(bytes: Uint8Array, start: number, end: number): number {
  const reader = new Reader(bytes, start, end);
  if (reader.variableByteInteger('Subscription Identifier') === 0) throw protocolError('Subscription Identifier is 0');
  return reader.position;
}

function truncated(): Error {
  return malformed('PUBLISH property runs past the end of the property block');
}

/** The properties of a checked block. @internal */
export function decodePublishProperties(bytes: Uint8Array, start: number, end: number): PublishProperties {
  return readPropertyBlock({}, new Reader(bytes, start, end), PROPERTIES) as PublishProperties; // PROPERTIES holds its fields
}
