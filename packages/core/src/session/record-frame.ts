// SPDX-License-Identifier: Apache-2.0
//
// The frame around every stored value:
//
//   offset  size
//   0       1     version of the format, 1
//   1       1     kind of record: 'o', 'i', 'c', 't', 'm' in ASCII
//   2       n     content
//   2+n     4     CRC-32C, big endian, over the key in UTF-8 and everything above
//
// The key is in the checksum, so that a value under the wrong key is found out.

import { crc32c } from './crc32c.ts';

const FORMAT_VERSION = 1;
const HEADER_BYTES = 2;
const CHECKSUM_BYTES = 4;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export type RecordKind = 'outbound' | 'inbound' | 'completed' | 'taken' | 'meta';

const KIND_BYTES: Readonly<Record<RecordKind, number>> = {
  outbound: 0x6f,
  inbound: 0x69,
  completed: 0x63,
  taken: 0x74,
  meta: 0x6d,
};

/** A frame with room for `contentBytes`, to be filled through `content` and closed by `seal`. */
export class Frame {
  readonly bytes: Uint8Array;
  readonly content: DataView;

  constructor(kind: RecordKind, contentBytes: number) {
    this.bytes = new Uint8Array(HEADER_BYTES + contentBytes + CHECKSUM_BYTES);
    this.bytes[0] = FORMAT_VERSION;
    this.bytes[1] = KIND_BYTES[kind];
    this.content = new DataView(this.bytes.buffer, HEADER_BYTES, contentBytes);
  }

  /** Copies `part` to `offset` of the content. */
  set(part: Uint8Array, offset: number): void {
    this.bytes.set(part, HEADER_BYTES + offset);
  }

  /** Where in `bytes` the content's byte `offset` is. */
  offsetOf(offset: number): number {
    return HEADER_BYTES + offset;
  }

  seal(key: string): Uint8Array {
    const end = this.bytes.length - CHECKSUM_BYTES;
    const checksum = crc32c(this.bytes.subarray(0, end), crc32c(encoder.encode(key)));
    new DataView(this.bytes.buffer).setUint32(end, checksum);
    return this.bytes;
  }
}

/** What a frame holds. */
export interface Opened {
  readonly kind: RecordKind;
  readonly content: Uint8Array;
}

/** The content of a stored value, or why it cannot be read. */
export function openFrame(key: string, value: Uint8Array): Opened | { readonly reason: string } {
  const end = value.length - CHECKSUM_BYTES;
  if (end < HEADER_BYTES) return { reason: `${value.length} bytes are too short for a record` };
  const stored = new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(end);
  if (stored !== crc32c(value.subarray(0, end), crc32c(encoder.encode(key))))
    return { reason: 'the checksum is wrong' };
  if (value[0] !== FORMAT_VERSION) return { reason: `format version ${value[0]} is not known` };
  const kind = kindOf(value[1]);
  if (kind === undefined) return { reason: `record kind ${value[1]} is not known` };
  return { kind, content: value.subarray(HEADER_BYTES, end) };
}

export function jsonFrame(kind: RecordKind, key: string, content: unknown): Uint8Array {
  const text = encoder.encode(JSON.stringify(content));
  const frame = new Frame(kind, text.length);
  frame.set(text, 0);
  return frame.seal(key);
}

/** @throws SyntaxError or TypeError when the content is not JSON in UTF-8 */
export function jsonContent(content: Uint8Array): unknown {
  return JSON.parse(decoder.decode(content));
}

function kindOf(byte: number | undefined): RecordKind | undefined {
  const kinds: readonly RecordKind[] = ['outbound', 'inbound', 'completed', 'taken', 'meta'];
  return kinds.find((kind) => KIND_BYTES[kind] === byte);
}
