// SPDX-License-Identifier: Apache-2.0
// The one stream of a group's subscription: whose turn it is, who acknowledges, and when it ends.

import type { GroupMessage, Subscription } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { acks, connectedGroup, makeGroup, texts, watchedBroker } from './setup.ts';

describe('a merged subscription', () => {
  test("brings the messages of every member, with the member's name (S-099, T-258, T-271)", async () => {
    const { group, brokers } = await connectedGroup(3);
    const subscription = await group.subscribe('a/+', { qos: 1 });
    for (const [index, { broker }] of brokers.entries()) broker.publish('a/b', `from ${index + 1}`, { qos: 1 });
    expect(await texts(subscription, 3)).toEqual(['member-1: from 1', 'member-2: from 2', 'member-3: from 3']);
  });

  test('acknowledges to the member that delivered, and to no other (S-099, T-271)', async () => {
    const { group, brokers } = await connectedGroup(2);
    const subscription = await group.subscribe('a', { qos: 1, ack: 'manual' });
    brokers[1]?.broker.publish('a', 'x', { qos: 1 });
    const message = await subscription.receive();
    expect(brokers.map(({ seen }) => acks(seen))).toEqual([0, 0]);
    message?.ack();
    await expect.poll(() => brokers.map(({ seen }) => acks(seen))).toEqual([0, 1]);
  });

  test('a message taken with receive() is acknowledged by its taker alone', async () => {
    const { group, brokers } = await connectedGroup(2);
    const subscription = await group.subscribe('a', { qos: 1 });
    brokers[0]?.broker.publish('a', '1', { qos: 1 });
    const first = await subscription.receive();
    brokers[0]?.broker.publish('a', '2', { qos: 1 });
    const second = await subscription.receive();
    await group.members[0]?.client.ping();
    expect(acks(brokers[0]?.seen ?? [])).toBe(0);
    second?.ack();
    first?.ack();
    await expect.poll(() => acks(brokers[0]?.seen ?? [])).toBe(2);
  });

  test('a loop acknowledges when it asks for the next one', async () => {
    const { group, brokers } = await connectedGroup(2);
    const subscription = await group.subscribe('a', { qos: 1 });
    for (const { broker } of brokers) broker.publish('a', 'x', { qos: 1 });
    await expect.poll(() => subscription.size).toBe(2);
    const loop = subscription[Symbol.asyncIterator]();
    await loop.next();
    await Promise.all(group.members.map(({ client }) => client.ping()));
    expect(brokers.flatMap(({ seen }) => seen).filter((each) => each === 'puback')).toHaveLength(0);
    await loop.next();
    await expect.poll(() => brokers.flatMap(({ seen }) => seen).filter((each) => each === 'puback').length).toBe(1);
  });

  test('leaving a loop puts what is in hand back, at the front, and the next consumer gets it', async () => {
    const { group, brokers } = await connectedGroup(2);
    const subscription = await group.subscribe('a', { qos: 1 });
    for (const text of ['1', '2', '3']) brokers[0]?.broker.publish('a', text, { qos: 1 });
    await expect.poll(() => subscription.size).toBe(3);
    for await (const message of subscription) {
      expect(message.text()).toBe('1');
      break;
    }
    expect(subscription.size).toBe(3);
    expect(await texts(subscription, 3)).toEqual(['member-1: 1', 'member-1: 2', 'member-1: 3']);
    await expect.poll(() => acks(brokers[0]?.seen ?? [])).toBe(3);
  });

  test('what a loop has left goes to a loop that is waiting', async () => {
    const { group, brokers } = await connectedGroup(2);
    const subscription = await group.subscribe('a', { qos: 1 });
    const [one, two] = [subscription[Symbol.asyncIterator](), subscription[Symbol.asyncIterator]()];
    const [first, second] = [one.next(), two.next()];
    brokers[1]?.broker.publish('a', 'x', { qos: 1 });
    expect((await first).value?.text()).toBe('x');
    await one.return?.();
    expect((await second).value?.text()).toBe('x');
    await two.return?.();
  });

  test('several loops share the messages, each gets its own (N-07)', async () => {
    const { group, brokers } = await connectedGroup(2);
    const subscription = await group.subscribe('a', { qos: 1 });
    const expected: string[] = [];
    for (const [index, { broker }] of brokers.entries()) {
      for (let number = 0; number < 50; number += 1) {
        broker.publish('a', `${index} ${number}`, { qos: 1 });
        expected.push(`${index} ${number}`);
      }
    }
    const found: string[] = [];
    const loop = async (): Promise<void> => {
      for await (const message of subscription) {
        found.push(message.text());
        if (found.length === expected.length) await subscription.unsubscribe();
      }
    };
    await Promise.all([loop(), loop(), loop()]);
    expect(found.toSorted()).toEqual(expected.toSorted());
  });

  test('members take turns: a busy one does not starve another', async () => {
    const { group, brokers } = await connectedGroup(2);
    const subscription = await group.subscribe('a', { qos: 1 });
    for (let number = 0; number < 100; number += 1) brokers[0]?.broker.publish('a', 'busy', { qos: 1 });
    brokers[1]?.broker.publish('a', 'quiet', { qos: 1 });
    await expect.poll(() => subscription.size).toBe(101);
    const firstThree = [await subscription.receive(), await subscription.receive(), await subscription.receive()];
    expect(firstThree.map((message) => message?.text())).toContain('quiet');
  });

  test('batches take what waits at every member, up to the maximum', async () => {
    const { group, brokers } = await connectedGroup(2);
    const subscription = await group.subscribe('a', { qos: 1 });
    for (const { broker } of brokers) for (const text of ['1', '2']) broker.publish('a', text, { qos: 1 });
    await expect.poll(() => subscription.size).toBe(4);
    const sizes: number[] = [];
    for await (const batch of subscription.batches({ maximum: 3 })) {
      sizes.push(batch.length);
      if (sizes.length === 2) break;
    }
    expect(sizes).toEqual([3, 1]);
    // The second batch was left in hand.
    expect(subscription.size).toBe(1);
  });

  test('a batch that is left goes back in order', async () => {
    const { group, brokers } = await connectedGroup(1);
    const subscription = await group.subscribe('a', { qos: 1 });
    for (const text of ['1', '2', '3', '4']) brokers[0]?.broker.publish('a', text, { qos: 1 });
    await expect.poll(() => subscription.size).toBe(4);
    for await (const batch of subscription.batches({ maximum: 3 })) {
      expect(batch).toHaveLength(3);
      break;
    }
    const found: (string | undefined)[] = [];
    for (let number = 0; number < 4; number += 1) found.push((await subscription.receive())?.text());
    expect(found).toEqual(['1', '2', '3', '4']);
  });

  test('receive() ends with the reason of its signal, and loses no message', async () => {
    const { group, brokers } = await connectedGroup(2);
    const subscription = await group.subscribe('a', { qos: 1 });
    const controller = new AbortController();
    const receiving = subscription.receive({ signal: controller.signal });
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(receiving).rejects.toBe(reason);
    brokers[1]?.broker.publish('a', 'x', { qos: 1 });
    expect((await subscription.receive())?.text()).toBe('x');
  });

  test('tryReceive takes what is there', async () => {
    const { group, brokers } = await connectedGroup(2);
    const subscription = await group.subscribe('a', { qos: 1 });
    expect(subscription.tryReceive()).toBeUndefined();
    brokers[1]?.broker.publish('a', 'x', { qos: 1 });
    await expect.poll(() => subscription.size).toBe(1);
    expect(subscription.tryReceive()).toMatchObject({ member: 'member-2', topic: 'a' });
  });

  test("ends when the last member's has ended (V-124, T-272)", async () => {
    const { group, brokers } = await connectedGroup(2);
    const subscription = await group.subscribe('a', { qos: 1 });
    const ended = receiveAll(subscription);
    await group.members[0]?.client.disconnect();
    brokers[1]?.broker.publish('a', 'still here', { qos: 1 });
    await expect.poll(() => subscription.closed).toBe(false);
    await expect.poll(() => acks(brokers[1]?.seen ?? [])).toBe(1);
    await group.disconnect();
    expect(await ended).toEqual(['still here']);
    expect(subscription.closed).toBe(true);
  });

  test('throws the error of a member that was lost, once nothing more can come', async () => {
    const one = await watchedBroker();
    const two = await watchedBroker();
    const group = makeGroup([{ brokers: one.url, options: { reconnect: false } }, { brokers: two.url }]);
    group.members[0]?.client.on('close', () => undefined);
    await group.connect();
    const subscription = await group.subscribe('a', { qos: 1 });
    one.broker.dropConnections();
    await expect.poll(() => group.members[0]?.client.state).toBe('closed');
    two.broker.publish('a', 'x', { qos: 1 });
    expect((await subscription.receive())?.text()).toBe('x');
    await group.disconnect();
    await expect(subscription.receive()).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect(subscription.error).toMatchObject({ code: 'CONNECTION_LOST' });
  });

  test.each(['auto', 'manual', 'onReceipt'] as const)(
    'a drain does not wait for what is done with (ack: %s)',
    async (ack) => {
      const { group, brokers } = await connectedGroup(2);
      const subscription = await group.subscribe('a', { qos: 1, ack });
      for (const { broker } of brokers) for (const qos of [0, 1] as const) broker.publish('a', 'x', { qos });
      await expect.poll(() => subscription.size).toBe(4);
      for (let number = 0; number < 4; number += 1) (await subscription.receive())?.ack();
      for (const { broker } of brokers) for (const qos of [0, 1] as const) broker.publish('a', 'y', { qos });
      let count = 0;
      for await (const message of subscription) {
        count += 1;
        if (ack === 'manual') message.ack();
        if (count === 4) break;
      }
      const before = performance.now();
      await group.disconnect({ drainTimeoutMs: 5_000 });
      expect(performance.now() - before).toBeLessThan(4_000);
    },
  );
});

async function receiveAll(subscription: Subscription<GroupMessage>): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const message of subscription) found.push(message.text());
  return found;
}
