// SPDX-License-Identifier: Apache-2.0
//
// Buffers that packets are encoded into. One pool for the process: a connection holds a buffer only from the first packet of
// a turn until its write is done, so a thousand idle connections hold none.

import type { Bytes } from '@mqttv5/wire';

/** Bytes of one buffer, and so of the largest ordinary write. As large as what Node reads at once. */
export const BUFFER_SIZE: number = 64 * 1024;

/** Kept for reuse, at most; 1 MiB. More are made when many connections write at once, and then left to the collector. */
const MAXIMUM_KEPT = 16;

const kept: Bytes[] = [];

/** A buffer of `BUFFER_SIZE` bytes with anything in it. */
export function takeBuffer(): Bytes {
  return kept.pop() ?? new Uint8Array(BUFFER_SIZE);
}

/** Gives a buffer back. The caller must not touch it again, nor give it back twice. */
export function releaseBuffer(buffer: Bytes): void {
  if (kept.length < MAXIMUM_KEPT) kept.push(buffer);
}
