// SPDX-License-Identifier: Apache-2.0
//
// Parts of the engine that are worth a test of their own.

import { describe, expect, test } from 'vitest';
import { crc32c } from './crc32c.ts';
import { ExpiryHeap } from './expiry-heap.ts';
import { PacketIdentifiers } from './packet-identifiers.ts';
import { PublishExchange } from './publish-exchange.ts';
import { SendQuota } from './send-quota.ts';

describe('CRC-32C', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);

  test('has the known values', () => {
    expect(crc32c(bytes('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(new Uint8Array())).toBe(0);
  });

  test('goes on where it stopped, at any place', () => {
    const whole = bytes('the quick brown fox jumps over the lazy dog');
    for (let at = 0; at <= whole.length; at += 1) {
      expect(crc32c(whole.subarray(at), crc32c(whole.subarray(0, at)))).toBe(crc32c(whole));
    }
  });
});

describe('expiry heap', () => {
  const exchange = (expiresAt: number) => {
    const made = new PublishExchange(
      { topic: 't', payload: new Uint8Array(), qos: 1, retain: false, properties: undefined },
      1,
      'awaitPuback',
    );
    made.expiresAt = expiresAt;
    return made;
  };

  test('gives the soonest first, whatever was added and removed before', () => {
    const heap = new ExpiryHeap();
    const all = Array.from({ length: 500 }, (_, n) => exchange((n * 7919) % 1009));
    for (const each of all) heap.add(each);
    const gone = all.filter((_, n) => n % 3 === 0);
    for (const each of gone) heap.remove(each);
    const order: number[] = [];
    for (let first = heap.first; first !== undefined; first = heap.first) {
      order.push(first.expiresAt);
      heap.remove(first);
    }
    const rest = all.filter((_, n) => n % 3 !== 0).map(({ expiresAt }) => expiresAt);
    expect(order).toEqual(rest.toSorted((a, b) => a - b));
  });

  test('takes no message without expiry, none twice, and forgives a removal too many', () => {
    const heap = new ExpiryHeap();
    const [never, once] = [exchange(Number.POSITIVE_INFINITY), exchange(1)];
    heap.add(never);
    heap.add(once);
    heap.add(once);
    heap.remove(once);
    heap.remove(once);
    expect(heap.first).toBeUndefined();
  });
});

test('the send quota counts below zero and back, and shows zero', () => {
  const quota = new SendQuota(1);
  quota.take();
  quota.take();
  quota.release();
  expect([quota.available, quota.inUse]).toEqual([0, 1]);
  quota.release();
  expect([quota.available, quota.inUse]).toEqual([1, 0]);
});

test('identifiers are 1 to 65535, each once', () => {
  const identifiers = new PacketIdentifiers<string>();
  const taken = Array.from({ length: 65_535 }, () => identifiers.take('owner'));
  expect([Math.min(...taken.slice(0, 9)), taken.at(-1), new Set(taken).size]).toEqual([1, 65_535, 65_535]);
  expect(identifiers.take('owner')).toBe(0);
  identifiers.release(77);
  expect(identifiers.take('owner')).toBe(77);
});
