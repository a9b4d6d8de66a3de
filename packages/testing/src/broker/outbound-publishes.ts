// SPDX-License-Identifier: Apache-2.0
import { encode, encodedLength } from '@mqttv5/wire';
import type { PublishPacket, PublishProperties } from '@mqttv5/wire';
import type { BrokerClock } from '../clock.ts';
import type { Channel } from './channel.ts';
import type { Copy, Delivery } from './deliveries.ts';
import { remainingExpiry } from './message.ts';
import type { Message } from './message.ts';
import { OutboundAliases } from './topic-aliases.ts';

/**
 * Encodes the plain QoS 0 copies of a message: no identifier, alias or expiry in them, so all subscribers get the same
 * bytes. Copies of one message are sent one after the other, so remembering one is enough.
 */
export class PlainPublishes {
  #message: Message | undefined;
  #retain = false;
  #bytes: Uint8Array = new Uint8Array(0);

  encoded(copy: Copy): Uint8Array {
    if (this.#message !== copy.message || this.#retain !== copy.retain) {
      const { message, retain } = copy;
      const { topicName, payload, properties } = message;
      const packet: PublishPacket = {
        type: 'publish',
        topicName,
        payload,
        qos: 0,
        retain,
        dup: false,
        packetIdentifier: 0,
      };
      if (properties !== undefined) packet.properties = properties;
      this.#bytes = encode(packet);
      this.#message = message;
      this.#retain = retain;
    }
    return this.#bytes;
  }
}

/** Application Messages to one client: properties, topic alias, size limit. */
export class OutboundPublishes {
  readonly #channel: Channel;
  readonly #clock: BrokerClock;
  readonly #plain: PlainPublishes;
  readonly #aliases: OutboundAliases | undefined;

  /** @param topicAliasMaximum - the client's; without one no alias is used [MQTT-3.1.2-27] */
  constructor(channel: Channel, clock: BrokerClock, plain: PlainPublishes, topicAliasMaximum: number) {
    this.#channel = channel;
    this.#clock = clock;
    this.#plain = plain;
    this.#aliases = topicAliasMaximum === 0 ? undefined : new OutboundAliases(topicAliasMaximum);
  }

  sendQoS0(copy: Copy): void {
    if (this.#channel.isClogged) return;
    const { message, subscriptionIdentifiers } = copy;
    const isShareable =
      this.#aliases === undefined &&
      subscriptionIdentifiers === undefined &&
      message.expiryInterval === undefined &&
      this.#channel.isPlain;
    if (isShareable) this.#channel.sendEncoded(this.#plain.encoded(copy));
    else this.#send(this.#packet(copy, 0, false), message.topicName);
  }

  /** False if the message is larger than the client takes [MQTT-3.1.2-24] [MQTT-3.1.2-25]. */
  send(delivery: Delivery, dup: boolean): boolean {
    return this.#send(this.#packet(delivery, delivery.packetIdentifier, dup), delivery.message.topicName);
  }

  #packet(copy: Copy, packetIdentifier: number, dup: boolean): PublishPacket {
    const { message, qos, retain, subscriptionIdentifiers } = copy;
    const { topicName, payload, expiryInterval } = message;
    const packet: PublishPacket = { type: 'publish', topicName, payload, qos, retain, dup, packetIdentifier };
    if (message.properties === undefined && subscriptionIdentifiers === undefined && expiryInterval === undefined) {
      return packet;
    }
    const properties: PublishProperties = { ...message.properties };
    if (subscriptionIdentifiers !== undefined) properties.subscriptionIdentifiers = subscriptionIdentifiers;
    const expiry = expiryInterval === undefined ? undefined : remainingExpiry(message, this.#clock.now());
    if (expiry !== undefined) properties.messageExpiryInterval = expiry;
    packet.properties = properties;
    return packet;
  }

  #send(packet: PublishPacket, topicName: string): boolean {
    const aliases = this.#aliases;
    const known = aliases?.get(topicName);
    const alias = known ?? aliases?.next();
    const sent: PublishPacket =
      alias === undefined
        ? packet
        : {
            ...packet,
            topicName: known === undefined ? topicName : '',
            properties: { ...packet.properties, topicAlias: alias },
          };
    const { maximumPacketSize } = this.#channel.limits;
    if (maximumPacketSize !== undefined && encodedLength(sent) > maximumPacketSize) {
      // An alias costs three bytes, and may be what makes it too large.
      if (alias === undefined || encodedLength(packet) > maximumPacketSize) return false;
      this.#channel.send(packet);
      return true;
    }
    if (aliases !== undefined && alias !== undefined && known === undefined) aliases.bind(alias, topicName);
    this.#channel.send(sent);
    return true;
  }
}
