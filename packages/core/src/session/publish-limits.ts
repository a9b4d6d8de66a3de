// SPDX-License-Identifier: Apache-2.0
//
// What the broker of this connection takes (§3.2.2.3), checked before anything is sent.

import { encodedLength } from '@mqttv5/wire';
import type { PublishPacket, QoS } from '@mqttv5/wire';
import { mqttError } from '../errors.ts';
import type { Delivery, PlainMqttError } from '../errors.ts';
import type { OutboundMessage } from './outbound-message.ts';
import type { ServerLimits } from './settings.ts';

/** Payloads from here on are measured even where the broker has no limit: Remaining Length ends at 268,435,455 (§2.1.4). */
const NEARLY_TOO_LARGE = 268_000_000;
/** Fixed header (5), length of the topic (2), identifier (2), Property Length (4), Topic Alias (3). */
const PUBLISH_OVERHEAD = 16;
/** UTF-8 takes at most three bytes for one UTF-16 code unit. */
const BYTES_PER_CODE_UNIT = 3;

/** Why `message` cannot be published at `qos` on a connection with these limits; undefined when it can. */
export function publishRefusal(
  message: OutboundMessage,
  qos: QoS,
  limits: ServerLimits,
  delivery: Delivery,
): PlainMqttError | undefined {
  if (qos > limits.maximumQoS) {
    const text = `PUBLISH to "${message.topic}" at QoS ${qos}: the broker's Maximum QoS is ${limits.maximumQoS}`;
    return mqttError('QOS_NOT_SUPPORTED', text, { delivery });
  }
  if (message.retain && !limits.retainAvailable) {
    const text = `PUBLISH to "${message.topic}" with RETAIN: the broker does not support retained messages`;
    return mqttError('RETAIN_NOT_SUPPORTED', text, { delivery });
  }
  return sizeRefusal(message, qos, limits.maximumPacketSize);
}

/**
 * Why `message` is too large; `maximumPacketSize` undefined: the encoding's own limit. "notSent" in every case
 * (reliability.md, "Publishing by state"), also for one that an earlier connection took no offence at.
 */
export function sizeRefusal(
  message: OutboundMessage,
  qos: QoS,
  maximumPacketSize: number | undefined,
): PlainMqttError | undefined {
  const { topic, payload } = message;
  if (maximumPacketSize === undefined) {
    if (payload.length < NEARLY_TOO_LARGE || isEncodable(message, qos)) return undefined;
    const text = `PUBLISH of ${payload.length} bytes and more to "${topic}" exceeds what MQTT can carry`;
    return mqttError('PACKET_TOO_LARGE', text, { delivery: 'notSent' });
  }
  if (certainlyFits(message, maximumPacketSize)) return undefined;
  const length = encodedLength(asSent(message, qos));
  if (length <= maximumPacketSize) return undefined;
  const text = `PUBLISH of ${length} bytes to "${topic}" exceeds the broker's Maximum Packet Size of ${maximumPacketSize}`;
  return mqttError('PACKET_TOO_LARGE', text, { delivery: 'notSent' });
}

function isEncodable(message: OutboundMessage, qos: QoS): boolean {
  try {
    encodedLength(asSent(message, qos));
    return true;
  } catch {
    return false;
  }
}

/** Without counting bytes of UTF-8: true for nearly every message. */
function certainlyFits(message: OutboundMessage, maximumPacketSize: number): boolean {
  if (message.properties !== undefined) return false;
  return PUBLISH_OVERHEAD + BYTES_PER_CODE_UNIT * message.topic.length + message.payload.length <= maximumPacketSize;
}

/** In its largest form, topic and alias together. */
function asSent(message: OutboundMessage, qos: QoS): PublishPacket {
  const { topic, payload, retain, properties, topicAlias } = message;
  const packet: PublishPacket = {
    type: 'publish',
    topicName: topic,
    payload,
    qos,
    retain,
    dup: false,
    packetIdentifier: qos === 0 ? 0 : 1,
  };
  if (topicAlias !== undefined && qos === 0) packet.properties = { ...properties, topicAlias };
  else if (properties !== undefined) packet.properties = properties;
  return packet;
}
