// SPDX-License-Identifier: Apache-2.0

import type { PublishPacket } from '@mqttv5/wire';
import { PROTOCOL_ERROR, TOPIC_ALIAS_INVALID } from '../api/reason-codes.ts';

/** The peer broke a rule: the Reason Code of our DISCONNECT, and what was wrong. */
export interface Violation {
  readonly reasonCode: number;
  readonly detail: string;
}

/** Outside the range of aliases, 0 included: a broker may send that, and must hear of it. */
const NO_ALIAS = -1;

/** Topic aliases the broker has set (§3.3.2.3.4). Lives as long as one Network Connection [MQTT-3.3.2-7]. */
export class InboundAliases {
  readonly #maximum: number;
  #topics: (string | undefined)[] | undefined;

  /** `maximum`: what our CONNECT allowed. */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** The topic of `packet`. An alias it carries takes effect, whatever becomes of the message. */
  resolve(packet: PublishPacket): string | Violation {
    const { topicName } = packet;
    const alias = aliasOf(packet);
    if (alias === NO_ALIAS) {
      return topicName === ''
        ? { reasonCode: PROTOCOL_ERROR, detail: 'PUBLISH without topic and without alias' }
        : topicName;
    }
    if (alias < 1 || alias > this.#maximum) {
      const detail = `Topic Alias ${alias} in a PUBLISH, Topic Alias Maximum is ${this.#maximum}`;
      return { reasonCode: TOPIC_ALIAS_INVALID, detail };
    }
    if (topicName !== '') {
      this.#topics ??= [];
      this.#topics[alias] = topicName;
      return topicName;
    }
    return this.#topics?.[alias] ?? { reasonCode: PROTOCOL_ERROR, detail: `Topic Alias ${alias} stands for no topic` };
  }
}

/** A decoder's view knows the alias without decoding the properties, and says 0 for none; it has refused a real 0 itself. */
function aliasOf(packet: PublishPacket & { readonly topicAlias?: number }): number {
  if (packet.topicAlias !== undefined) return packet.topicAlias || NO_ALIAS;
  return packet.properties?.topicAlias ?? NO_ALIAS;
}
