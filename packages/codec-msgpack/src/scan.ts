// SPDX-License-Identifier: Apache-2.0

/**
 * Looks over a MessagePack value without building it: whether it is complete, one value and nothing behind it, and whether
 * it has binary parts.
 *
 * The library allocates an array as long as its header announces before it has seen an element. Five bytes can announce four
 * thousand million, and headers can be nested, so what a header announces is held here against the bytes that are there: each
 * element takes at least one. Linear, without recursion.
 *
 * @throws RangeError when the payload is cut off, empty, or longer than its value
 * @see https://github.com/msgpack/msgpack/blob/master/spec.md
 */
export function scan(payload: Uint8Array): { readonly hasBinary: boolean } {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  let position = 0;
  let expected = 1;
  let hasBinary = false;
  while (expected > 0) {
    // Every value that is still expected has at least its head byte.
    if (expected > view.byteLength - position)
      throw new RangeError(`MessagePack value is cut off at byte ${view.byteLength}`);
    const head = view.getUint8(position);
    const { skip, values } = extent(view, position, head);
    hasBinary ||= (head >= 0xc4 && head <= 0xc9) || (head >= 0xd4 && head <= 0xd8);
    expected += values - 1;
    position += skip;
  }
  if (position > view.byteLength) throw new RangeError(`MessagePack value is cut off at byte ${view.byteLength}`);
  if (position < view.byteLength)
    throw new RangeError(`${view.byteLength - position} bytes behind the MessagePack value`);
  return { hasBinary };
}

interface Extent {
  /** Bytes up to the next value. */
  readonly skip: number;
  /** Values that follow as elements, keys and values of this one. */
  readonly values: number;
}

/** Bytes behind the head byte where that number is fixed: numbers and the fixed extensions. */
const FIXED_SIZES: Readonly<Record<number, number>> = {
  0xca: 4,
  0xcb: 8,
  0xcc: 1,
  0xcd: 2,
  0xce: 4,
  0xcf: 8,
  0xd0: 1,
  0xd1: 2,
  0xd2: 4,
  0xd3: 8,
  0xd4: 2,
  0xd5: 3,
  0xd6: 5,
  0xd7: 9,
  0xd8: 17,
};

function extent(view: DataView, position: number, head: number): Extent {
  if (head < 0x80 || head >= 0xe0) return { skip: 1, values: 0 };
  if (head < 0x90) return { skip: 1, values: 2 * (head - 0x80) };
  if (head < 0xa0) return { skip: 1, values: head - 0x90 };
  if (head < 0xc0) return { skip: 1 + (head - 0xa0), values: 0 };
  const fixed = FIXED_SIZES[head];
  if (fixed !== undefined) return { skip: 1 + fixed, values: 0 };
  switch (head) {
    case 0xc4: // bin 8, 16, 32
    case 0xd9: // str 8
      return { skip: 2 + view.getUint8(position + 1), values: 0 };
    case 0xc5:
    case 0xda: // str 16
      return { skip: 3 + view.getUint16(position + 1), values: 0 };
    case 0xc6:
    case 0xdb: // str 32
      return { skip: 5 + view.getUint32(position + 1), values: 0 };
    case 0xc7: // ext 8, 16, 32: a byte more, for the type
      return { skip: 3 + view.getUint8(position + 1), values: 0 };
    case 0xc8:
      return { skip: 4 + view.getUint16(position + 1), values: 0 };
    case 0xc9:
      return { skip: 6 + view.getUint32(position + 1), values: 0 };
    case 0xdc: // array 16, 32
      return { skip: 3, values: view.getUint16(position + 1) };
    case 0xdd:
      return { skip: 5, values: view.getUint32(position + 1) };
    case 0xde: // map 16, 32
      return { skip: 3, values: 2 * view.getUint16(position + 1) };
    case 0xdf:
      return { skip: 5, values: 2 * view.getUint32(position + 1) };
    default: // nil, false, true; 0xc1, which the decoder refuses
      return { skip: 1, values: 0 };
  }
}
