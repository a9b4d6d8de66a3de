// SPDX-License-Identifier: Apache-2.0
//
// A message that is kept must not keep much more alive than itself. Its payload is part of a read of up to 64 KiB, so small ones
// are copied when they are given out; what that costs decides how (Node 24, ns per message, against 60 for a view):
//
//   up to 64 bytes     a copy of its own, 90: V8 keeps typed arrays of this size on its own heap
//   up to 255 bytes    a part of a 2 KiB slab, about 250: a buffer of its own costs 1,000, nearly all of it the allocation
//   more               not copied: it holds at most 256 times its size; `detach()` makes that exact

import type { Bytes } from '@mqttv5/wire';

const EXACT_UP_TO = 64;
const SLAB_UP_TO = 255;
const SLAB_BYTES = 2048;

let slab: Bytes = new Uint8Array(0);
/** Bytes of it in use. */
let used = 0;

/** Whether `keepable` copies: decided by length alone, so that it need not be asked for a view first. */
export function isSmall(length: number): boolean {
  return length <= SLAB_UP_TO;
}

/** Whether a copy of its own is as cheap as a view. */
export function isTiny(length: number): boolean {
  return length <= EXACT_UP_TO;
}

/** The payload in a buffer that is not much larger, or the payload itself. */
export function keepable(payload: Uint8Array): Bytes {
  const { length } = payload;
  // Decoded payloads are backed by an ArrayBuffer, as wire says of PublishPacket.
  if (!isSmall(length) || length * 2 > payload.buffer.byteLength) return payload as Bytes;
  return isTiny(length) ? payload.slice() : copyToSlab(payload);
}

function copyToSlab(payload: Uint8Array): Bytes {
  const { length } = payload;
  if (used + length > slab.length) {
    slab = new Uint8Array(SLAB_BYTES);
    used = 0;
  }
  const copy = new Uint8Array(slab.buffer, used, length);
  copy.set(payload);
  used += length;
  return copy;
}
