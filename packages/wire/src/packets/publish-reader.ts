// SPDX-License-Identifier: Apache-2.0

// PUBLISH as it arrives: the hot path of every subscriber, written out plainly. (codec.bench.ts: decode PUBLISH)

import { Reader } from '../reader.ts';
import { readTopicName } from '../topic-cache.ts';
import type { Bytes, QoS } from '../types.ts';
import { malformed, protocolError } from '../wire-error.ts';
import { checkPublishProperties, lazyPublishProperties } from './publish-properties.ts';
import { PublishView } from './publish-view.ts';
import type { PublishPacket } from './publish.ts';

const RETAIN = 1;
const DUP = 8;

/**
 * Reads the PUBLISH whose body is `bytes[start, end)`, with fixed-header `flags`; `words` views the same bytes, `from`
 * says whose properties are legal, `view` whether a {@link PublishView} is wanted.
 */
export function readPublish(
  flags: number,
  bytes: Bytes,
  words: DataView,
  start: number,
  end: number,
  from: number,
  view: boolean,
): PublishPacket | PublishView {
  const qos = (flags >> 1) & 3;
  if (qos === 3) throw malformed('PUBLISH has QoS 3'); // [MQTT-3.3.1-4]
  if (qos === 0 && (flags & DUP) !== 0) throw malformed('PUBLISH has DUP 1 at QoS 0'); // [MQTT-3.3.1-2]
  let position = start + 2;
  if (position > end) throw truncated('Topic Name');
  const topicStart = position;
  position += ((bytes[start] as number) << 8) | (bytes[start + 1] as number); // below `end`
  if (position > end) throw truncated('Topic Name');
  const topicName = position === topicStart ? '' : readTopicName(bytes, words, topicStart, position);
  let packetIdentifier = 0;
  if (qos !== 0) {
    if (end - position < 2) throw truncated('Packet Identifier');
    packetIdentifier = ((bytes[position] as number) << 8) | (bytes[position + 1] as number);
    if (packetIdentifier === 0) throw protocolError('PUBLISH has Packet Identifier 0'); // [MQTT-2.2.1-4]
    position += 2;
  }
  if (position >= end) throw truncated('Property Length');
  let propertyLength = bytes[position++] as number;
  if (propertyLength > 0x7f) {
    const reader = new Reader(bytes, position - 1, end);
    propertyLength = reader.variableByteInteger('PUBLISH Property Length');
    position = reader.position;
  }
  const payloadStart = position + propertyLength;
  if (payloadStart > end) throw truncated('Property Length');
  const topicAlias = propertyLength === 0 ? 0 : checkPublishProperties(bytes, words, position, payloadStart, from);
  // §3.3.2.1, §3.3.2.3.4
  if (topicName === '' && topicAlias === 0) throw protocolError('PUBLISH has neither a Topic Name nor a Topic Alias');
  if (view) {
    return new PublishView(topicName, flags, packetIdentifier, topicAlias, bytes, position, payloadStart, end);
  }
  // A literal each: an object that grows a key later is slower, and `properties: undefined` would be a key too many.
  const payload = new Uint8Array(bytes.buffer, bytes.byteOffset + payloadStart, end - payloadStart);
  const retain = (flags & RETAIN) !== 0;
  const dup = (flags & DUP) !== 0;
  if (propertyLength === 0) {
    return { type: 'publish', topicName, payload, qos: qos as QoS, retain, dup, packetIdentifier }; // 3 has been refused
  }
  const properties = lazyPublishProperties(bytes, position, payloadStart);
  return { type: 'publish', topicName, payload, qos: qos as QoS, retain, dup, packetIdentifier, properties };
}

function truncated(field: string): Error {
  return malformed(`PUBLISH ${field} runs past the end of the packet`);
}
