// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';

import type { Message } from '../api/receive.ts';
import { Bench, texts, turn } from '../../test/subscriptions/bench.ts';

/** A promise per message that the test resolves. */
function gate(): {
  handler: (message: Message) => Promise<void>;
  open: (text: string, error?: Error) => Promise<void>;
  begun: string[];
} {
  const waiting = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();
  const begun: string[] = [];
  return {
    begun,
    handler: (message) => {
      begun.push(message.text());
      return new Promise((resolve, reject) => {
        waiting.set(message.text(), { resolve, reject });
      });
    },
    open: async (text, error) => {
      if (error === undefined) waiting.get(text)?.resolve();
      else waiting.get(text)?.reject(error);
      await turn();
    },
  };
}

test('S-070: a handler that returns no promise runs, and is acknowledged, inside the read', () => {
  const bench = new Bench();
  bench.connect();
  bench.declareCallback('a', (message) => void bench.port.log.push(`handled ${message.text()}`), { qos: 1 });
  bench.publish('a', { qos: 1, payload: '1' });
  bench.publish('a', { qos: 1, payload: '2' });
  expect(bench.port.log).toEqual(['subscribe a', 'handled 1', 'ack 1 0', 'handled 2', 'ack 2 0']);
});

test('an asynchronous handler gets one message at a time, in order, each acknowledged when its promise resolves', async () => {
  const bench = new Bench();
  bench.connect();
  const { handler, open, begun } = gate();
  const subscription = bench.declareCallback('a', handler, { qos: 1 });
  for (const payload of ['1', '2', '3']) bench.publish('a', { qos: 1, payload });
  expect(begun).toEqual(['1']);
  expect(subscription.size).toBe(2);
  await open('1');
  expect(begun).toEqual(['1', '2']);
  expect(bench.port.acks).toEqual([{ packetIdentifier: 1, reasonCode: 0 }]);
  await open('2');
  await open('3');
  expect(bench.port.acks.map(({ packetIdentifier }) => packetIdentifier)).toEqual([1, 2, 3]);
});

test('concurrency: that many handlers run at once, begun in order', async () => {
  const bench = new Bench();
  bench.connect();
  const { handler, open, begun } = gate();
  bench.declareCallback('a', handler, { qos: 1, concurrency: 2 });
  for (const payload of ['1', '2', '3', '4']) bench.publish('a', { qos: 1, payload });
  expect(begun).toEqual(['1', '2']);
  await open('2');
  expect(begun).toEqual(['1', '2', '3']);
  await open('3');
  await open('4');
  await open('1');
  // The engine brings them into order (§4.6); here they are as given.
  expect(bench.port.acks.map(({ packetIdentifier }) => packetIdentifier)).toEqual([2, 3, 4, 1]);
});

test('messages that waited for an asynchronous handler are worked off without recursion, however many', async () => {
  const bench = new Bench();
  bench.connect();
  let handled = 0;
  const { handler, open } = gate();
  bench.declareCallback('a', (message) => {
    handled++;
    return handled === 1 ? handler(message) : undefined;
  });
  for (let i = 0; i < 50_000; i++) bench.publish('a');
  expect(handled).toBe(1);
  await open('');
  expect(handled).toBe(50_000);
});

for (const [how, throwing] of [
  [
    'throws',
    () => {
      throw new Error('no');
    },
  ],
  ['rejects', () => Promise.reject(new Error('no'))],
] as const) {
  test(`a handler that ${how} refuses with 0x83 and raises handlerError first; the next message is handled`, async () => {
    const bench = new Bench();
    bench.connect();
    let calls = 0;
    bench.declareCallback('a', () => (++calls === 1 ? throwing() : undefined), { qos: 1 });
    bench.publish('a', { qos: 1, payload: '1' });
    bench.publish('a', { qos: 1, payload: '2' });
    await turn();
    expect(bench.port.log.slice(1)).toEqual(['handlerError 1', 'ack 1 131', 'ack 2 0']);
    expect(bench.port.handlerErrors[0]?.error).toEqual(new Error('no'));
    expect(calls).toBe(2);
  });

  test(`onHandlerError "hold": a handler that ${how} leaves the message to whoever hears handlerError`, async () => {
    const bench = new Bench();
    bench.connect();
    bench.declareCallback('a', throwing, { qos: 1, onHandlerError: 'hold' });
    bench.publish('a', { qos: 1, payload: '1' });
    await turn();
    expect(bench.port.acks).toEqual([]);
    bench.port.handlerErrors[0]?.message.ack();
    expect(bench.port.acks).toEqual([{ packetIdentifier: 1, reasonCode: 0 }]);
    await bench.registry.drain();
  });
}

test('a handler that has answered and then throws does not answer twice', () => {
  const bench = new Bench();
  bench.connect();
  bench.declareCallback(
    'a',
    (message) => {
      message.ack(0x97);
      throw new Error('late');
    },
    { qos: 2 },
  );
  bench.publish('a', { qos: 2, payload: '1' });
  expect(bench.port.acks).toEqual([{ packetIdentifier: 1, reasonCode: 0x97 }]);
  expect(bench.port.handlerErrors).toHaveLength(1);
});

test('a returned thenable is awaited, any other value is not', async () => {
  const bench = new Bench();
  bench.connect();
  let resolve: (value: unknown) => void = () => undefined;
  // oxlint-disable-next-line unicorn/no-thenable -- what an old promise library returns
  const thenable = { then: (onFulfilled: (value: unknown) => void) => void (resolve = onFulfilled) };
  bench.declareCallback('a', (message) => (message.text() === '1' ? thenable : 42), { qos: 1 });
  bench.publish('a', { qos: 1, payload: '1' });
  await turn();
  expect(bench.port.acks).toEqual([]);
  resolve(undefined);
  await turn();
  bench.publish('a', { qos: 1, payload: '2' });
  expect(bench.port.acks.map(({ packetIdentifier }) => packetIdentifier)).toEqual([1, 2]);
});

test('ack "manual": the end of the handler answers nothing', async () => {
  const bench = new Bench();
  bench.connect();
  const kept: Message[] = [];
  bench.declareCallback('a', (message) => void kept.push(message), { qos: 1, ack: 'manual' });
  bench.publish('a', { qos: 1, payload: '1' });
  await turn();
  expect(bench.port.acks).toEqual([]);
  kept[0]?.ack(0x87);
  expect(bench.port.acks).toEqual([{ packetIdentifier: 1, reasonCode: 0x87 }]);
});

test('ack "onReceipt": acknowledged before the handler runs, and a throw refuses nothing', () => {
  const bench = new Bench();
  bench.connect();
  bench.declareCallback(
    'a',
    (message) => {
      bench.port.log.push(`handled ${message.text()}`);
      throw new Error('no');
    },
    { qos: 1, ack: 'onReceipt' },
  );
  bench.publish('a', { qos: 1, payload: '1' });
  expect(bench.port.log.slice(1)).toEqual(['ack 1 0', 'handled 1', 'handlerError 1']);
});

test('pain 23: a handler may subscribe, unsubscribe and cause deliveries; they do not run inside it', () => {
  const bench = new Bench();
  bench.connect();
  const order: string[] = [];
  bench.declareCallback('a', (message) => {
    order.push(`begin ${message.text()}`);
    if (message.text() === '1') bench.publish('a', { payload: '2' });
    order.push(`end ${message.text()}`);
  });
  bench.publish('a', { payload: '1' });
  expect(order).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2']);
});

test('V-069 T-117 T-118 T-119: a handler that ends another subscription of the same message: that copy is acknowledged, not delivered', () => {
  const bench = new Bench();
  bench.connect();
  const victim = { handle: undefined as { unsubscribe(): Promise<void> } | undefined };
  bench.declareCallback('a/#', () => void victim.handle?.unsubscribe(), { qos: 1 });
  const got: Message[] = [];
  const second = bench.declareCallback('a/+', (message) => void got.push(message), { qos: 1 });
  victim.handle = second;
  bench.publish('a/1', { qos: 1, payload: '1' });
  expect(got).toEqual([]);
  expect(second.dropped).toBe(1);
  expect(texts(bench.port.drops)).toEqual(['1']);
  expect(bench.port.acks).toEqual([{ packetIdentifier: 1, reasonCode: 0 }]);
});

test('unsubscribe while a handler runs: what waits is acknowledged and dropped, what runs is acknowledged when it ends', async () => {
  const bench = new Bench();
  bench.connect();
  const { handler, open, begun } = gate();
  const subscription = bench.declareCallback('a', handler, { qos: 1 });
  bench.answer();
  bench.publish('a', { qos: 1, payload: '1' });
  bench.publish('a', { qos: 1, payload: '2' });
  void subscription.unsubscribe();
  expect(bench.port.acks).toEqual([{ packetIdentifier: 2, reasonCode: 0 }]);
  await open('1');
  expect(begun).toEqual(['1']);
  expect(bench.port.acks).toEqual([
    { packetIdentifier: 2, reasonCode: 0 },
    { packetIdentifier: 1, reasonCode: 0 },
  ]);
});
