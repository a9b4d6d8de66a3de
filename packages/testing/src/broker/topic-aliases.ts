// SPDX-License-Identifier: Apache-2.0
//
// Topic aliases live as long as one Network Connection and count separately in each direction (§3.3.2.3.4).
import { ReasonCode } from '@mqttv5/wire';
import type { PublishPacket } from '@mqttv5/wire';

/** What a client calls its topics. */
export class InboundAliases {
  readonly #maximum: number;
  readonly #topics = new Map<number, string>();

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** The topic of the packet, its alias learned or looked up; a number is the code of the violation (§3.3.2.1, §3.3.4). */
  resolve(packet: PublishPacket): string | number {
    const alias = packet.properties?.topicAlias;
    if (alias === undefined) return packet.topicName === '' ? ReasonCode.ProtocolError : packet.topicName;
    if (alias === 0 || alias > this.#maximum) return ReasonCode.TopicAliasInvalid;
    if (packet.topicName === '') return this.#topics.get(alias) ?? ReasonCode.ProtocolError;
    this.#topics.set(alias, packet.topicName);
    return packet.topicName;
  }
}

/** What the broker calls topics towards one client: at most as many as its Topic Alias Maximum [MQTT-3.1.2-26]. */
export class OutboundAliases {
  readonly #maximum: number;
  readonly #aliases = new Map<string, number>();

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** The alias the client knows for this topic. */
  get(topicName: string): number | undefined {
    return this.#aliases.get(topicName);
  }

  /** The alias a new topic would get: a free one, else that of the topic named longest ago. None without a maximum. */
  next(): number | undefined {
    if (this.#aliases.size < this.#maximum) return this.#aliases.size + 1;
    const [oldest] = this.#aliases.values();
    return oldest;
  }

  /** To be called when a PUBLISH with both has gone out, and not before: the client learns it from that packet. */
  bind(alias: number, topicName: string): void {
    if (this.#aliases.size >= this.#maximum) {
      const [oldest] = this.#aliases.keys();
      if (oldest !== undefined) this.#aliases.delete(oldest);
    }
    this.#aliases.set(topicName, alias);
  }
}
