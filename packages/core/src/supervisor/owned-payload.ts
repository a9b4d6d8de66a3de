// SPDX-License-Identifier: Apache-2.0
//
// Copies of what the application publishes: QoS 1 and 2 may be sent again much later, and the caller's bytes may change at once.
//
// Small payloads share a slab, since an ArrayBuffer of its own costs several times the copy (QoS 1, 256 B: 10 % of the CPU of a
// publish). A message that stays unfinished keeps its slab: 16 KiB at most for a payload of up to 1 KiB.

import type { Payload } from '../api/common.ts';

const SLAB_BYTES = 16_384;
const LARGEST_SHARED_BYTES = 1024;

const encoder = new TextEncoder();
// Memory of a process, not state: whoever takes a part of it owns that part.
let slab = new ArrayBuffer(SLAB_BYTES);
let used = 0;

export function owned(payload: Payload): Uint8Array {
  if (typeof payload === 'string') return encoder.encode(payload);
  const { length } = payload;
  // Not `slice()`: that of a Buffer is a view.
  if (length > LARGEST_SHARED_BYTES) return new Uint8Array(payload);
  if (used + length > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    used = 0;
  }
  // Not a subarray of another view: that looks up which class to make, and costs twice as much.
  const copy = new Uint8Array(slab, used, length);
  copy.set(payload);
  used += length;
  return copy;
}
