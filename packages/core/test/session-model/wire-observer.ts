// SPDX-License-Identifier: Apache-2.0
//
// Watches what the client sends: DUP, what follows PUBREC, the order of PUBRELs.

import type { Packet } from '@mqttv5/wire';
import type { PublishExchange } from '../../src/session/effects.ts';
import type { ModelApplication } from './model-application.ts';
import { ensure } from './model-failure.ts';

export class WireObserver {
  readonly #application: ModelApplication;
  /** What the engine has unfinished. */
  readonly #exchanges: () => Iterable<PublishExchange>;
  /** Counts what the engine takes for a new session; `application.session` also what is one behind its back. */
  engineSession = 1;
  /** Newest PUBREL of this connection, by the order of PUBRECs. */
  #lastPubrel = 0;
  readonly #pubrels = new Set<string>();
  #released = 0;

  constructor(application: ModelApplication, exchanges: () => Iterable<PublishExchange>) {
    this.#application = application;
    this.#exchanges = exchanges;
  }

  newConnection(): void {
    this.#lastPubrel = 0;
    this.#pubrels.clear();
  }

  sending(packet: Packet): void {
    if (packet.type !== 'publish' || packet.qos === 0) return;
    const { releasedInSession, topic } = this.#application.find(packet.topicName);
    ensure(releasedInSession !== this.engineSession, `PUBLISH ${topic} after its PUBREC [MQTT-4.3.3-6]`);
  }

  written(packet: Packet): void {
    if (packet.type === 'pubrel' && packet.reasonCode === 0) this.#checkPubrelOrder(packet.packetIdentifier);
    if (packet.type !== 'publish' || packet.qos === 0) return;
    const sent = this.#application.find(packet.topicName);
    const session = this.engineSession;
    ensure(!packet.dup || sent.writtenInSession === session, `${sent.topic} sent as new with DUP`);
    ensure(packet.dup || sent.writtenInSession !== session, `${sent.topic} sent again without DUP [MQTT-3.3.1-1]`);
    sent.writtenInSession = session;
  }

  /** [MQTT-4.6.0-4] */
  #checkPubrelOrder(packetIdentifier: number): void {
    for (const exchange of this.#exchanges()) {
      if (exchange.packetIdentifier !== packetIdentifier || exchange.phase !== 'awaitPubcomp') continue;
      const { releaseOrder, topic } = this.#application.find(exchange.topic);
      // PUBREC came again.
      if (releaseOrder === this.#lastPubrel || this.#pubrels.has(topic)) return;
      this.#pubrels.add(topic);
      ensure(releaseOrder > this.#lastPubrel, `PUBREL of ${topic} out of order [MQTT-4.6.0-4]`);
      this.#lastPubrel = releaseOrder;
    }
  }

  noteReleased(packetIdentifier: number): void {
    for (const exchange of this.#exchanges()) {
      if (exchange.packetIdentifier !== packetIdentifier || exchange.phase !== 'awaitPubrec' || !exchange.written)
        continue;
      const sent = this.#application.find(exchange.topic);
      sent.releasedInSession = this.engineSession;
      this.#released += 1;
      sent.releaseOrder = this.#released;
    }
  }

  noteDoubtfulLoss(packetIdentifier: number): void {
    for (const exchange of this.#exchanges()) {
      if (exchange.packetIdentifier !== packetIdentifier || exchange.doubtOn === 0) continue;
      const sent = this.#application.find(exchange.topic);
      sent.duplicatesAllowed = true;
      sent.writtenInSession = 0;
      sent.releasedInSession = 0;
    }
  }
}
