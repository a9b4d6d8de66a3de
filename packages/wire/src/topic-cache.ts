// SPDX-License-Identifier: Apache-2.0

// Topic Names as they arrive. A client sees the same few names again and again, and comparing bytes is cheaper than
// making a string, so the last names seen are kept with their bytes: a table of fixed size, one place per hash, the
// newer one stays. A name found here has been validated when it was put in. (codec.bench.ts: decode PUBLISH)
//
//   slot:      0         1         2      …
//   names    "a/b"     ""        "t/1"
//   lengths   3         0         3
//   arena   |a/b.....|........|t/1.....|        LONGEST bytes each

import { decodeUtf8, INVALID, scanUtf8 } from './utf8.ts';
import { malformed, protocolError } from './wire-error.ts';

/** Bytes of the longest name that is kept. */
const LONGEST = 64;
/** A power of two. 1024 × 64 bytes and as many strings: below 200 KB for the whole program, made on first use. */
const SLOTS = 1024;

const PLUS = 0x2b;
const HASH = 0x23;

interface Table {
  readonly names: string[];
  readonly lengths: Uint8Array;
  readonly arena: Uint8Array;
}

let table: Table | undefined;

/**
 * The Topic Name in `bytes[start, end)`, not empty.
 * @throws WireError 0x81 if it is not a legal string, 0x82 if it has a wildcard
 */
export function readTopicName(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length > LONGEST) return decodeTopicName(bytes, start, end);
  table ??= createTable();
  const { names, lengths, arena } = table;
  let hash = length;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193); // FNV; i < end <= bytes.length
  const slot = (hash ^ (hash >>> 16)) & (SLOTS - 1);
  const base = slot * LONGEST;
  if (lengths[slot] === length) {
    let i = 0;
    while (i < length && arena[base + i] === bytes[start + i]) i++;
    if (i === length) return names[slot] as string; // lengths[slot] > 0: the slot is filled
  }
  const topicName = decodeTopicName(bytes, start, end);
  for (let i = 0; i < length; i++) arena[base + i] = bytes[start + i] as number;
  lengths[slot] = length;
  names[slot] = topicName;
  return topicName;
}

function createTable(): Table {
  return {
    names: Array.from({ length: SLOTS }, () => ''),
    lengths: new Uint8Array(SLOTS),
    arena: new Uint8Array(SLOTS * LONGEST),
  };
}

function decodeTopicName(bytes: Uint8Array, start: number, end: number): string {
  const kind = scanUtf8(bytes, start, end);
  if (kind === INVALID) throw malformed('Topic Name is not valid UTF-8 or contains U+0000');
  refuseWildcards(bytes, start, end, 'Topic Name');
  return decodeUtf8(bytes, start, end, kind);
}

/** @throws WireError 0x82 for a wildcard in a topic name [MQTT-3.3.2-2] */
export function refuseWildcards(bytes: Uint8Array, start: number, end: number, field: string): void {
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    if (byte === PLUS || byte === HASH) throw protocolError(`${field} contains a wildcard`);
  }
}
