// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';

import type { Message } from '../api/receive.ts';
import { Bench, texts, turn } from '../../test/subscriptions/bench.ts';

function drained(stream: { tryReceive(): { text(): string } | undefined }): string[] {
  const all: string[] = [];
  for (let message = stream.tryReceive(); message !== undefined; message = stream.tryReceive())
    all.push(message.text());
  return all;
}

test('S-074: "dropNewest" drops the arriving QoS 0 message of a full buffer, counts and reports it', () => {
  const bench = new Bench();
  bench.connect();
  const hook: string[] = [];
  const stream = bench.declare('a', { bufferSize: 2, onDrop: (message) => hook.push(message.text()) });
  for (const payload of ['1', '2', '3', '4']) bench.publish('a', { payload });
  expect([stream.size, stream.dropped]).toEqual([2, 2]);
  expect(hook).toEqual(['3', '4']);
  expect(texts(bench.port.drops)).toEqual(['3', '4']);
  expect(bench.port.counters.messagesDropped).toBe(2);
  expect(drained(stream)).toEqual(['1', '2']);
});

test('S-075 T-110 T-111: "dropOldest" drops the oldest and keeps the newest, in every shape', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a', { bufferSize: 2, overflow: 'dropOldest' });
  for (const payload of ['1', '2', '3', '4']) bench.publish('a', { payload });
  expect(texts(bench.port.drops)).toEqual(['1', '2']);
  expect(drained(stream)).toEqual(['3', '4']);
  // A callback whose handler is busy.
  const handled: string[] = [];
  let release: () => void = () => undefined;
  const busy = new Promise<void>((resolve) => {
    release = resolve;
  });
  const handler = (message: Message): unknown => handled.push(message.text()) === 1 && busy;
  const callback = bench.declareCallback('b', handler, { bufferSize: 2, overflow: 'dropOldest' });
  for (const payload of ['1', '2', '3', '4']) bench.publish('b', { payload });
  release();
  await turn();
  expect(handled).toEqual(['1', '3', '4']);
  expect(callback.dropped).toBe(1);
});

test('T-124: the bound is the client’s, the subscription’s own, or none', () => {
  const bench = new Bench();
  bench.connect();
  const byDefault = bench.declare('a');
  const own = bench.declare('a', { bufferSize: 10 });
  const unbounded = bench.declare('a', { bufferSize: Infinity, bufferBytes: Infinity });
  for (let i = 0; i < 70_000; i++) bench.publish('a');
  expect([byDefault.size, own.size, unbounded.size]).toEqual([65_536, 10, 70_000]);
});

test('V-038 V-048 T-112: "dropOldest" evicts any QoS, reported with a readable message before it is acknowledged', () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a', {
    qos: 1,
    bufferSize: 2,
    overflow: 'dropOldest',
    onDrop: (message) => bench.port.log.push(`onDrop ${message.text()} ${String(message.acknowledged)}`),
  });
  for (const payload of ['1', '2', '3']) bench.publish('a', { qos: 1, payload });
  expect(bench.port.log.slice(1)).toEqual(['onDrop 1 false', 'drop 1', 'ack 1 0']);
  expect(drained(stream)).toEqual(['2', '3']);
});

test('V-047 T-109: QoS 1 and 2 that await their acknowledgement do not count and are not dropped', () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a', { qos: 2, bufferSize: 1 });
  bench.publish('a', { payload: 'zero' });
  for (const payload of ['1', '2', '3']) bench.publish('a', { qos: 1, payload });
  bench.publish('a', { qos: 2, payload: '4' });
  bench.publish('a', { payload: 'one too many' });
  expect(stream.dropped).toBe(1);
  expect(drained(stream)).toEqual(['zero', '1', '2', '3', '4']);
});

test('T-109: under "onReceipt" every QoS counts; what is dropped is reported before it is acknowledged', () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a', { qos: 1, bufferSize: 1, ack: 'onReceipt' });
  bench.publish('a', { qos: 1, payload: '1' });
  bench.publish('a', { qos: 1, payload: '2' });
  expect(bench.port.log.slice(1)).toEqual(['ack 1 0', 'drop 2', 'ack 2 0']);
  expect(drained(stream)).toEqual(['1']);
});

test('bufferBytes bounds the same messages by payload; one message always fits', () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a', { bufferBytes: 10 });
  bench.publish('a', { payload: 'x'.repeat(50) });
  bench.publish('a', { payload: '2' });
  expect([stream.size, stream.dropped]).toEqual([1, 1]);
  drained(stream);
  for (let i = 0; i < 5; i++) bench.publish('a', { payload: 'xxx' });
  expect([stream.size, stream.dropped]).toEqual([3, 3]);
});

test('V-048: unread messages of a lost session count against the bound from then on', () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a', { qos: 1, bufferSize: 2 });
  bench.answer();
  const exchanges = ['1', '2'].map((payload) => bench.publish('a', { qos: 1, payload }));
  bench.drop();
  // The engine gives its inbound state up.
  for (const exchange of exchanges) if (exchange !== undefined) exchange.phase = 'done';
  bench.connect({ fate: 'lost' });
  bench.publish('a', { payload: '3' });
  expect(stream.dropped).toBe(1);
  const message = stream.tryReceive();
  message?.ack();
  expect(message?.text()).toBe('1');
  // V-041: nobody waits for the answer any more.
  expect(bench.port.acks).toEqual([]);
});

test('what a drop hook throws is reported and drops nothing else', () => {
  const bench = new Bench();
  bench.connect();
  bench.declare('a', {
    bufferSize: 1,
    onDrop: () => {
      throw new Error('hook');
    },
  });
  for (const payload of ['1', '2']) bench.publish('a', { payload });
  expect(bench.port.handlerErrors.map(({ error }) => error)).toEqual([new Error('hook')]);
  expect(texts(bench.port.drops)).toEqual(['2']);
});

test('a drop hook that ends the subscription: the arriving message is dropped too', () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a', {
    qos: 1,
    bufferSize: 1,
    overflow: 'dropOldest',
    onDrop: () => void stream.unsubscribe(),
  });
  bench.publish('a', { qos: 1, payload: '1' });
  bench.publish('a', { qos: 1, payload: '2' });
  expect(stream.size).toBe(0);
  expect(bench.port.acks.map(({ packetIdentifier }) => packetIdentifier)).toEqual([1, 2]);
  expect(stream.dropped).toBe(2);
});

test('a consumer that waits is given the message, however small the buffer', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a', { bufferSize: 1 });
  const waiting = [stream.receive(), stream.receive(), stream.receive()];
  for (const payload of ['1', '2', '3']) bench.publish('a', { payload });
  expect((await Promise.all(waiting)).map((message) => message?.text())).toEqual(['1', '2', '3']);
  expect(stream.dropped).toBe(0);
});

// "pause" -------------------------------------------------------------------------------------------------------------------

test('"pause": reading stops when the buffer is full and starts when it is half empty', () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a', { overflow: 'pause', bufferSize: 4 });
  bench.answer();
  for (let i = 0; i < 3; i++) bench.publish('a');
  expect(bench.port.reading).toBe(true);
  bench.publish('a');
  expect(bench.port.reading).toBe(false);
  stream.tryReceive();
  expect(bench.port.reading).toBe(false);
  stream.tryReceive();
  expect(bench.port.reading).toBe(true);
  expect(stream.dropped).toBe(0);
});

test('"pause" by bytes', () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a', { overflow: 'pause', bufferBytes: 10 });
  bench.answer();
  bench.publish('a', { payload: 'x'.repeat(10) });
  expect(bench.port.reading).toBe(false);
  stream.tryReceive();
  expect(bench.port.reading).toBe(true);
});

test('"pause": reading waits for all full buffers of the client', () => {
  const bench = new Bench();
  bench.connect();
  const streams = ['a', 'b'].map((filter) => {
    const stream = bench.declare(filter, { overflow: 'pause', bufferSize: 1 });
    bench.answer();
    bench.publish(filter);
    return stream;
  });
  expect(bench.port.reading).toBe(false);
  streams[0]?.tryReceive();
  expect(bench.port.reading).toBe(false);
  streams[1]?.tryReceive();
  expect(bench.port.reading).toBe(true);
});

test('"pause": reading goes on while the application waits for the broker; beyond twice the bound QoS 0 is dropped', () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a', { qos: 1, overflow: 'pause', bufferSize: 2 });
  bench.answer();
  bench.publish('a', { payload: '1' });
  bench.publish('a', { payload: '2' });
  expect(bench.port.reading).toBe(false);
  bench.registry.brokerWaitBegin();
  bench.registry.brokerWaitBegin();
  expect(bench.port.reading).toBe(true);
  for (const payload of ['3', '4', '5']) bench.publish('a', { payload });
  bench.publish('a', { qos: 1, payload: '6' });
  expect(texts(bench.port.drops)).toEqual(['5']);
  bench.registry.brokerWaitEnd();
  expect(bench.port.reading).toBe(true);
  bench.registry.brokerWaitEnd();
  expect(bench.port.reading).toBe(false);
  expect(drained(stream)).toEqual(['1', '2', '3', '4', '6']);
  expect(bench.port.reading).toBe(true);
});

test('"pause": subscribe and unsubscribe are such waits, until the broker has answered', async () => {
  const bench = new Bench();
  bench.connect();
  const full = bench.declare('a', { overflow: 'pause', bufferSize: 1 });
  bench.answer();
  bench.publish('a');
  expect(bench.port.reading).toBe(false);
  const subscribing = bench.subscribe('b');
  expect(bench.port.reading).toBe(true);
  bench.answer();
  const other = await subscribing;
  expect(bench.port.reading).toBe(false);
  const unsubscribing = other.unsubscribe();
  expect(bench.port.reading).toBe(true);
  bench.answer();
  await unsubscribing;
  expect(bench.port.reading).toBe(false);
  void full.unsubscribe();
  expect(bench.port.reading).toBe(true);
});

test('"pause": a new connection is paused while a buffer is still full, and reads again when it is not', () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a', { overflow: 'pause', bufferSize: 1 });
  bench.answer();
  bench.publish('a');
  bench.drop();
  bench.connect({ fate: 'resumed' });
  expect(bench.port.reading).toBe(false);
  bench.drop();
  stream.tryReceive();
  bench.connect({ fate: 'resumed' });
  expect(bench.port.reading).toBe(true);
});

test('"pause": a buffer that is full of messages that were put back, or of a lost session, stops reading too', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a', { overflow: 'pause', bufferSize: 2 });
  bench.answer();
  const loops = [stream.batches(), stream.batches()].map((batches) => batches[Symbol.asyncIterator]());
  for (const loop of loops) {
    bench.publish('a');
    bench.publish('a');
    await loop.next();
  }
  expect(bench.port.reading).toBe(true);
  for (const loop of loops) await loop.return?.();
  expect([stream.size, bench.port.reading]).toEqual([4, false]);
  while (stream.tryReceive() !== undefined);
  expect(bench.port.reading).toBe(true);

  for (let i = 0; i < 4; i++) bench.publish('a', { qos: 1 });
  expect(bench.port.reading).toBe(true);
  bench.drop();
  bench.connect({ fate: 'lost' });
  expect([stream.size, bench.port.reading]).toEqual([4, false]);
  expect(stream.dropped).toBe(0);
});

test('"pause": what is left of a subscription that the broker has taken away stops no reading', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a', { overflow: 'pause', bufferSize: 2 });
  bench.answer();
  for (const payload of ['1', '2', '3']) bench.publish('a', { payload });
  const loop = stream.batches({ maximum: 2 })[Symbol.asyncIterator]();
  await loop.next();
  for (const payload of ['4', '5']) bench.publish('a', { payload });
  expect(bench.port.reading).toBe(false);
  bench.drop();
  bench.connect({ fate: 'lost' });
  expect(bench.port.reading).toBe(false);
  bench.answer(0x87);
  expect([stream.closed, stream.size, bench.port.reading]).toEqual([true, 3, true]);
  // What its reader puts back neither.
  await loop.return?.();
  expect([stream.size, bench.port.reading]).toEqual([5, true]);
  const rest: (string | undefined)[] = [];
  while (stream.size > 0) rest.push(stream.tryReceive()?.text());
  expect(rest).toEqual(['1', '2', '3', '4', '5']);
});

test('"pause" on a connection that cannot pause is INVALID_OPTION for subscribe and ready(), now or when connected', async () => {
  const bench = new Bench();
  bench.port.canPause = false;
  bench.connect();
  await expect(bench.subscribe('a', { overflow: 'pause' })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  await expect(bench.declare('a', { overflow: 'pause' }).ready()).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  expect(bench.port.requests).toEqual([]);
  expect(bench.registry.subscriptionCount).toBe(0);

  const early = new Bench();
  const declared = early.declare('a', { overflow: 'pause' });
  const ready = declared.ready();
  early.port.canPause = false;
  early.connect();
  await expect(ready).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  expect(declared.closed).toBe(true);
  expect(early.port.requests).toEqual([]);
});
