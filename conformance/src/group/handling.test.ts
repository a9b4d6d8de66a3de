// SPDX-License-Identifier: Apache-2.0
// What takes the messages of a group: handlers, and typed clients.

import { Typed } from '@mqttv5/core';
import type { Codec } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { acks, connectedGroup } from './setup.ts';

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
