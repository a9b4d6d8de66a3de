// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';

import type { Message, Subscription } from '../api/receive.ts';
import { Bench, texts, turn } from '../../test/subscriptions/bench.ts';

async function granted(
  bench: Bench,
  filter: string,
  options?: Parameters<Bench['subscribe']>[1],
): Promise<Subscription> {
  const subscribing = bench.subscribe(filter, options);
  bench.answer();
  return subscribing;
}

test('S-068 T-205: a subscribed stream gets the messages of its filter, in order', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a/+');
  bench.publish('a/1', { payload: '1' });
  bench.publish('b/1', { payload: 'other' });
  bench.publish('a/2', { payload: '2' });
  expect(stream.size).toBe(2);
  expect((await stream.receive())?.text()).toBe('1');
  expect(stream.tryReceive()?.text()).toBe('2');
  expect(stream.tryReceive()).toBeUndefined();
  expect(bench.port.unmatched.map(({ topic }) => topic)).toEqual(['b/1']);
});

test('pain 20: for await acknowledges a message when the loop asks for the next one, not before', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a', { qos: 1 });
  bench.publish('a', { qos: 1, payload: '1' });
  bench.publish('a', { qos: 2, payload: '2' });
  const acksAt: number[] = [];
  for await (const message of stream) {
    await turn();
    acksAt.push(bench.port.acks.length);
    if (message.text() === '2') void stream.unsubscribe();
  }
  expect(acksAt).toEqual([0, 1]);
  expect(bench.port.acks).toEqual([
    { packetIdentifier: 1, reasonCode: 0 },
    { packetIdentifier: 2, reasonCode: 0 },
  ]);
});

test('a loop that waits gets what arrives later, and ends normally after unsubscribe (S-078 T-206)', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a');
  const got: string[] = [];
  const loop = (async () => {
    for await (const message of stream) got.push(message.text());
  })();
  await turn();
  bench.publish('a', { payload: '1' });
  bench.publish('a', { payload: '2' });
  await turn();
  expect(got).toEqual(['1', '2']);
  const unsubscribing = stream.unsubscribe();
  await loop;
  expect(bench.request().type).toBe('unsubscribe');
  bench.answer();
  await unsubscribing;
  expect(stream.closed).toBe(true);
  expect(stream.error).toBeUndefined();
  await expect(stream.receive()).resolves.toBeUndefined();
});

test('leaving a loop puts its message back at the front, unacknowledged; the next consumer gets it', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a', { qos: 1 });
  for (const payload of ['1', '2', '3']) bench.publish('a', { qos: 1, payload });
  for await (const message of stream) {
    if (message.text() === '2') break;
  }
  expect(bench.port.acks).toEqual([{ packetIdentifier: 1, reasonCode: 0 }]);
  expect(stream.size).toBe(2);
  const rest: string[] = [];
  for await (const message of stream) {
    rest.push(message.text());
    if (rest.length === 2) break;
  }
  expect(rest).toEqual(['2', '3']);
});

test('a loop that throws puts its message back as well', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a', { qos: 1 });
  bench.publish('a', { qos: 1, payload: '1' });
  const loop = async (): Promise<void> => {
    for await (const message of stream) throw new Error(message.text());
  };
  await expect(loop()).rejects.toThrow('1');
  expect(bench.port.acks).toEqual([]);
  expect(stream.tryReceive()?.text()).toBe('1');
});

test('what was acknowledged is not put back', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a', { qos: 1 });
  bench.publish('a', { qos: 1, payload: '1' });
  for await (const message of stream) {
    message.ack(0x97);
    break;
  }
  expect(stream.size).toBe(0);
  expect(bench.port.acks).toEqual([{ packetIdentifier: 1, reasonCode: 0x97 }]);
});

test('N-07: loops over one stream compete, each with its own message in hand; put back in the old order whoever leaves first', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a', { qos: 1 });
  for (const payload of ['1', '2', '3', '4']) bench.publish('a', { qos: 1, payload });
  const loops = [1, 2, 3].map(() => stream[Symbol.asyncIterator]());
  const first = await Promise.all(loops.map((loop) => loop.next()));
  expect(first.map(({ value }) => value?.text())).toEqual(['1', '2', '3']);
  // The middle one goes on, the others leave in the "wrong" order.
  await loops[0]?.return?.();
  await loops[2]?.return?.();
  expect((await loops[1]?.next())?.value?.text()).toBe('1');
  expect(bench.port.acks).toEqual([{ packetIdentifier: 2, reasonCode: 0 }]);
  expect([stream.tryReceive()?.text(), stream.tryReceive()?.text()]).toEqual(['3', '4']);
});

test('a message that is put back goes to a consumer that already waits', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a');
  bench.publish('a', { payload: '1' });
  const loop = stream[Symbol.asyncIterator]();
  await loop.next();
  const next = stream.receive();
  await loop.return?.();
  expect((await next)?.text()).toBe('1');
});

test('batches() gives what waits, up to the maximum; asking for the next acknowledges the whole batch', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a', { qos: 1 });
  for (let i = 1; i <= 5; i++) bench.publish('a', { qos: 1, payload: String(i) });
  const seen: string[][] = [];
  for await (const batch of stream.batches({ maximum: 3 })) {
    seen.push(texts(batch));
    expect(bench.port.acks.length).toBe(seen.length === 1 ? 0 : 3);
    if (seen.length === 2) break;
  }
  expect(seen).toEqual([
    ['1', '2', '3'],
    ['4', '5'],
  ]);
  // The second batch was left: it is back, in order.
  expect(stream.size).toBe(2);
  expect(stream.tryReceive()?.text()).toBe('4');
});

test('a batch that is put back goes, oldest first, to consumers that already wait', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a');
  for (let i = 1; i <= 3; i++) bench.publish('a', { payload: String(i) });
  const loop = stream.batches()[Symbol.asyncIterator]();
  await loop.next();
  const waiting = [stream.receive(), stream.receive()];
  await loop.return?.();
  expect((await Promise.all(waiting)).map((message) => message?.text())).toEqual(['1', '2']);
  expect(stream.tryReceive()?.text()).toBe('3');
});

test('what a loop has in hand when the subscription is unsubscribed and the loop left is acknowledged and dropped', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a', { qos: 1 });
  bench.publish('a', { qos: 1, payload: '1' });
  for await (const message of stream) {
    void stream.unsubscribe();
    expect(bench.port.acks).toEqual([]);
    expect(message.acknowledged).toBe(false);
    break;
  }
  expect(bench.port.acks).toEqual([{ packetIdentifier: 1, reasonCode: 0 }]);
  expect([stream.size, stream.dropped]).toEqual([0, 1]);
});

test('a batch loop that waits takes all that one read brings', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a');
  const next = stream.batches()[Symbol.asyncIterator]().next();
  await turn();
  for (let i = 1; i <= 4; i++) bench.publish('a', { payload: String(i) });
  const { value } = await next;
  expect(texts(value as readonly Message[])).toEqual(['1', '2', '3', '4']);
});

test('S-069 T-207 receive: a message is its taker’s; nothing acknowledges it but ack()', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a', { qos: 2 });
  bench.publish('a', { qos: 2, payload: '1' });
  bench.publish('a', { qos: 2, payload: '2' });
  const first = await stream.receive();
  await stream.receive();
  expect(bench.port.acks).toEqual([]);
  first?.ack();
  first?.ack(0x80);
  expect(bench.port.acks).toEqual([{ packetIdentifier: 1, reasonCode: 0 }]);
});

test('next() called again before its message came: each call gets its own, and none is left waiting at the end', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a', { qos: 1 });
  const loop = stream[Symbol.asyncIterator]();
  const calls = [loop.next(), loop.next(), loop.next(), loop.next()];
  for (const payload of ['1', '2', '3']) bench.publish('a', { qos: 1, payload });
  const given = await Promise.all(calls.slice(0, 3));
  expect(given.map(({ value }) => value?.text())).toEqual(['1', '2', '3']);
  // The one in hand is the newest; those before it were asked behind.
  expect(bench.port.acks.map(({ packetIdentifier }) => packetIdentifier)).toEqual([1, 2]);
  void stream.unsubscribe();
  expect(await calls[3]).toEqual({ value: undefined, done: true });
});

test.each(['messages', 'batches'] as const)(
  'a loop over %s that is left while it waits: the wait ends, and the next message goes to somebody else',
  async (shape) => {
    const bench = new Bench();
    bench.connect();
    const stream = await granted(bench, 'a', { qos: 1 });
    const loop = (shape === 'messages' ? stream : stream.batches())[Symbol.asyncIterator]();
    const waiting = loop.next();
    await turn();
    await loop.return?.();
    expect(await waiting).toEqual({ value: undefined, done: true });
    bench.publish('a', { qos: 1, payload: '1' });
    expect(await loop.next()).toEqual({ value: undefined, done: true });
    expect(stream.tryReceive()?.text()).toBe('1');
    expect(bench.port.acks).toEqual([]);
  },
);

test('an aborted receive rejects with the reason and loses no message', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a');
  const abort = new AbortController();
  const waiting = stream.receive({ signal: abort.signal });
  abort.abort(new Error('enough'));
  bench.publish('a', { payload: '1' });
  await expect(waiting).rejects.toThrow('enough');
  expect(stream.tryReceive()?.text()).toBe('1');
  await expect(stream.receive({ signal: abort.signal })).rejects.toThrow('enough');
});

test('ack "manual": neither the next message nor leaving the loop acknowledges, and nothing is put back', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a', { qos: 1, ack: 'manual' });
  bench.publish('a', { qos: 1, payload: '1' });
  bench.publish('a', { qos: 1, payload: '2' });
  const taken: Message[] = [];
  for await (const message of stream) {
    taken.push(message);
    if (taken.length === 2) break;
  }
  expect(bench.port.acks).toEqual([]);
  expect(stream.size).toBe(0);
  taken[1]?.ack();
  expect(bench.port.acks).toEqual([{ packetIdentifier: 2, reasonCode: 0 }]);
});

test('S-077 T-122: ack "onReceipt" acknowledges before the application has the message', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a', { qos: 1, ack: 'onReceipt' });
  bench.publish('a', { qos: 1, payload: '1' });
  expect(bench.port.acks).toEqual([{ packetIdentifier: 1, reasonCode: 0 }]);
  const message = await stream.receive();
  expect(message?.acknowledged).toBe(true);
  message?.ack(0x83);
  expect(bench.port.acks).toHaveLength(1);
});

test('a stream that ended with an error throws it in the loop and in receive, after what had arrived', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a');
  bench.publish('a', { payload: '1' });
  bench.drop();
  bench.connect({ fate: 'lost' });
  bench.answer(0x87);
  expect(stream.closed).toBe(true);
  expect((await stream.receive())?.text()).toBe('1');
  await expect(stream.receive()).rejects.toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
  await expect(stream[Symbol.asyncIterator]().next()).rejects.toBe(stream.error);
  expect(() => stream.tryReceive()).toThrow(stream.error);
});

test('disconnect ends a stream at once: what is buffered or in hand stays unacknowledged, QoS 0 is reported', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = await granted(bench, 'a', { qos: 1 });
  bench.publish('a', { qos: 1, payload: '1' });
  bench.publish('a', { qos: 1, payload: '2' });
  bench.publish('a', { payload: 'zero' });
  const loop = stream[Symbol.asyncIterator]();
  await loop.next();
  bench.registry.end(undefined);
  await expect(loop.next()).resolves.toEqual({ value: undefined, done: true });
  expect(bench.port.acks).toEqual([]);
  expect(texts(bench.port.drops)).toEqual(['zero']);
  expect(stream.error).toBeUndefined();
});
