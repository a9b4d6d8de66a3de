// SPDX-License-Identifier: Apache-2.0

import type { SessionOperation } from '@mqttv5/core';

/** How many of the newest records are kept. */
const KEPT = 10;

export function valueOf(number: number): Uint8Array {
  const value = new Uint8Array(200);
  new DataView(value.buffer).setUint32(0, number);
  return value;
}

export function batchOf(number: number): readonly SessionOperation[] {
  return [
    { type: 'put', key: `o/${number}`, value: valueOf(number) },
    { type: 'delete', key: `o/${number - KEPT}` },
    { type: 'put', key: 'copy', value: valueOf(number) },
  ];
}

/** The number of the last batch that is in `records`, which must hold exactly what that batch and those before it left. */
export function lastBatchOf(records: Iterable<readonly [key: string, value: Uint8Array]>): number {
  const found = new Map(records);
  const copy = found.get('copy');
  const last = copy === undefined ? 0 : new DataView(copy.buffer, copy.byteOffset).getUint32(0);
  const expected = new Map<string, Uint8Array>(last === 0 ? [] : [['copy', valueOf(last)]]);
  for (let number = Math.max(1, last - KEPT + 1); number <= last; number++)
    expected.set(`o/${number}`, valueOf(number));
  const different = [...expected].filter(
    ([key, value]) => Buffer.compare(value, found.get(key) ?? new Uint8Array(0)) !== 0,
  );
  if (found.size !== expected.size || different.length > 0)
    throw new TypeError(`after batch ${last}: ${[...found.keys()].join()} instead of ${[...expected.keys()].join()}`);
  return last;
}
