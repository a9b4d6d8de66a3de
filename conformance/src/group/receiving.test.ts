// SPDX-License-Identifier: Apache-2.0
import { getEventListeners } from 'node:events';
import { Typed } from '@mqttv5/core';
import type { Codec, GroupMessage, Subscription } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { connectedGroup, makeGroup, texts, watchedBroker } from './setup.ts';

const REFUSES = { authorize: ({ action }: { action: string }) => (action === 'subscribe' ? 0x87 : true) };
const acks = (seen: readonly string[]): number => seen.filter((each) => each === 'puback').length;

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

describe('subscribing on every member', () => {
  test('sends the same filters to each, and has the answers of each', async () => {
    const { group, brokers } = await connectedGroup(2);
    const subscription = await group.subscribe(['a', { filter: 'b', qos: 2 }], { qos: 1 });
    for (const { seen } of brokers) expect(seen).toContain('subscribe a,b');
    expect(subscription.filters.map(({ filter, qos }) => [filter, qos])).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    expect(subscription.results.map(({ reasonCode }) => reasonCode)).toEqual([1, 2, 1, 2]);
  });

  test('is undone where it succeeded when one member is refused (V-123, T-273, T-274)', async () => {
    const [good, bad] = [await watchedBroker(), await watchedBroker(REFUSES)];
    // `success` is for publish: a subscription needs every member.
    const group = makeGroup([{ brokers: good.url }, { brokers: bad.url }], { success: 'any' });
    await group.connect();
    await expect(group.subscribe('a', { qos: 1 })).rejects.toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
    await expect.poll(() => good.seen).toContain('unsubscribe a');
    expect(good.broker.clients[0]?.filters).toEqual([]);
  });

  test('is undone on every member when its signal ends it (V-123, T-275)', async () => {
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = await watchedBroker({
      intercept: async (direction, packet) => {
        if (direction === 'out' && packet.type === 'suback') await held;
      },
    });
    const quick = await watchedBroker();
    const group = makeGroup([{ brokers: quick.url }, { brokers: slow.url }]);
    await group.connect();
    const controller = new AbortController();
    const subscribing = group.subscribe('a', { qos: 1, signal: controller.signal });
    await expect.poll(() => quick.broker.clients[0]?.filters).toEqual(['a']);
    await expect.poll(() => slow.seen).toContain('subscribe a');
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(subscribing).rejects.toBe(reason);
    release?.();
    await expect.poll(() => [quick, slow].map(({ broker }) => broker.clients[0]?.filters)).toEqual([[], []]);
  });

  test('does not wait for a member that is away once another has refused', async () => {
    const [away, bad] = [await watchedBroker(), await watchedBroker(REFUSES)];
    const group = makeGroup([{ brokers: away.url }, { brokers: bad.url }]);
    await group.connect();
    await away.broker.close();
    await expect.poll(() => group.members[0]?.client.state).toBe('reconnecting');
    await expect(group.subscribe('a')).rejects.toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
  });

  test('nor does a handler', async () => {
    const [away, bad] = [await watchedBroker(), await watchedBroker(REFUSES)];
    const group = makeGroup([{ brokers: away.url }, { brokers: bad.url }]);
    await group.connect();
    await away.broker.close();
    await expect.poll(() => group.members[0]?.client.state).toBe('reconnecting');
    const subscribing = group.subscribeCallback('a', () => undefined);
    await expect(subscribing).rejects.toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
  });

  test('names the member that delivered, in whatever order they answered, and leaves no listener on its signal', async () => {
    const granted = Promise.withResolvers<void>();
    const slow = await watchedBroker({
      intercept: async (direction, packet) => {
        if (direction === 'out' && packet.type === 'suback') await granted.promise;
      },
    });
    const quick = await watchedBroker({
      intercept: (direction, packet) => {
        if (direction === 'out' && packet.type === 'suback') setImmediate(granted.resolve);
      },
    });
    const group = makeGroup([{ brokers: slow.url }, { brokers: quick.url }]);
    const { signal } = new AbortController();
    await group.connect({ signal });
    const subscription = await group.subscribe('a', { qos: 1, signal });
    for (const [name, { broker }] of Object.entries({ slow, quick })) broker.publish('a', name, { qos: 1 });
    expect(await texts(subscription, 2)).toEqual(['member-1: slow', 'member-2: quick']);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('goes one after the other with sequentialLifecycle, and stops at a refusal (S-101)', async () => {
    const [bad, good] = [await watchedBroker(REFUSES), await watchedBroker()];
    const group = makeGroup([{ brokers: bad.url }, { brokers: good.url }], { sequentialLifecycle: true });
    await group.connect();
    await expect(group.subscribe('a')).rejects.toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
    expect(good.seen).not.toContain('subscribe a');
  });

  test('can be declared before connect(); ready() tells when every member has granted it', async () => {
    const [one, two] = [await watchedBroker(), await watchedBroker()];
    const group = makeGroup([{ brokers: one.url }, { brokers: two.url }]);
    const subscription = group.declare('a', { qos: 1 });
    const ready = subscription.ready();
    await group.connect();
    await ready;
    for (const { broker } of [one, two]) broker.publish('a', 'x', { qos: 1 });
    expect(await texts(subscription, 2)).toEqual(['member-1: x', 'member-2: x']);
  });

  test('what was declared stays when connect() fails and undoes a member, also for whoever waits for a message', async () => {
    let open = false;
    const one = await watchedBroker();
    const two = await watchedBroker({ authenticate: () => open });
    const group = makeGroup([{ brokers: one.url }, { brokers: two.url }]);
    const heard: string[] = [];
    const handle = group.declare('a', { qos: 1, handler: ({ member }) => void heard.push(member) });
    const stream = group.declare('b', { qos: 1 });
    const receiving = stream.receive();
    const ended = group.declare('c', { qos: 1 });

    await expect(group.connect()).rejects.toMatchObject({ code: 'CONNECT_REFUSED' });
    await ended.unsubscribe();
    open = true;
    await group.connect();
    await Promise.all([handle.ready(), stream.ready()]);
    one.broker.publish('b', 'x', { qos: 1 });
    expect(await receiving).toMatchObject({ member: 'member-1' });
    for (const { broker } of [one, two]) broker.publish('a', 'x', { qos: 1 });
    await expect.poll(() => heard.toSorted()).toEqual(['member-1', 'member-2']);
    expect(ended.closed).toBe(true);
    expect(stream.results).toHaveLength(2);
  });

  test('unsubscribe ends it on every member, unsubscribeAll ends everything (S-100)', async () => {
    const { group, brokers } = await connectedGroup(2);
    const [a, b, c] = [
      await group.subscribe('a'),
      await group.subscribe('b'),
      await group.subscribeCallback('c', () => undefined),
    ];
    await a.unsubscribe();
    for (const { broker } of brokers) expect(broker.clients[0]?.filters).toEqual(['b', 'c']);
    await group.unsubscribeAll();
    for (const { broker } of brokers) expect(broker.clients[0]?.filters).toEqual([]);
    expect([a, b, c].map(({ closed }) => closed)).toEqual([true, true, true]);
    await group.unsubscribeAll();
  });

  test("survives a member's lost connection", async () => {
    const { group, brokers } = await connectedGroup(2);
    const subscription = await group.subscribe('a', { qos: 1 });
    const back = new Promise((resolve) => {
      group.members[0]?.client.on('connect', resolve);
    });
    brokers[0]?.broker.dropConnections();
    await back;
    for (const { broker } of brokers) broker.publish('a', 'x', { qos: 1 });
    expect(await texts(subscription, 2)).toEqual(['member-1: x', 'member-2: x']);
  });
});

describe('a handler for the group', () => {
  test('gets the messages of every member and acknowledges to it when it is done', async () => {
    const { group, brokers } = await connectedGroup(2);
    const heard: string[] = [];
    await group.subscribeCallback('a', ({ member }) => void heard.push(member), { qos: 1 });
    for (const { broker } of brokers) broker.publish('a', 'x', { qos: 1 });
    await expect.poll(() => brokers.map(({ seen }) => acks(seen))).toEqual([1, 1]);
    expect(heard.toSorted()).toEqual(['member-1', 'member-2']);
  });

  test.each([
    [undefined, 1],
    [2, 2],
    [10, 4],
  ])('concurrency %s counts over all members', async (concurrency, expected) => {
    const { group, brokers } = await connectedGroup(2);
    let running = 0;
    let most = 0;
    let done = 0;
    const handler = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      // As many as can be are running when nothing more comes.
      await Promise.all(group.members.map(({ client }) => client.ping()));
      running -= 1;
      done += 1;
    };
    await group.subscribeCallback('a', handler, { qos: 1, concurrency });
    for (const { broker } of brokers) for (const text of ['1', '2']) broker.publish('a', text, { qos: 1 });
    await expect.poll(() => done).toBe(4);
    expect(most).toBe(expected);
  });

  test('is not called any more for what waited for its turn when the group was unsubscribed', async () => {
    const { group, brokers } = await connectedGroup(2);
    const heard: string[] = [];
    let release: (() => void) | undefined;
    const handle = group.declare('a', {
      qos: 1,
      handler: async ({ member }) => {
        heard.push(member);
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      },
    });
    await handle.ready();
    for (const { broker } of brokers) broker.publish('a', 'x', { qos: 1 });
    await Promise.all(group.members.map(({ client }) => client.ping()));
    await handle.unsubscribe();
    release?.();
    await expect.poll(() => brokers.map(({ seen }) => acks(seen))).toEqual([1, 1]);
    expect(heard).toHaveLength(1);
  });

  test('that throws refuses the message at its member', async () => {
    const { group, brokers } = await connectedGroup(2);
    const errors: unknown[] = [];
    for (const { client } of group.members) client.on('handlerError', ({ error }) => errors.push(error));
    await group.subscribeCallback('a', () => Promise.reject(new Error('no')), { qos: 1 });
    brokers[1]?.broker.publish('a', 'x', { qos: 1 });
    await expect.poll(() => errors).toEqual([new Error('no')]);
    await expect.poll(() => brokers.map(({ seen }) => acks(seen))).toEqual([0, 1]);
  });
});

test.for([undefined, null, 'x'])('a handler must be a function, not %j', async (handler) => {
  const { group, brokers } = await connectedGroup(2);
  await expect(group.subscribeCallback('a', handler as never)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  if (handler !== undefined) {
    expect(() => group.declare('a', { handler: handler as never })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  }
  for (const { client } of group.members) await client.ping();
  expect(brokers.flatMap(({ seen }) => seen).filter((each) => each.startsWith('subscribe'))).toEqual([]);
});

test('Typed works over a group, with the member in every message', async () => {
  const { group, brokers } = await connectedGroup(2);
  const text: Codec<string> = {
    encode: (value) => new TextEncoder().encode(value),
    decode: (payload) => new TextDecoder().decode(payload),
  };
  const typed = new Typed(group, text);
  const subscription = await typed.subscribe('a', { qos: 1 });
  const results = await typed.publish('a', 'value', { qos: 1 });
  expect(results).toHaveLength(2);
  const found: string[] = [];
  for await (const { member, value } of subscription) {
    found.push(`${member} ${value}`);
    if (found.length === brokers.length) break;
  }
  expect(found.toSorted()).toEqual(['member-1 value', 'member-2 value']);
});

async function receiveAll(subscription: Subscription<GroupMessage>): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const message of subscription) found.push(message.text());
  return found;
}
