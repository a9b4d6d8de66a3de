// SPDX-License-Identifier: Apache-2.0

import { Client, type Message } from '@mqttv5/core';
import type { Adapter, PublishWork, Received, ReceiveWork } from '../scenarios.ts';
import { Order, stamp } from '../stamps.ts';

export class Mqttv5Adapter implements Adapter {
  #client: Client | undefined;

  async connect(url: string): Promise<void> {
    this.#client = new Client({ brokers: url, receiveMaximum: 64 });
    await this.#client.connect();
  }

  async publish({ first, messages, qos, inFlight, payload }: PublishWork): Promise<void> {
    const client = this.#open();
    let next = first;
    const end = first + messages;
    if (inFlight === 0) {
      // Awaited now and then, as a program that watches for back-pressure does.
      for (; next < end; next += 1) {
        const sent = client.publish('bench/topic', stamp(payload, next));
        if ((next & 63) === 63) await sent;
      }
      await client.ping();
      return;
    }
    const worker = async (): Promise<void> => {
      while (next < end) {
        next += 1;
        await client.publish('bench/topic', stamp(payload, next - 1), { qos });
      }
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
  }

  async receive(work: ReceiveWork): Promise<Received> {
    const client = this.#open();
    const { qos, shape } = work;
    const order = new Order(work);
    if (shape === 'callback') {
      await client.subscribeCallback('bench/#', ({ payload }: Message) => order.take(payload), { qos });
      await order.complete;
      return order.received();
    }
    const subscription = await client.subscribe('bench/#', { qos, bufferSize: Infinity, bufferBytes: Infinity });
    for await (const { payload } of subscription) {
      order.take(payload);
      if (order.done) break;
    }
    return order.received();
  }

  async close(): Promise<void> {
    await this.#client?.disconnect();
  }

  #open(): Client {
    if (this.#client === undefined) throw new TypeError('connect() comes first');
    return this.#client;
  }
}
