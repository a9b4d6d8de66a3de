// SPDX-License-Identifier: Apache-2.0
//
// The body of an entry record: two numbers, then fields of tag, length and value. An absent field and an empty one differ;
// a field with no value of its own (no user properties, but the list is there) has a tag too.

import type { Buffer } from 'node:buffer';
import type { ErrorCode, QueueEntry } from '@mqttv5/core';
import { readUint53 } from './format.ts';
import type { RecordWriter } from './record-writer.ts';

type Options = { -readonly [K in keyof QueueEntry['options']]: QueueEntry['options'][K] };

const Field = {
  Id: 0x01,
  Topic: 0x02,
  ExpiresAt: 0x03,
  QoS: 0x04,
  Retain: 0x05,
  MessageExpiryInterval: 0x06,
  ContentType: 0x07,
  PayloadFormatIndicator: 0x08,
  ResponseTopic: 0x09,
  CorrelationData: 0x0a,
  /** u32 length of the name, name, value. Once for each, in order. */
  UserProperty: 0x0b,
  /** Before the first UserProperty: the list is there, be it empty. */
  UserProperties: 0x0c,
  /** Sequence of an entry that died of `QUEUE_EVICTED` when this one came. Once for each. */
  Evicted: 0x0d,
  Payload: 0x0e,
} as const;

/** What of an entry stays in memory. */
export interface EntryHead {
  readonly sequence: number;
  readonly id: string;
  readonly evicted: readonly number[];
}

export function writeEntry(writer: RecordWriter, entry: QueueEntry, evicted: readonly number[]): void {
  const { options } = entry;
  writer.uint53(entry.sequence);
  writer.float64(entry.enqueuedAt);
  writer.text(Field.Id, entry.id);
  for (const sequence of evicted) writer.uint53Field(Field.Evicted, sequence);
  writer.text(Field.Topic, entry.topic);
  writer.numberField(Field.ExpiresAt, entry.expiresAt);
  writer.numberField(Field.QoS, options.qos);
  writer.numberField(Field.Retain, options.retain === undefined ? undefined : Number(options.retain));
  writer.numberField(Field.MessageExpiryInterval, options.messageExpiryInterval);
  writer.text(Field.ContentType, options.contentType);
  writer.numberField(Field.PayloadFormatIndicator, options.payloadFormatIndicator);
  writer.text(Field.ResponseTopic, options.responseTopic);
  writer.bytesField(Field.CorrelationData, options.correlationData);
  if (options.userProperties !== undefined) {
    writer.bytesField(Field.UserProperties, new Uint8Array(0));
    for (const [name, value] of pairsOf(options.userProperties)) writer.textPair(Field.UserProperty, name, value);
  }
  writer.bytesField(Field.Payload, entry.payload);
}

/** Throws when the body is not one of an entry; a record whose CRC is right can only be so by a mistake of ours. */
export function readEntryHead(body: Buffer): EntryHead {
  let id: string | undefined;
  const evicted: number[] = [];
  for (const [field, value] of fieldsOf(body)) {
    if (field === Field.Id) id = value.toString();
    else if (field === Field.Evicted) evicted.push(readUint53(value, 0));
    else break; // Both come first.
  }
  if (id === undefined) throw new RangeError('an entry without an id');
  return { sequence: readUint53(body, 0), id, evicted };
}

/** The whole entry, sharing nothing with `body`. */
export function readEntry(body: Buffer, dead: ErrorCode | undefined): QueueEntry {
  let id = '';
  let topic = '';
  let payload: QueueEntry['payload'] = new Uint8Array(0);
  let expiresAt: number | undefined;
  let userProperties: [string, string][] | undefined;
  const options: Options = {};
  for (const [field, value] of fieldsOf(body)) {
    switch (field) {
      case Field.Id:
        id = value.toString();
        break;
      case Field.Evicted:
        break;
      case Field.Topic:
        topic = value.toString();
        break;
      case Field.ExpiresAt:
        expiresAt = value.readDoubleLE(0);
        break;
      case Field.QoS:
        options.qos = value.readDoubleLE(0) === 2 ? 2 : 1;
        break;
      case Field.Retain:
        options.retain = value.readDoubleLE(0) !== 0;
        break;
      case Field.MessageExpiryInterval:
        options.messageExpiryInterval = value.readDoubleLE(0);
        break;
      case Field.ContentType:
        options.contentType = value.toString();
        break;
      case Field.PayloadFormatIndicator:
        options.payloadFormatIndicator = value.readDoubleLE(0) === 1 ? 1 : 0;
        break;
      case Field.ResponseTopic:
        options.responseTopic = value.toString();
        break;
      case Field.CorrelationData:
        options.correlationData = Uint8Array.from(value);
        break;
      case Field.UserProperties:
        userProperties = [];
        break;
      case Field.UserProperty:
        userProperties?.push(pairOf(value));
        break;
      case Field.Payload:
        payload = Uint8Array.from(value);
        break;
      default:
        throw new RangeError(`an entry with the unknown field ${field}`);
    }
  }
  if (userProperties !== undefined) options.userProperties = userProperties;
  return {
    sequence: readUint53(body, 0),
    id,
    topic,
    payload,
    options,
    enqueuedAt: body.readDoubleLE(8),
    expiresAt,
    dead,
  };
}

/** The entry as it will come back from the file: user properties as pairs, no bytes shared. */
export function storedForm(entry: QueueEntry): QueueEntry {
  const options: Options = { ...entry.options };
  if (options.correlationData !== undefined) options.correlationData = Uint8Array.from(options.correlationData);
  if (options.userProperties !== undefined)
    options.userProperties = pairsOf(options.userProperties).map(([name, value]) => [name, value] as const);
  return { ...entry, payload: Uint8Array.from(entry.payload), options };
}

function pairsOf(init: NonNullable<Options['userProperties']>): readonly (readonly [string, string])[] {
  return Symbol.iterator in init ? [...(init as readonly (readonly [string, string])[])] : Object.entries(init);
}

function pairOf(value: Buffer): [string, string] {
  const nameEnd = 4 + value.readUInt32LE(0);
  return [value.toString('utf8', 4, nameEnd), value.toString('utf8', nameEnd)];
}

/** Tag and value of each field behind the two numbers. */
function* fieldsOf(body: Buffer): Generator<readonly [field: number, value: Buffer]> {
  for (let at = 16; at < body.length; ) {
    const end = at + 5 + body.readUInt32LE(at + 1);
    if (end > body.length) throw new RangeError('a field that is longer than its record');
    yield [body.readUInt8(at), body.subarray(at + 5, end)];
    at = end;
  }
}
