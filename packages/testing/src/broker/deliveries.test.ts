// SPDX-License-Identifier: Apache-2.0
//
// The sender's side of QoS 1 and 2 against a model of a client, over connections that lose what is under way.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Deliveries } from './deliveries.ts';
import type { Delivery, DeliveryChannel } from './deliveries.ts';
import type { Message } from './message.ts';

/** A client that acknowledges when it is told to, and remembers what a session has to. */
class ModelClient implements DeliveryChannel {
  sendQuota = 0;
  readonly deliveries: Deliveries = new Deliveries(() => 0);
  /** Arrivals a program would see, by QoS. */
  readonly seen: Record<1 | 2, string[]> = { 1: [], 2: [] };
  /** Session: QoS 2 identifiers received and not released, with their message. */
  readonly #unreleased = new Map<number, string>();
  /** Connection: publishes that came and are not answered for good [MQTT-3.3.4-9]. */
  #open = new Set<number>();
  /** Connection: what the client could say next. */
  #answers: (() => void)[] = [];
  /** Packets that still reach the client; what comes later on this connection is lost. */
  #reach = 0;

  connect(receiveMaximum: number, reach: number): void {
    this.deliveries.detach();
    this.#open = new Set();
    this.#answers = [];
    this.sendQuota = receiveMaximum;
    this.#reach = reach;
    this.deliveries.attach(this);
  }

  publish(topicName: string, qos: 1 | 2): void {
    const message: Message = {
      topicName,
      payload: new Uint8Array(0),
      qos,
      retain: false,
      properties: undefined,
      expiryInterval: undefined,
      arrivedAt: 0,
      publisher: undefined,
    };
    this.deliveries.add({
      message,
      qos,
      retain: false,
      subscriptionIdentifiers: undefined,
      group: undefined,
      packetIdentifier: 0,
      state: 'queued',
      holdsQuota: false,
    });
  }

  /** Says one of the things it could say; false if it has nothing to say. */
  answer(choice: number): boolean {
    const [answer] = this.#answers.splice(choice % Math.max(1, this.#answers.length), 1);
    answer?.();
    return answer !== undefined;
  }

  sendPublish(delivery: Delivery, dup: boolean): boolean {
    const { packetIdentifier, qos, message } = delivery;
    assert(packetIdentifier > 0, 'an identifier is not zero');
    assert(!this.#open.has(packetIdentifier), 'an open identifier is not sent again on the same connection');
    this.#open.add(packetIdentifier);
    assert(this.#open.size <= this.sendQuota, 'Receive Maximum holds');
    if (this.#reach-- <= 0) return true;
    const held = this.#unreleased.get(packetIdentifier);
    if (held !== undefined) {
      // [MQTT-2.2.1-4]: an identifier in use can only be the same message again.
      assert.deepEqual([held, dup, qos], [message.topicName, true, 2]);
    } else {
      this.seen[qos].push(message.topicName);
      if (qos === 2) this.#unreleased.set(packetIdentifier, message.topicName);
    }
    this.#answers.push(() => {
      if (qos === 1) this.#open.delete(packetIdentifier);
      const outcome =
        qos === 1 ? this.deliveries.handlePuback(packetIdentifier) : this.deliveries.handlePubrec(packetIdentifier, 0);
      assert.equal(outcome, qos === 1 ? 'done' : 'release');
      if (outcome === 'release') this.sendPubrel(packetIdentifier);
    });
    return true;
  }

  sendPubrel(packetIdentifier: number): void {
    if (this.#reach-- <= 0) return;
    this.#unreleased.delete(packetIdentifier);
    this.#answers.push(() => {
      this.#open.delete(packetIdentifier);
      assert.equal(this.deliveries.handlePubcomp(packetIdentifier), 'done');
    });
  }
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('publish' as const), qos: fc.constantFrom(1 as const, 2 as const) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('answer' as const), choice: fc.nat(10) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('reconnect' as const),
      receiveMaximum: fc.integer({ min: 1, max: 5 }),
      reach: fc.nat(12),
    }),
  },
);

test('over any losses QoS 1 arrives at least once, QoS 2 exactly once, in order, within Receive Maximum [MQTT-4.4.0-1] [MQTT-4.3.3-6] [MQTT-4.9.0-2]', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const client = new ModelClient();
      const published: Record<1 | 2, string[]> = { 1: [], 2: [] };
      client.connect(3, 50);
      for (const [index, each] of steps.entries()) {
        if (each.do === 'publish') {
          client.publish(String(index), each.qos);
          published[each.qos].push(String(index));
        } else if (each.do === 'answer') client.answer(each.choice);
        else client.connect(each.receiveMaximum, each.reach);
      }
      client.connect(2, Number.POSITIVE_INFINITY);
      while (client.answer(0));
      expect(client.seen[2]).toEqual(published[2]);
      expect([...new Set(client.seen[1])]).toEqual(published[1]);
      expect(client.deliveries.queued).toBe(0);
    }),
    { numRuns: 1_000 },
  );
});

test('identifiers go around past those in use', () => {
  const client = new ModelClient();
  client.connect(2, Number.POSITIVE_INFINITY);
  client.publish('held', 2);
  client.publish('first', 1);
  for (let count = 0; count < 70_000; count++) {
    client.publish('x', 1);
    assert(client.answer(1));
  }
  expect(client.seen[1]).toHaveLength(70_001);
});

/** A connection that writes down what is sent. */
function recorder(sendQuota: number): DeliveryChannel & { readonly log: string[] } {
  const log: string[] = [];
  return {
    sendQuota,
    log,
    sendPublish: ({ packetIdentifier }, dup) => log.push(`publish ${packetIdentifier}${dup ? ' dup' : ''}`) > 0,
    sendPubrel: (packetIdentifier) => void log.push(`pubrel ${packetIdentifier}`),
  };
}

test('on resumption PUBRELs go first, in the order of their PUBRECs, then PUBLISHes in theirs', () => {
  const client = new ModelClient();
  const { deliveries } = client;
  deliveries.attach(recorder(10));
  for (const qos of [2, 2, 1, 2, 1] as const) client.publish('a', qos);
  deliveries.handlePubrec(4, 0);
  deliveries.handlePubrec(1, 0);
  deliveries.detach();
  const again = recorder(10);
  deliveries.attach(again);
  expect(again.log).toEqual(['pubrel 4', 'pubrel 1', 'publish 2 dup', 'publish 3 dup', 'publish 5 dup']);
});

test('what the client acknowledges before it was sent again is not sent again', () => {
  const client = new ModelClient();
  const { deliveries } = client;
  deliveries.attach(recorder(10));
  for (const qos of [1, 1, 2, 1] as const) client.publish('a', qos);
  deliveries.detach();
  const again = recorder(1);
  deliveries.attach(again);
  expect(again.log).toEqual(['publish 1 dup']);
  deliveries.handlePuback(2);
  expect(deliveries.handlePubrec(3, 0x97)).toBe('done');
  expect(again.log).toEqual(['publish 1 dup']);
  deliveries.handlePuback(1);
  expect(again.log).toEqual(['publish 1 dup', 'publish 4 dup']);
});
