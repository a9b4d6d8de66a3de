// SPDX-License-Identifier: Apache-2.0

import type { PublishPacket, PublishProperties, QoS } from '@mqttv5/wire';
import type { OutboundAliases } from './outbound-aliases.ts';
import type { OutboundMessage } from './outbound-message.ts';
import type { PublishExchange } from './publish-exchange.ts';

/** The PUBLISH of an exchange, as it leaves at `now`. */
export function packetOf(exchange: PublishExchange, now: number): PublishPacket {
  const { message, qos, packetIdentifier } = exchange;
  // DUP says that this packet may have been sent before [MQTT-3.3.1-1]; one that never was goes without it.
  const dup = qos > 0 && exchange.written;
  return newPacket(message.topic, message, qos, dup, packetIdentifier, remainingProperties(exchange, now));
}

/** The PUBLISH of a QoS 0 message, its topic replaced by an alias where `aliases` has one in force. */
export function packetOfQoS0(
  message: OutboundMessage,
  properties: PublishProperties | undefined,
  aliases: OutboundAliases | undefined,
): PublishPacket {
  const { topic, topicAlias } = message;
  const alias = topicAlias ?? aliases?.choose(topic) ?? 0;
  if (alias === 0 || aliases === undefined) return newPacket(topic, message, 0, false, 0, properties);
  const known = aliases.use(alias, topic);
  return newPacket(known ? '' : topic, message, 0, false, 0, { ...properties, topicAlias: alias });
}

/** Message Expiry Interval loses what was spent here, and is never sent as 0 (V-018). Rounded up: a wait of a millisecond costs no second. */
export function remainingProperties(exchange: PublishExchange, now: number): PublishProperties | undefined {
  const { properties } = exchange.message;
  if (properties?.messageExpiryInterval === undefined) return properties;
  const remaining = Math.max(1, Math.ceil((exchange.expiresAt - now) / 1000));
  // Also when nothing was waited for and 0 was asked for.
  if (remaining >= properties.messageExpiryInterval) return properties;
  return { ...properties, messageExpiryInterval: remaining };
}

function newPacket(
  topicName: string,
  message: OutboundMessage,
  qos: QoS,
  dup: boolean,
  packetIdentifier: number,
  properties: PublishProperties | undefined,
): PublishPacket {
  const { payload, retain } = message;
  // Two literals: `properties: undefined` would not be the packet that was announced.
  return properties === undefined
    ? { type: 'publish', topicName, payload, qos, retain, dup, packetIdentifier }
    : { type: 'publish', topicName, payload, qos, retain, dup, packetIdentifier, properties };
}
