// SPDX-License-Identifier: Apache-2.0

// Topic Names as they arrive. A client sees the same few names again and again, and comparing bytes is cheaper than
// making a string, so the last names seen are kept with their bytes: a table of fixed size, one place per hash, the
// newer one stays. A name found here was validated when it was put in. (codec.bench.ts: decode PUBLISH)
//
//   slot:      0         1         2      …
//   names    "a/b"     ""        "t/1"
//   lengths   3         0         3           bytes
//   arena   |a/b.....|........|t/1.....|      WORDS words of four bytes each, the last one filled with 0
//
// Hashing and comparing go by words: four bytes for the price of one.

import { decodeUtf8, INVALID, scanUtf8 } from './utf8.ts';
import { malformed, protocolError } from './wire-error.ts';

/** Longest name that is kept, in words. */
const WORDS = 16;
const LONGEST = WORDS * 4 - 1; // the last word is the rest, and may be 0
/** A power of two. 1024 × 64 bytes and as many strings: below 200 KB for the whole program, made on first use. */
const SLOT_BITS = 10;

const PLUS = 0x2b;
const HASH = 0x23;

interface Table {
  readonly names: string[];
  readonly lengths: Uint8Array;
  readonly arena: Int32Array;
}

let table: Table | undefined;

/**
 * The Topic Name in `bytes[start, end)`, not empty; `words` views the same bytes.
 * @throws WireError 0x81 if it is not a legal string, 0x82 if it has a wildcard
 */
export function readTopicName(bytes: Uint8Array, words: DataView, start: number, end: number): string {
  const length = end - start;
  if (length > LONGEST) return decodeTopicName(bytes, start, end);
  table ??= createTable();
  const { names, lengths, arena } = table;
  const lastWord = end - 4;
  let hash = length;
  let i = start;
  for (; i <= lastWord; i += 4) hash = Math.imul(hash ^ words.getInt32(i, true), 0x9e3779b1);
  let rest = 0;
  for (; i < end; i++) rest = (rest << 8) | (bytes[i] as number); // i < end <= bytes.length
  const slot = Math.imul(hash ^ rest, 0x9e3779b1) >>> (32 - SLOT_BITS);
  const base = slot * WORDS;
  if (lengths[slot] === length) {
    let word = base;
    for (i = start; i <= lastWord && arena[word] === words.getInt32(i, true); i += 4) word++;
    if (i > lastWord && arena[word] === rest) return names[slot] as string; // lengths[slot] > 0: the slot is filled
  }
  const topicName = decodeTopicName(bytes, start, end);
  let word = base;
  for (i = start; i <= lastWord; i += 4) arena[word++] = words.getInt32(i, true);
  arena[word] = rest;
  lengths[slot] = length;
  names[slot] = topicName;
  return topicName;
}

function createTable(): Table {
  const slots = 1 << SLOT_BITS;
  return {
    names: Array.from({ length: slots }, () => ''),
    lengths: new Uint8Array(slots),
    arena: new Int32Array(slots * WORDS),
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
