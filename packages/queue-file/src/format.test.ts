// SPDX-License-Identifier: Apache-2.0
//
// The bytes themselves, as FORMAT.md has them: a change here is a change of the format, and needs a new version of it.

import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { crc32c } from './crc32c.ts';
import { readEntry, writeEntry } from './entry-record.ts';
import { decodeHeader, encodeHeader, readRecord, recordSeed, RecordType } from './format.ts';
import { RecordWriter } from './record-writer.ts';

const queueId = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
const seed = recordSeed(queueId, 2);

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** A CRC, computed the way FORMAT.md tells it. */
function checksum(offset: number, record: Buffer): string {
  const head = Buffer.alloc(32);
  head.set(queueId, 0);
  head.writeBigUInt64LE(2n, 16);
  head.writeBigUInt64LE(BigInt(offset), 24);
  // The id and the number are a CRC of their own, which the rest is chained to.
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(crc32c(Buffer.concat([head, record.subarray(8)])));
  return hex(crc);
}

test('a header', () => {
  const bytes = encodeHeader({ queueId, number: 2, nextSequence: 2 ** 33 + 7 });
  expect(hex(bytes.subarray(0, 60))).toBe(
    [
      '8f4d5135510d0a1a',
      '0100',
      '4000',
      '00000000',
      hex(queueId),
      '0200000000000000',
      '0700000002000000',
      '00'.repeat(12),
    ].join(''),
  );
  expect(bytes.readUInt32LE(60)).toBe(crc32c(bytes, 0, 60));
  expect(decodeHeader(bytes)).toEqual({ header: { queueId, number: 2, nextSequence: 2 ** 33 + 7 } });
});

test('an entry with every field', () => {
  const entry = {
    sequence: 5,
    id: 'ab',
    topic: 't',
    payload: Uint8Array.of(0xff),
    options: {
      qos: 2,
      retain: true,
      messageExpiryInterval: 60,
      contentType: '',
      payloadFormatIndicator: 1,
      responseTopic: 'r',
      correlationData: Uint8Array.of(9),
      userProperties: [['k', 'v']],
    },
    enqueuedAt: 1.5,
    expiresAt: 2.5,
    dead: undefined,
  } as const;
  const writer = new RecordWriter(seed, 64);
  writer.begin(RecordType.Entry);
  writeEntry(writer, entry, [3]);
  expect(writer.end()).toEqual({ offset: 64, length: writer.length });
  const bytes = Buffer.from(writer.bytes);
  const body = [
    '81', // entry, first of its batch
    '0500000000000000',
    '000000000000f83f', // 1.5
    '01 02000000 6162',
    '0d 08000000 0300000000000000',
    '02 01000000 74',
    '03 08000000 0000000000000440',
    '04 08000000 0000000000000040',
    '05 08000000 000000000000f03f',
    '06 08000000 0000000000004e40',
    '07 00000000',
    '08 08000000 000000000000f03f',
    '09 01000000 72',
    '0a 01000000 09',
    '0c 00000000',
    '0b 06000000 01000000 6b 76',
    '0e 01000000 ff',
  ]
    .join('')
    .replaceAll(' ', '');
  expect(hex(bytes.subarray(0, 4))).toBe('c551529a');
  expect(hex(bytes.subarray(4, 8))).toBe(checksum(64, bytes));
  expect(bytes.readUInt32LE(8)).toBe(body.length / 2);
  expect(hex(bytes.subarray(12))).toBe(body);
  const record = readRecord(bytes, 0, seed, 64);
  expect(record).toMatchObject({ type: 1, firstOfBatch: true, offset: 64, length: bytes.length });
  expect(record && readEntry(record.body, undefined)).toEqual(entry);
});

test('the other records', () => {
  const writer = new RecordWriter(seed, 64);
  const bodies: string[] = [];
  const write = (type: RecordType, rest: () => void): void => {
    const start = writer.length;
    writer.begin(type);
    rest();
    writer.end();
    bodies.push(hex(writer.bytes.subarray(start + 12)));
  };
  write(RecordType.Dead, () => {
    writer.uint53(5);
    writer.raw(Buffer.from('MESSAGE_EXPIRED'));
  });
  write(RecordType.Remove, () => writer.uint53(5));
  write(RecordType.Sequence, () => {
    writer.uint53(2 ** 28);
    writer.raw(Uint8Array.of(1));
  });
  expect(bodies).toEqual([
    `820500000000000000${hex(Buffer.from('MESSAGE_EXPIRED'))}`,
    '030500000000000000',
    '04000000100000000001',
  ]);
});

test('a record is valid in its own place only', () => {
  const writer = new RecordWriter(seed, 64);
  writer.begin(RecordType.Remove);
  writer.uint53(1);
  writer.end();
  const bytes = Buffer.from(writer.bytes);
  expect(readRecord(bytes, 0, seed, 64)).toBeDefined();
  expect(readRecord(bytes, 0, seed, 65)).toBeUndefined();
  expect(readRecord(bytes, 0, recordSeed(queueId, 3), 64)).toBeUndefined();
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    expect(readRecord(changed, 0, seed, 64), `byte ${at}`).toBeUndefined();
    expect(readRecord(bytes.subarray(0, at), 0, seed, 64), `cut at ${at}`).toBeUndefined();
  }
});
