// SPDX-License-Identifier: Apache-2.0

import mqtt, { type MqttClient } from 'mqtt';
import type { Adapter, PublishWork, Received, ReceiveWork } from '../scenarios.ts';
import { Order, stamp } from '../stamps.ts';

export class MqttJsAdapter implements Adapter {
  #client: MqttClient | undefined;

  async connect(url: string): Promise<void> {
    this.#client = await mqtt.connectAsync(url, { protocolVersion: 5, properties: { receiveMaximum: 64 } });
  }

  async publish({ first, messages, qos, inFlight, payload }: PublishWork): Promise<void> {
    const client = this.#open();
    let next = first;
    const end = first + messages;
    // It keeps a reference until the bytes are written, so every message needs bytes of its own.
    const bytes = (number: number): Buffer => Buffer.from(stamp(payload, number));
    if (inFlight === 0) {
      // Its way to say "enough": the callback comes when the socket has taken the packet.
      for (; next < end; next += 1) {
        if ((next & 63) === 63 || next === end - 1) await client.publishAsync('bench/topic', bytes(next), { qos });
        else client.publish('bench/topic', bytes(next), { qos });
      }
      return;
    }
    const worker = async (): Promise<void> => {
      while (next < end) {
        next += 1;
        await client.publishAsync('bench/topic', bytes(next - 1), { qos });
      }
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
  }

  async receive(work: ReceiveWork): Promise<Received> {
    const client = this.#open();
    const order = new Order(work);
    client.on('message', (_topic, payload) => order.take(payload));
    await client.subscribeAsync('bench/#', { qos: work.qos });
    await order.complete;
    return order.received();
  }

  async close(): Promise<void> {
    await this.#client?.endAsync();
  }

  #open(): MqttClient {
    if (this.#client === undefined) throw new TypeError('connect() comes first');
    return this.#client;
  }
}
