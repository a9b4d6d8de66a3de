// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';

import type { Message } from '../api/receive.ts';
import { mqttError } from '../errors.ts';
import { Bench, texts, turn } from '../../test/subscriptions/bench.ts';

/** Whether a promise has settled, without waiting for it. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  const mark = (): void => void (done = true);
  promise.then(mark, mark);
  await turn();
  return done;
}

// drain ---------------------------------------------------------------------------------------------------------------------

test('drain: at once when nothing is in hand', async () => {
  const bench = new Bench();
  bench.connect();
  bench.declare('a');
  bench.publish('a');
  await expect(bench.registry.drain()).resolves.toBeUndefined();
});

test('drain: gives nothing more out and waits for the running handler; what waits stays unacknowledged', async () => {
  const bench = new Bench();
  bench.connect();
  let finish: () => void = () => undefined;
  const begun: string[] = [];
  bench.declareCallback(
    'a',
    (message) => {
      begun.push(message.text());
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    },
    { qos: 1 },
  );
  bench.publish('a', { qos: 1, payload: '1' });
  bench.publish('a', { qos: 1, payload: '2' });
  const drained = bench.registry.drain();
  expect(await settled(drained)).toBe(false);
  finish();
  await drained;
  bench.publish('a', { qos: 1, payload: '3' });
  await turn();
  expect(begun).toEqual(['1']);
  expect(bench.port.acks).toEqual([{ packetIdentifier: 1, reasonCode: 0 }]);
  bench.registry.end(undefined);
  expect(bench.port.acks).toHaveLength(1);
});

test('drain: a handler that is free gets nothing that arrives meanwhile; it comes again', async () => {
  const bench = new Bench();
  bench.connect();
  let finish: () => void = () => undefined;
  const busy = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const begun: string[] = [];
  const handler = (message: Message): unknown => begun.push(message.text()) === 1 && busy;
  bench.declareCallback('slow', handler, { qos: 1, concurrency: 2 });
  bench.declareCallback('free', handler, { qos: 1 });
  bench.publish('slow', { qos: 1, payload: '1' });
  const drained = bench.registry.drain();
  bench.publish('free', { qos: 1, payload: '2' });
  bench.publish('slow', { qos: 1, payload: '3' });
  finish();
  await drained;
  await turn();
  expect(begun).toEqual(['1']);
  bench.registry.end(undefined);
  expect(bench.port.acks).toEqual([{ packetIdentifier: 1, reasonCode: 0 }]);
});

test('drain: a handler that fails because the client is closing refuses nothing: its message comes again', async () => {
  const bench = new Bench();
  bench.connect();
  const fail: ((error: Error) => void)[] = [];
  const handler = (): Promise<void> =>
    new Promise((_resolve, reject) => {
      fail.push(reject);
    });
  bench.declareCallback('a', handler, { qos: 1, concurrency: 2 });
  bench.publish('a', { qos: 1, payload: 'its own' });
  bench.publish('a', { qos: 1, payload: 'closing' });
  const drained = bench.registry.drain();
  fail[0]?.(new Error('its own'));
  fail[1]?.(mqttError('CLOSED', 'The client is closed'));
  await drained;
  expect(texts(bench.port.handlerErrors.map(({ message }) => message))).toEqual(['its own', 'closing']);
  expect(bench.port.acks).toEqual([{ packetIdentifier: 1, reasonCode: 0x83 }]);
});

test('drain: waits for the message a loop has in hand, QoS 0 too; the loop then ends with the client', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a');
  bench.publish('a', { payload: '1' });
  bench.publish('a', { payload: '2' });
  const loop = stream[Symbol.asyncIterator]();
  await loop.next();
  const drained = bench.registry.drain();
  expect(await settled(drained)).toBe(false);
  const next = loop.next();
  await drained;
  expect(await settled(next)).toBe(false);
  bench.registry.end(undefined);
  await expect(next).resolves.toMatchObject({ done: true });
});

test('drain: a message acknowledged on receipt is done when its loop asks for the next', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a', { qos: 1, ack: 'onReceipt' });
  bench.publish('a', { qos: 1, payload: '1' });
  const loop = stream[Symbol.asyncIterator]();
  await loop.next();
  const drained = bench.registry.drain();
  expect(await settled(drained)).toBe(false);
  const next = loop.next();
  expect(await settled(drained)).toBe(true);
  bench.registry.end(undefined);
  await next;
});

test('drain: waits for what receive() gave out until it is acknowledged, and for what a manual handler keeps', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a', { qos: 1 });
  const kept: Message[] = [];
  bench.declareCallback('b', (message) => void kept.push(message), { qos: 1, ack: 'manual' });
  bench.publish('a', { qos: 1 });
  bench.publish('b', { qos: 1 });
  const taken = stream.tryReceive();
  const drained = bench.registry.drain();
  taken?.ack();
  expect(await settled(drained)).toBe(false);
  kept[0]?.ack();
  await drained;
});

test('drain: leaving a loop puts its message back, and nobody gets it', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a');
  bench.publish('a', { payload: '1' });
  const loop = stream[Symbol.asyncIterator]();
  await loop.next();
  const waiting = stream.receive();
  const drained = bench.registry.drain();
  await loop.return?.();
  await drained;
  expect(await settled(waiting)).toBe(false);
  expect(stream.size).toBe(1);
  bench.registry.end(undefined);
  await expect(waiting).resolves.toBeUndefined();
});

// end -----------------------------------------------------------------------------------------------------------------------

test('V-065 T-116: after disconnect nothing is left of the old life; the same filter starts clean', () => {
  const bench = new Bench();
  bench.connect();
  const old = bench.declare('a');
  bench.answer();
  bench.registry.end(undefined);
  expect([old.closed, old.error, bench.registry.subscriptionCount]).toEqual([true, undefined, 0]);
  bench.connect();
  bench.publish('a', { payload: 'nobody' });
  expect(texts(bench.port.unmatched)).toEqual(['nobody']);
  const stream = bench.declare('a');
  expect(bench.port.log.filter((entry) => entry === 'subscribe a')).toHaveLength(2);
  bench.publish('a', { payload: '1' });
  expect([old.size, stream.size]).toEqual([0, 1]);
});

test('a client that stops for a reason gives it to every consumer', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a');
  bench.answer();
  const loop = stream[Symbol.asyncIterator]().next();
  const receiving = stream.receive();
  const batch = stream.batches()[Symbol.asyncIterator]().next();
  const error = mqttError('CLOSED', 'taken over');
  bench.registry.end(error);
  await expect(loop).rejects.toBe(error);
  await expect(receiving).rejects.toBe(error);
  await expect(batch).rejects.toBe(error);
  expect(stream.error).toBe(error);
  await stream.unsubscribe();
});

test('what a loop has in hand when the client disconnects is not acknowledged by asking for the next', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a', { qos: 1 });
  bench.publish('a', { qos: 1 });
  const loop = stream[Symbol.asyncIterator]();
  const { value } = await loop.next();
  bench.registry.end(undefined);
  await expect(loop.next()).resolves.toMatchObject({ done: true });
  expect(bench.port.acks).toEqual([]);
  expect(value?.acknowledged).toBe(false);
});

test('an UNSUBSCRIBE that disconnect cut off is sent when the session is resumed', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a');
  bench.answer();
  const unsubscribing = stream.unsubscribe();
  const open = bench.request();
  bench.registry.end(undefined);
  bench.settle(mqttError('CLOSED', 'closed'), open);
  await expect(unsubscribing).rejects.toMatchObject({ code: 'CLOSED' });
  bench.connect({ fate: 'resumed' });
  expect(bench.port.log.filter((entry) => entry === 'unsubscribe a')).toHaveLength(2);
});

test('nothing is left behind: no timer, also after stalls and held messages', () => {
  const bench = new Bench({ receiveMaximum: 1 });
  bench.connect({ fate: 'resumed', resumedForeign: true });
  bench.declare('a', { qos: 1, ack: 'manual' });
  bench.publish('a', { qos: 1 });
  bench.publish('x', { qos: 1 });
  expect(bench.port.clock.pending).toBeGreaterThan(0);
  bench.registry.end(undefined);
  expect(bench.port.clock.pending).toBe(0);
});

test('wrong options reject, begin nothing, and leave no promise behind that nobody hears', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a');
  for (const options of [{ timeoutMs: 5 } as object, { signal: 5 as unknown as AbortSignal }]) {
    await expect(stream.ready(options)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(stream.unsubscribe(options)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  }
  expect(stream.closed).toBe(false);
  // A wait for the grant that nobody has would reject unheard, which fails the test.
  bench.registry.end(undefined);
});

// dispose -------------------------------------------------------------------------------------------------------------------

test('S-078: dispose unsubscribes', async () => {
  const bench = new Bench();
  bench.connect();
  const stream = bench.declare('a');
  bench.answer();
  const disposing = stream[Symbol.asyncDispose]();
  expect(stream.closed).toBe(true);
  bench.answer();
  await disposing;
});

test('dispose never waits for a connection: neither without one nor for one that is lost meanwhile', async () => {
  const bench = new Bench();
  bench.connect();
  const [one, two] = [bench.declare('a'), bench.declare('b')];
  bench.answer(undefined, bench.request(1));
  bench.answer();
  const disposing = one[Symbol.asyncDispose]();
  bench.drop();
  await disposing;
  await two[Symbol.asyncDispose]();
  expect([one.closed, two.closed]).toEqual([true, true]);
});

test('dispose before any connect', async () => {
  await new Bench().declare('a')[Symbol.asyncDispose]();
  await expect(new Bench().declare('a').unsubscribe()).resolves.toBeUndefined();
});
