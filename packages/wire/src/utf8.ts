// SPDX-License-Identifier: Apache-2.0

// UTF-8 Encoded Strings (§1.5.4). The platform's tools are too tolerant: `TextEncoder` and `Buffer.from` replace lone
// surrogates, `Buffer.toString` replaces bad bytes, and none of them refuses U+0000. Hence one scan of our own in each
// direction. The scan also tells ASCII from the rest, and ASCII has the fast ways in and out.

import { malformed } from './wire-error.ts';

/** The length prefix has two bytes. @internal */
export const MAXIMUM_STRING_BYTES = 0xffff;

/** Result of {@link scanUtf8}. @internal */
export const INVALID = 0;
/** @internal */
export const ASCII = 1;
/** @internal */
export const MULTIBYTE = 2;

/** Strings up to here are written by a loop; longer ones by `TextEncoder`, whose call costs about that much. */
const LONGEST_LOOPED = 64;

// Not exported by Node's types, but the fastest way to a one-byte string there; other runtimes have the loop and TextDecoder.
type Slice = (this: Uint8Array, start: number, end: number) => string;
const latin1Slice: Slice | undefined = (globalThis as { Buffer?: { prototype?: { latin1Slice?: Slice } } }).Buffer
  ?.prototype?.latin1Slice;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }); // BOM kept [MQTT-1.5.4-3]
const encoder = new TextEncoder();

/**
 * Checks `bytes[start, end)` as a UTF-8 Encoded String: shortest forms only, no surrogates [MQTT-1.5.4-1], nothing above
 * U+10FFFF, no U+0000 [MQTT-1.5.4-2]. Control characters and noncharacters pass: refusing them would let any publisher
 * cut a subscriber off (§5.4.9).
 * @internal
 */
export function scanUtf8(bytes: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number; // i < end <= bytes.length
    if (byte >= 0x80) return scanMultibyte(bytes, i, end);
    if (byte === 0) return INVALID;
  }
  return ASCII;
}

/**
 * {@link scanUtf8} four bytes at a time; `words` views the same bytes. For strings checked and not read, where the scan
 * is all there is to pay.
 * @internal
 */
export function scanWords(bytes: Uint8Array, words: DataView, start: number, end: number): number {
  const last = end - 4;
  if (start > last) return scanUtf8(bytes, start, end);
  // A top bit is set where a byte is 0x80 or more, and, through the borrow, where one is 0. A bit too many costs the
  // slow scan, no more. The last word overlaps the one before.
  for (let i = start; i < last; i += 4) {
    const word = words.getInt32(i, true);
    if (((word | (word - 0x01010101)) & 0x80808080) !== 0) return scanUtf8(bytes, start, end);
  }
  const word = words.getInt32(last, true);
  return ((word | (word - 0x01010101)) & 0x80808080) === 0 ? ASCII : scanUtf8(bytes, start, end);
}

function scanMultibyte(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  while (i < end) {
    const byte = bytes[i++] as number;
    if (byte < 0x80) {
      if (byte === 0) return INVALID;
      continue;
    }
    // The second byte's range depends on the first: that is what keeps out overlong forms, surrogates and > U+10FFFF.
    let more: number;
    let low = 0x80;
    let high = 0xbf;
    if (byte >= 0xc2 && byte <= 0xdf) more = 1;
    else if (byte >= 0xe0 && byte <= 0xef) {
      more = 2;
      if (byte === 0xe0) low = 0xa0;
      else if (byte === 0xed) high = 0x9f;
    } else if (byte >= 0xf0 && byte <= 0xf4) {
      more = 3;
      if (byte === 0xf0) low = 0x90;
      else if (byte === 0xf4) high = 0x8f;
    } else return INVALID;
    if (i + more > end) return INVALID;
    const second = bytes[i++] as number;
    if (second < low || second > high) return INVALID;
    for (; more > 1; more--) if (((bytes[i++] as number) & 0xc0) !== 0x80) return INVALID;
  }
  return MULTIBYTE;
}

/** The text of bytes that {@link scanUtf8} has found to be `kind`. @internal */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number, kind: number): string {
  if (start === end) return '';
  if (kind === ASCII && latin1Slice !== undefined) return latin1Slice.call(bytes, start, end);
  return decoder.decode(bytes.subarray(start, end));
}

/** Results of {@link utf8Length} for strings that may not be on the wire. */
export const NUL = -1;
const LONE_SURROGATE = -2;

/** Bytes of `value` as UTF-8, or a negative number when it contains U+0000 or a lone surrogate. */
export function utf8Length(value: string): number {
  const length = value.length;
  for (let i = 0; i < length; i++) {
    const unit = value.charCodeAt(i);
    if (unit === 0 || unit >= 0x80) return multibyteLength(value, i);
  }
  return length;
}

function multibyteLength(value: string, start: number): number {
  let bytes = start;
  for (let i = start; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit === 0) return NUL;
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (unit < 0xd800 || unit > 0xdfff) bytes += 3;
    else {
      const next = value.charCodeAt(i + 1); // NaN at the end
      if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return LONE_SURROGATE;
      bytes += 4;
      i++;
    }
  }
  return bytes;
}

/**
 * Bytes of `value` as a UTF-8 Encoded String, without the length prefix.
 * @throws WireError 0x81 for what may not be on the wire: a lone surrogate, U+0000, more than 65,535 bytes
 * @internal
 */
export function measureString(value: unknown, field: string): number {
  if (typeof value !== 'string') throw malformed(`${field} is not a string`);
  const bytes = utf8Length(value);
  if (bytes < 0) throw malformed(`${field} contains ${bytes === NUL ? 'U+0000' : 'a lone surrogate'}`);
  if (bytes > MAXIMUM_STRING_BYTES) throw malformed(`${field} of ${bytes} bytes is longer than 65535`);
  return bytes;
}

/** Writes length prefix and text of a string that {@link measureString} has accepted; returns the offset after it. @internal */
export function writeString(value: string, target: Uint8Array, offset: number): number {
  const length = value.length;
  let end = offset + 2;
  if (length <= LONGEST_LOOPED) {
    let i = 0;
    for (; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x80) break;
      target[end++] = unit;
    }
    if (i < length) end += encoder.encodeInto(value.slice(i), target.subarray(end)).written;
  } else {
    end += encoder.encodeInto(value, target.subarray(end)).written;
  }
  const bytes = end - offset - 2;
  target[offset] = bytes >>> 8;
  target[offset + 1] = bytes & 0xff;
  return end;
}
