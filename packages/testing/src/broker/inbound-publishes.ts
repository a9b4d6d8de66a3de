// SPDX-License-Identifier: Apache-2.0
//
// Publishes from one client (§3.3.4, §4.3): the receiver's side of QoS 1 and 2. Lives as long as one Network Connection,
// as aliases and the count against Receive Maximum do; what has to outlive it is in the session.
import { ReasonCode } from '@mqttv5/wire';
import type { Packet, PublishPacket } from '@mqttv5/wire';
import { askAuthorize } from './ask.ts';
import type { BrokerState } from './broker-state.ts';
import type { Channel } from './channel.ts';
import { messageFromPublish } from './message.ts';
import { reasonString } from './reason-string.ts';
import type { Session } from './session.ts';
import { InboundAliases } from './topic-aliases.ts';

/** PUBACK and PUBREC codes that refuse (§3.4.2.1) [MQTT-3.4.2-1] [MQTT-3.5.2-1]. */
const refusals: ReadonlySet<number> = new Set([0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]);

export class InboundPublishes {
  readonly #broker: BrokerState;
  readonly #channel: Channel;
  readonly #session: Session;
  readonly #aliases: InboundAliases;
  /** Packet Identifiers of publishes that came on this connection and have no final answer yet (§4.9). */
  readonly #open = new Set<number>();

  constructor(broker: BrokerState, channel: Channel, session: Session) {
    this.#broker = broker;
    this.#channel = channel;
    this.#session = session;
    this.#aliases = new InboundAliases(broker.settings.limits.topicAliasMaximum);
  }

  handlePublish(packet: PublishPacket): void {
    const topicName = this.#admit(packet);
    if (topicName === undefined) return;
    const { packetIdentifier, qos } = packet;
    if (qos === 0) {
      this.#publish(packet, topicName);
    } else if (!this.#session.unreleased.has(packetIdentifier)) {
      this.#answer(packet, topicName, this.#publish(packet, topicName));
    } else if (qos === 2) {
      // [MQTT-4.3.3-10]: seen before and not released; answered again, delivered once.
      this.#channel.send({ type: 'pubrec', packetIdentifier, reasonCode: ReasonCode.Success });
    } else {
      this.#channel.send({ type: 'puback', packetIdentifier, reasonCode: ReasonCode.PacketIdentifierInUse });
    }
  }

  /** [MQTT-4.3.3-11]; an identifier nobody knows is normal after a lost PUBCOMP (§3.7.2.1). */
  handlePubrel(packetIdentifier: number): void {
    const known = this.#session.unreleased.delete(packetIdentifier);
    const reasonCode = known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
    this.#channel.send({ type: 'pubcomp', packetIdentifier, reasonCode });
  }

  /** A publish is open until its last answer has really gone out; a held acknowledgement keeps it open. */
  sent(packet: Packet): void {
    const isFinal =
      packet.type === 'puback' || packet.type === 'pubcomp' || (packet.type === 'pubrec' && packet.reasonCode >= 0x80);
    if (isFinal) this.#open.delete(packet.packetIdentifier);
  }

  /** The topic of a PUBLISH that keeps the limits announced in CONNACK; undefined after a violation, which ends it all. */
  #admit(packet: PublishPacket): string | undefined {
    const { limits } = this.#broker.settings;
    if (packet.qos > limits.maximumQoS) {
      return this.#violation(ReasonCode.QoSNotSupported, `QoS ${packet.qos} is above ${limits.maximumQoS}`);
    }
    if (packet.retain && !limits.retainAvailable) {
      return this.#violation(ReasonCode.RetainNotSupported, 'RETAIN 1 without retained messages');
    }
    const topicName = this.#aliases.resolve(packet);
    if (typeof topicName === 'number') return this.#violation(topicName, 'Topic Alias out of range or unknown');
    if (packet.qos === 0) return topicName;
    this.#open.add(packet.packetIdentifier);
    if (this.#open.size > limits.receiveMaximum) {
      const message = `more than ${limits.receiveMaximum} publishes open`;
      return this.#violation(ReasonCode.ReceiveMaximumExceeded, message); // §3.3.4
    }
    return topicName;
  }

  #violation(reasonCode: number, message: string): undefined {
    this.#channel.stage.fail(reasonCode, message);
    return undefined;
  }

  /** Passes the message on if it is allowed, and says what its acknowledgement says. */
  #publish(packet: PublishPacket, topicName: string): number {
    const { settings, router } = this.#broker;
    const { clientId, username } = this.#session;
    const refusal = askAuthorize(settings, { clientId, username, action: 'publish', topic: topicName });
    if (refusal !== 0) return refusals.has(refusal) ? refusal : ReasonCode.ImplementationSpecificError;
    const receivers = router.route(messageFromPublish(packet, topicName, clientId, settings.clock));
    return receivers === 0 ? ReasonCode.NoMatchingSubscribers : ReasonCode.Success;
  }

  #answer({ qos, packetIdentifier }: PublishPacket, topicName: string, reasonCode: number): void {
    const refused = reasonCode >= 0x80;
    // [MQTT-4.3.3-9]: after a failing PUBREC the identifier is free.
    if (qos === 2 && !refused) this.#session.unreleased.add(packetIdentifier);
    const type = qos === 1 ? 'puback' : 'pubrec';
    if (!refused) this.#channel.send({ type, packetIdentifier, reasonCode });
    else {
      const properties = { reasonString: reasonString(`refused: publishing to ${topicName}`) };
      this.#channel.send({ type, packetIdentifier, reasonCode, properties });
    }
  }
}
