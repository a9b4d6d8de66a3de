// SPDX-License-Identifier: Apache-2.0

import type { Codec, Message } from '@mqttv5/core';
import { expect, test } from 'vitest';
import { codecContract } from './codec-contract.ts';
import { failedCases, isNoticedBy } from './contract-verdicts.ts';

const utf8 = new TextEncoder();
const json: Codec<unknown> = {
  contentType: 'application/json',
  payloadFormatIndicator: 1,
  encode: (value) => utf8.encode(JSON.stringify(value)),
  decode: (payload) => JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) as unknown,
};
const samples: readonly unknown[] = [null, true, 0, -1.5, '', 'é🔑', [], {}, { a: [1, { b: null }], c: undefined }];

test('a correct codec passes every case', async () => {
  expect(await failedCases(codecContract(json, samples))).toEqual([]);
});

test('a codec without content type and with binary payloads passes', async () => {
  const bytes: Codec<Uint8Array> = { encode: (value) => value, decode: (payload) => payload };
  expect(await failedCases(codecContract(bytes, [new Uint8Array(0), Uint8Array.of(0, 255)]))).toEqual([]);
});

test('every case has a name of its own', () => {
  const names = codecContract(json, samples).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

const shared = new Uint8Array(1024);
const flaws: readonly [flaw: string, noticedBy: string, codec: Codec<unknown>][] = [
  [
    'loses what it does not know',
    'comes back equal',
    {
      ...json,
      decode: (payload) => (payload.length > 10 ? {} : (JSON.parse(new TextDecoder().decode(payload)) as unknown)),
    },
  ],
  [
    'encodes into one buffer',
    'nothing is kept between calls',
    {
      ...json,
      encode: (value) => shared.subarray(0, utf8.encodeInto(JSON.stringify(value), shared).written),
    },
  ],
  [
    'reads the whole buffer of a view',
    'middle of a larger buffer',
    {
      ...json,
      decode: (payload) => JSON.parse(new TextDecoder().decode(payload.buffer)) as unknown,
    },
  ],
  [
    'writes into the payload it decodes',
    'middle of a larger buffer',
    {
      ...json,
      decode: (payload: Message['payload'], message) => {
        const value = json.decode(payload, message);
        payload.fill(0);
        return value;
      },
    },
  ],
  [
    'encodes to a promise',
    'comes back equal',
    { ...json, encode: (value) => Promise.resolve(json.encode(value)) as unknown as Uint8Array },
  ],
  [
    'decodes to a promise',
    'comes back equal',
    { ...json, decode: (payload, message) => Promise.resolve(json.decode(payload, message)) },
  ],
  ['claims to be text and is not', 'is UTF-8', { ...json, encode: () => Uint8Array.of(0xff), decode: () => null }],
  ['has a content type MQTT cannot carry', 'contentType', { ...json, contentType: 'application/\0json' }],
  ['has a payload format of its own', 'payloadFormatIndicator', { ...json, payloadFormatIndicator: 2 as 1 }],
  [
    'changes the value it is given',
    'not changed by encode',
    {
      ...json,
      encode: (value) => {
        if (typeof value === 'object' && value !== null && 'a' in value) Object.assign(value, { a: 0 });
        return json.encode(value);
      },
    },
  ],
];

for (const [flaw, noticedBy, codec] of flaws)
  test(`a codec that ${flaw} is caught`, async () => {
    expect(await isNoticedBy(codecContract(codec, structuredClone(samples)), noticedBy)).toBe(true);
  });

test('a suite without samples does not pass', async () => {
  expect(await failedCases(codecContract(json, []))).toEqual(['there is at least one sample']);
});
