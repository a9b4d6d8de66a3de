// SPDX-License-Identifier: Apache-2.0
import type { PublishPacket, PublishProperties, QoS, Will } from '@mqttv5/wire';
import type { BrokerClock } from '../clock.ts';

/** An Application Message on its way through the broker; one object for all its receivers. */
export interface Message {
  readonly topicName: string;
  readonly payload: Uint8Array;
  /** As published; a delivery may have less. */
  readonly qos: QoS;
  /** As published. */
  readonly retain: boolean;
  /** What is passed on unchanged (§3.3.2.3): everything but alias, identifiers and expiry. Absent if there is none. */
  readonly properties: PublishProperties | undefined;
  /** Message Expiry Interval as received, in seconds. */
  readonly expiryInterval: number | undefined;
  /** When it arrived, by the broker's clock; 0 without `expiryInterval`, for which alone it is read. */
  readonly arrivedAt: number;
  /** ClientID of the publisher, for No Local; undefined for the broker's own messages. */
  readonly publisher: string | undefined;
}

/** The message a client published. `topicName` is the packet's, its alias resolved. */
export function messageFromPublish(
  packet: PublishPacket,
  topicName: string,
  publisher: string,
  clock: BrokerClock,
): Message {
  const properties = packet.properties;
  return {
    topicName,
    payload: packet.payload,
    qos: packet.qos,
    retain: packet.retain,
    properties: properties === undefined ? undefined : forwarded(properties),
    expiryInterval: properties?.messageExpiryInterval,
    arrivedAt: properties?.messageExpiryInterval === undefined ? 0 : clock.now(),
    publisher,
  };
}

/** The message a will turns into when it is published. */
export function messageFromWill(will: Will, publisher: string, now: number): Message {
  const { willDelayInterval: _, ...properties } = will.properties ?? {};
  return {
    topicName: will.topicName,
    payload: will.payload,
    qos: will.qos,
    retain: will.retain,
    properties: forwarded(properties),
    expiryInterval: properties.messageExpiryInterval,
    arrivedAt: now,
    publisher,
  };
}

function forwarded(properties: PublishProperties): PublishProperties | undefined {
  const { topicAlias: _alias, subscriptionIdentifiers: _ids, messageExpiryInterval: _expiry, ...rest } = properties;
  for (const name in rest) {
    if (rest[name as keyof typeof rest] !== undefined) return rest; // `name` is a key of `rest`
  }
  return undefined;
}

/**
 * True once the Message Expiry Interval has passed [MQTT-3.3.2-5]. A message that did not wait at all is not expired, even
 * with an interval of 0: its delivery begins at once.
 */
export function isExpired(message: Message, now: number): boolean {
  if (message.expiryInterval === undefined) return false;
  const waitedMs = now - message.arrivedAt;
  return waitedMs > 0 && waitedMs >= message.expiryInterval * 1000;
}

/** Message Expiry Interval to forward: the received one less the whole seconds spent here [MQTT-3.3.2-6]. */
export function remainingExpiry(message: Message, now: number): number | undefined {
  if (message.expiryInterval === undefined) return undefined;
  return Math.max(0, message.expiryInterval - Math.floor((now - message.arrivedAt) / 1000));
}

/**
 * The message with a payload of its own, for keeping. A payload is a view of the read it arrived in, up to 64 KiB, which
 * a small retained or queued message must not hold on to.
 */
export function detached(message: Message): Message {
  const { payload } = message;
  if (payload.byteLength * 2 >= payload.buffer.byteLength) return message;
  return { ...message, payload: payload.slice() };
}
