// SPDX-License-Identifier: Apache-2.0

// Topic Names as they arrive. A client sees the same names again and again, and comparing bytes is cheaper than making a
// string, so the names seen are kept with their bytes, two places per hash. A name found here was validated when it was
// put in. (codec.bench.ts: decode PUBLISH)
//
//   slot:      0         1         2      …
//   names    "a/b"     ""        "t/1"
//   lengths   3         0         3           bytes
//   arena   |a/b.....|........|t/1.....|      WORDS words of four bytes each, the last one filled with 0
//
// Hashing and comparing go by words: four bytes for the price of one.
//
// The table begins small and grows while names push each other out, up to a fixed size.

import { decodeUtf8, INVALID, scanUtf8 } from './utf8.ts';
import { malformed, protocolError } from './wire-error.ts';

/** Longest name that is kept, in words. */
const WORDS = 16;
const LONGEST = WORDS * 4 - 1; // the last word is the rest, and may be 0
const SMALLEST_BITS = 8;
/** 32,768 names: enough for 10,000 in turn. With their strings below 6 MiB for the whole program. */
const LARGEST_BITS = 15;
const GROWTH_BITS = 2;

const PLUS = 0x2b;
const HASH = 0x23;

class Table {
  readonly shift: number;
  readonly names: string[];
  readonly lengths: Uint8Array;
  readonly arena: Int32Array;
  /** Names that had to give way to another. */
  evictions = 0;

  constructor(bits: number) {
    const slots = 1 << bits;
    this.shift = 32 - bits;
    this.names = Array.from({ length: slots }, () => '');
    this.lengths = new Uint8Array(slots);
    this.arena = new Int32Array(slots * WORDS);
  }
}

let table: Table | undefined;

/**
 * The Topic Name in `bytes[start, end)`, not empty; `words` views the same bytes.
 * @throws WireError 0x81 if it is not a legal string, 0x82 if it has a wildcard
 */
export function readTopicName(bytes: Uint8Array, words: DataView, start: number, end: number): string {
  const length = end - start;
  if (length > LONGEST) return decodeTopicName(bytes, start, end);
  table ??= new Table(SMALLEST_BITS);
  const { names, lengths, arena } = table;
  const lastWord = end - 4;
  let hash = length;
  let i = start;
  for (; i <= lastWord; i += 4) hash = Math.imul(hash ^ words.getInt32(i, true), 0x9e3779b1);
  let rest = 0;
  for (; i < end; i++) rest = (rest << 8) | (bytes[i] as number); // i < end <= bytes.length
  const slot = Math.imul(hash ^ rest, 0x9e3779b1) >>> table.shift;
  for (let place = slot; ; place ^= 1) {
    if (lengths[place] === length) {
      let word = place * WORDS;
      for (i = start; i <= lastWord && arena[word] === words.getInt32(i, true); i += 4) word++;
      if (i > lastWord && arena[word] === rest) return names[place] as string; // lengths[place] > 0: the place is taken
    }
    if (place !== slot) break;
  }
  const topicName = decodeTopicName(bytes, start, end);
  const place = placeFor(slot, table);
  let word = place * WORDS;
  for (i = start; i <= lastWord; i += 4) arena[word++] = words.getInt32(i, true);
  arena[word] = rest;
  lengths[place] = length;
  names[place] = topicName;
  if (table.evictions > names.length && names.length < 1 << LARGEST_BITS) {
    table = new Table(Math.min(LARGEST_BITS, 32 - table.shift + GROWTH_BITS));
  }
  return topicName;
}

/** A free one of the two places, or either. */
function placeFor(slot: number, into: Table): number {
  if (into.lengths[slot] === 0) return slot;
  if (into.lengths[slot ^ 1] === 0) return slot ^ 1;
  into.evictions++;
  return slot ^ (into.evictions & 1);
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
