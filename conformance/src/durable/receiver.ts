// SPDX-License-Identifier: Apache-2.0

import { startBroker } from '@mqttv5/testing';
import type { Broker } from '@mqttv5/testing';
import { onTestFinished } from 'vitest';

/** A broker that counts what it has accepted from the gateway, by the payload without the spaces around it. */
export class Receiver {
  readonly received: Map<string, number> = new Map();
  /** PUBACK, PUBREC and PUBCOMP do not leave. */
  silent: boolean = false;
  /** How many of them still leave before it is silent. */
  answers: number = Number.POSITIVE_INFINITY;
  readonly #broker: Broker;
  readonly #waiting = new Set<() => void>();

  private constructor(broker: Broker) {
    this.#broker = broker;
  }

  static async start(): Promise<Receiver> {
    const decoder = new TextDecoder();
    // Identifiers of QoS 2 messages whose PUBREL has not come: their PUBLISH may come again, and is the same message.
    const open = new Set<number>();
    const broker = await startBroker({
      intercept: (direction, packet) => {
        if (direction === 'out') {
          if (!/^pub(ack|rec|comp)$/.test(packet.type)) return undefined;
          receiver.answers -= 1;
          return receiver.silent || receiver.answers < 0 ? 'discard' : undefined;
        }
        if (packet.type === 'pubrel') open.delete(packet.packetIdentifier);
        if (packet.type !== 'publish') return undefined;
        const { packetIdentifier, qos, payload } = packet;
        if (qos === 2 && open.has(packetIdentifier)) return undefined;
        if (qos === 2) open.add(packetIdentifier);
        receiver.#count(decoder.decode(payload).trim());
        return undefined;
      },
    });
    const receiver = new Receiver(broker);
    onTestFinished(async () => await broker.close());
    return receiver;
  }

  get url(): string {
    return this.#broker.url;
  }

  /** To who has subscribed, at QoS 2. */
  publish(topic: string, payload: string): void {
    this.#broker.publish(topic, payload, { qos: 2 });
  }

  /** Resolves when that many different messages have arrived. */
  async has(count: number): Promise<void> {
    while (this.received.size < count) await new Promise<void>((resolve) => void this.#waiting.add(resolve));
  }

  #count(id: string): void {
    this.received.set(id, (this.received.get(id) ?? 0) + 1);
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
