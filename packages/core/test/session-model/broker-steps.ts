// SPDX-License-Identifier: Apache-2.0
//
// What brokers do by themselves: messages for the client, and what they forget of it.

import type { Delivery } from './model-broker.ts';
import type { Random } from './random.ts';
import type { WorldState } from './world-state.ts';

export class BrokerSteps {
  readonly #state: WorldState;
  #delivered = 0;

  constructor(state: WorldState) {
    this.#state = state;
  }

  publish(random: Random): void {
    const { application, expected, link, session } = this.#state;
    if (session === undefined) return;
    const topic = `b/${this.#delivered}`;
    this.#delivered += 1;
    if (random.chance(25)) {
      if (link?.live === true) link.connection?.publishQoS0(topic);
      return;
    }
    const qos = random.pick([1, 2] as const);
    const delivery: Delivery = {
      topic,
      qos,
      packetIdentifier: 0,
      state: 'queued',
      sentOn: 0,
      sent: false,
      uncertain: false,
    };
    session.deliveries.push(delivery);
    // reliability.md, "Whose session it is", (b): after a doubt only DUP 0 tells a new message from one that is here.
    if (qos === 1 || !application.ambiguous) expected.set(topic, delivery);
    link?.connection?.pump();
  }

  loseSession(random: Random): void {
    const { brokers, link, trace } = this.#state;
    // A broker does not lose the session of a connection it has.
    if (link !== undefined) return;
    trace?.push('the broker loses its sessions');
    brokers.loseSessions(random);
  }

  /** A broker gives up on a message it has sent and whose PUBACK is missing, and uses the identifier again. */
  giveUp(): void {
    const { expected, link, session } = this.#state;
    if (link !== undefined) return;
    const deliveries = session?.deliveries ?? [];
    const index = deliveries.findIndex(({ qos, state }) => qos === 1 && state === 'publish');
    const [gone] = index < 0 ? [] : deliveries.splice(index, 1);
    if (gone === undefined) return;
    expected.delete(gone.topic);
    session?.abandoned.add(gone.packetIdentifier);
  }
}
