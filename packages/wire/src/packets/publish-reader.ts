// SPDX-License-Identifier: Apache-2.0

// PUBLISH as it arrives: the hot path of every subscriber, written out plainly. (codec.bench.ts: decode PUBLISH)

import { Reader } from '../reader.ts';
import { readTopicName } from '../topic-cache.ts';
import type { Bytes } from '../types.ts';
import { malformed, protocolError } from '../wire-error.ts';
import { checkPublishProperties } from './publish-properties.ts';

const DUP = 8;

/** What a received PUBLISH becomes. Its payload begins at `payloadStart` of `bytes`, its properties before that. */
export type MakePublish<P> = (
  topicName: string,
  flags: number,
  packetIdentifier: number,
  topicAlias: number,
  bytes: Bytes,
  propertiesStart: number,
  payloadStart: number,
  end: number,
) => P;

/**
 * Reads the PUBLISH whose body is `bytes[start, end)`, with fixed-header `flags`; `words` views the same bytes, `from`
 * says whose properties are legal.
 * @internal
 */
export function readPublish<P>(
  flags: number,
  bytes: Bytes,
  words: DataView,
  start: number,
  end: number,
  from: number,
  make: MakePublish<P>,
): P {
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
  return make(topicName, flags, packetIdentifier, topicAlias, bytes, position, payloadStart, end);
}

function truncated(field: string): Error {
  return malformed(`PUBLISH ${field} runs past the end of the packet`);
}
