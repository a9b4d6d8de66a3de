// SPDX-License-Identifier: Apache-2.0
// Subscribing on every member of a group: refused, aborted, declared, and ended.

import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { connectedGroup, makeGroup, texts, watchedBroker } from './setup.ts';

const REFUSES = { authorize: ({ action }: { action: string }) => (action === 'subscribe' ? 0x87 : true) };

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
