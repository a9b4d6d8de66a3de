// SPDX-License-Identifier: Apache-2.0

import type { Bytes } from '@mqttv5/wire';

/**
 * A payload is copied when less than this part of its buffer: the view would keep all of it alive. What is larger is handed out
 * as it is, so a kept payload holds at most 256 times its size; `detach()` makes it exact.
 */
const PINS_TOO_MUCH = 1 / 256;
/** V8 keeps typed arrays up to here on its own heap: a copy costs as much as a view (about 90 ns), a longer one ten times that. */
const CHEAP_TO_COPY = 64;

/** The payload itself, or a copy of it when keeping it would keep much more alive. */
export function keepable(payload: Uint8Array): Bytes {
  const { length } = payload;
  const held = payload.buffer.byteLength;
  if (length === held) return payload as Bytes;
  if (length <= CHEAP_TO_COPY ? held > 2 * CHEAP_TO_COPY : length < held * PINS_TOO_MUCH) return payload.slice();
  // Decoded payloads are backed by an ArrayBuffer, as wire says of PublishPacket.
  return payload as Bytes;
}
