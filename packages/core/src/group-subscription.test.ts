// SPDX-License-Identifier: Apache-2.0
//
// What cannot be timed over sockets: messages of several members in one turn, and what a consumer that goes away leaves behind.

import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { Bench, turn } from '../test/subscriptions/bench.ts';
import type { SubscribeOptions } from './api/receive.ts';
import { Client } from './client.ts';
import { GroupSubscription } from './group-subscription.ts';
import { settled } from './virtual-clock.ts';

/** Two members with a stream each, subscribed, and the two as one. */
async function merged(options: SubscribeOptions = { qos: 1 }) {
  const benches = [new Bench(), new Bench()] as const;
  const parts = await Promise.all(
    benches.map(async (bench, index) => {
      bench.connect();
      const subscribing = bench.subscribe('a', options);
      bench.answer();
      return { member: `member-${index + 1}`, handle: await subscribing };
    }),
  );
  return { benches, subscription: new GroupSubscription(parts, options.ack ?? 'auto') };
}

type Benches = Awaited<ReturnType<typeof merged>>['benches'];

const acks = (benches: Benches): number[] => benches.map(({ port }) => port.acks.length);

test('messages of two members in one turn: whoever waits gets one of them, the next one the other, each once', async () => {
  const { benches, subscription } = await merged();
  const waiting = subscription.receive();
  await turn();
  for (const bench of benches) bench.publish('a', { qos: 1, payload: 'x' });
  const first = await waiting;
  await turn();
  expect(subscription.size).toBe(1);
  const second = await subscription.receive();
  expect(new Set([first?.member, second?.member])).toEqual(new Set(['member-1', 'member-2']));
  expect([subscription.size, acks(benches)]).toEqual([0, [0, 0]]);
  first?.ack();
  second?.ack();
  expect(acks(benches)).toEqual([1, 1]);
});

test('a receive() that is over, or was aborted, leaves no listener on its signal and takes no message', async () => {
  const { benches, subscription } = await merged();
  const abort = new AbortController();
  const { signal } = abort;
  const receiving = subscription.receive({ signal });
  await turn();
  benches[1].publish('a', { qos: 1, payload: '1' });
  expect((await receiving)?.text()).toBe('1');
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);

  const aborted = subscription.receive({ signal });
  await turn();
  abort.abort('enough');
  await expect(aborted).rejects.toBe('enough');
  await expect(subscription.receive({ signal })).rejects.toBe('enough');
  for (const bench of benches) bench.publish('a', { qos: 1, payload: '2' });
  await turn();
  expect(subscription.size).toBe(2);
  expect(subscription.tryReceive()?.text()).toBe('2');
});

test.each(['messages', 'batches'] as const)(
  'a loop over %s that is left while it waits: the wait ends, and the next message goes to somebody else',
  async (shape) => {
    const { benches, subscription } = await merged();
    const loop = (shape === 'messages' ? subscription : subscription.batches())[Symbol.asyncIterator]();
    const waiting = loop.next();
    await turn();
    await loop.return?.();
    expect(await waiting).toEqual({ value: undefined, done: true });
    benches[0].publish('a', { qos: 1, payload: '1' });
    expect(await loop.next()).toEqual({ value: undefined, done: true });
    expect(subscription.tryReceive()?.text()).toBe('1');
    expect(acks(benches)).toEqual([0, 0]);
  },
);

test('a member that drains gives nothing out, and holds up no other', async () => {
  const { benches, subscription } = await merged();
  benches[0].publish('a', { qos: 1, payload: 'stays' });
  // Something in hand: the drain goes on.
  const hand = benches[0].declare('b', { qos: 1 });
  benches[0].publish('b', { qos: 1 });
  await hand[Symbol.asyncIterator]().next();
  void benches[0].registry.drain();
  const receiving = subscription.receive();
  await turn();
  benches[1].publish('a', { qos: 1, payload: 'comes' });
  expect((await receiving)?.text()).toBe('comes');
  benches[1].publish('a', { qos: 1, payload: 'too' });
  expect((await subscription.receive())?.text()).toBe('too');
  expect(subscription.size).toBe(1);
});

test('ack "manual": neither the next message nor leaving the loop acknowledges', async () => {
  const { benches, subscription } = await merged({ qos: 1, ack: 'manual' });
  for (const bench of benches) bench.publish('a', { qos: 1, payload: 'x' });
  for await (const message of subscription) {
    if (message.member === 'member-2') break;
  }
  await turn();
  expect(acks(benches)).toEqual([0, 0]);
});

test('the error of a member comes when nothing can come from another any more, not before', async () => {
  const { benches, subscription } = await merged();
  benches[1].publish('a', { qos: 1, payload: 'unread' });
  for (const bench of benches) {
    bench.drop();
    bench.connect({ fate: 'lost' });
    bench.answer(0x87);
  }
  expect(subscription.closed).toBe(true);
  expect(subscription.tryReceive()?.text()).toBe('unread');
  expect(() => subscription.tryReceive()).toThrow(expect.objectContaining({ code: 'SUBSCRIBE_REFUSED' }));
  await expect(subscription.receive()).rejects.toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
});

test('a share that is declared anew: who waits hears of the new one, the others lose nothing, and drops count on', async () => {
  const benches = [new Bench(), new Bench()] as const;
  const parts = benches.map((bench, index) => {
    const again = () => bench.declare('a', { qos: 1, bufferSize: 1 });
    return { member: `member-${index + 1}`, handle: again(), again };
  });
  const subscription = new GroupSubscription(parts, 'auto');
  for (const bench of benches) bench.connect();
  const taking = subscription.receive();
  await turn();
  benches[1].publish('a', { qos: 1, payload: 'taken' });
  expect((await taking)?.text()).toBe('taken');
  for (const payload of ['buffered', 'dropped']) benches[0].publish('a', { payload });
  expect((await subscription.receive())?.text()).toBe('buffered');
  const receiving = [subscription.receive(), subscription.receive()];
  await turn();
  const again = subscription.outlives('member-1');
  benches[0].registry.end(undefined);
  again();
  await turn();
  expect([subscription.closed, subscription.dropped]).toEqual([false, 1]);
  benches[1].publish('a', { payload: 'of the other' });
  benches[0].connect();
  benches[0].publish('a', { payload: 'of the new one' });
  const given = await Promise.all(receiving);
  expect(new Set(given.map((message) => message?.text()))).toEqual(new Set(['of the other', 'of the new one']));

  // Ended by the application in between, it stays ended.
  const tooLate = subscription.outlives('member-1');
  benches[0].registry.end(undefined);
  void subscription.unsubscribe();
  tooLate();
  expect([subscription.closed, benches[0].registry.subscriptionCount]).toEqual([true, 0]);
  expect(subscription.tryReceive()).toBeUndefined();
});

/** The stream of a group of one, whose member can be declared again. */
function redeclarable(): GroupSubscription {
  const client = new Client({ brokers: 'mqtt://127.0.0.1' });
  const declare = () => client.declare('a');
  return new GroupSubscription([{ member: 'member-1', handle: declare(), again: declare }], 'auto');
}

test('a receive() that is aborted in the turn in which its member is declared again ends with the reason', async () => {
  const stream = redeclarable();
  const controller = new AbortController();
  const outcomes: unknown[] = [];
  stream.receive({ signal: controller.signal }).catch((reason: unknown) => outcomes.push(reason));
  stream.outlives('member-1')();
  controller.abort('enough');
  await settled();
  expect(outcomes).toEqual(['enough']);
});

test('a loop that is left in the turn in which its member is declared again ends', async () => {
  const stream = redeclarable();
  const loop = stream[Symbol.asyncIterator]();
  const outcomes: unknown[] = [];
  void loop.next().then((outcome) => outcomes.push(outcome));
  stream.outlives('member-1')();
  await loop.return?.();
  await settled();
  expect(outcomes).toEqual([{ value: undefined, done: true }]);
});
