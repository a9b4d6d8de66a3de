// SPDX-License-Identifier: Apache-2.0
//
// Subscribes that end without an answer: by state, by signal, by drops.

import { expect, test } from 'vitest';

import { mqttError, RejectedByDisconnectError } from '../errors.ts';
import { asked, Bench, turn } from '../../test/subscriptions/bench.ts';

test('subscribe in a state without a connection to come: NOT_CONNECTED, CLOSED; while connecting it waits', async () => {
  const bench = new Bench();
  await expect(bench.subscribe('a')).rejects.toMatchObject({ code: 'NOT_CONNECTED' });
  for (const state of ['closing', 'closed'] as const) {
    bench.port.state = state;
    await expect(bench.subscribe('a')).rejects.toMatchObject({ code: 'CLOSED' });
  }
  bench.port.state = 'connecting';
  const subscribing = bench.subscribe('a');
  await turn();
  expect(bench.port.requests).toEqual([]);
  bench.connect();
  bench.answer();
  await expect(subscribing).resolves.toMatchObject({ closed: false });
});

test('connect() that fails ends the subscribes that wait for it; declared ones stay for the next', async () => {
  const bench = new Bench();
  bench.port.state = 'connecting';
  const subscribing = bench.subscribe('a');
  const declared = bench.declare('b');
  const ready = declared.ready();
  const error = mqttError('DIAL_FAILED', 'nobody there');
  bench.registry.handleConnectFailed(error);
  await expect(subscribing).rejects.toBe(error);
  await expect(ready).rejects.toBe(error);
  bench.connect();
  expect(asked(bench)).toEqual(['subscribe b']);
  bench.answer();
  await declared.ready();
});

test('T-200: disconnect ends a pending subscribe and ready() with CLOSED', async () => {
  const bench = new Bench();
  bench.connect();
  const subscribing = bench.subscribe('a');
  const ready = bench.declare('b').ready();
  bench.settle(mqttError('CLOSED', 'closed'), bench.request(1));
  bench.registry.end(undefined);
  await expect(subscribing).rejects.toMatchObject({ code: 'CLOSED' });
  await expect(ready).rejects.toMatchObject({ code: 'CLOSED' });
});

test('V-056 T-195: an aborted subscribe rejects with the reason and is unsubscribed when it is granted', async () => {
  const bench = new Bench();
  bench.connect();
  const abort = new AbortController();
  const subscribing = bench.subscribe('a', { signal: abort.signal });
  abort.abort(new Error('enough'));
  await expect(subscribing).rejects.toThrow('enough');
  expect(asked(bench)).toEqual(['subscribe a']);
  expect(bench.registry.subscriptionCount).toBe(0);
  bench.answer();
  expect(asked(bench)).toEqual(['subscribe a', 'unsubscribe a']);
});

test('an aborted subscribe whose filter somebody else holds is not unsubscribed', async () => {
  const bench = new Bench();
  bench.connect();
  const abort = new AbortController();
  const subscribing = bench.subscribe('a', { signal: abort.signal });
  abort.abort();
  await expect(subscribing).rejects.toThrow();
  const other = bench.declare('a');
  bench.answer(undefined, bench.request(1));
  bench.answer();
  expect(asked(bench)).toEqual(['subscribe a', 'subscribe a']);
  expect(other.closed).toBe(false);
});

test('granted to an aborted subscribe, and refused to the one who holds it in the first of two packets: given back', async () => {
  const bench = new Bench();
  bench.connect();
  bench.declare('b');
  bench.answer();
  // Two packets, since b has another holder; their outcome is one.
  const holder = bench.declare(['a', 'b', 'c']);
  const [first, second] = [bench.request(1), bench.request()];
  const abort = new AbortController();
  const subscribing = bench.subscribe('a', { signal: abort.signal });
  abort.abort();
  await expect(subscribing).rejects.toThrow();
  bench.answer();
  bench.answer([0x87, 0], first);
  expect(asked(bench)).not.toContain('unsubscribe a');
  bench.answer(undefined, second);
  expect(holder.results.map(({ reasonCode }) => reasonCode)).toEqual([0x87, 0, 0]);
  expect(asked(bench).at(-1)).toBe('unsubscribe a');
});

test('an aborted subscribe that was never sent is taken back', async () => {
  const bench = new Bench();
  bench.connect();
  bench.port.withdrawable = () => true;
  const abort = new AbortController();
  const subscribing = bench.subscribe('a', { signal: abort.signal });
  abort.abort();
  await expect(subscribing).rejects.toThrow();
  expect(bench.port.withdrawn).toHaveLength(1);
  expect(asked(bench)).toEqual(['subscribe a']);
  bench.drop();
  bench.connect({ fate: 'resumed' });
  expect(asked(bench)).toEqual(['subscribe a']);
});

test('T-203: an abandoned SUBSCRIBE is not sent again after a drop, but taken back at the broker', async () => {
  const bench = new Bench();
  bench.connect();
  const abort = new AbortController();
  const subscribing = bench.subscribe('a', { signal: abort.signal });
  abort.abort();
  await expect(subscribing).rejects.toThrow();
  bench.port.withdrawable = () => true;
  bench.drop();
  expect(bench.port.withdrawn).toEqual([bench.request()]);
  bench.connect({ fate: 'resumed' });
  expect(asked(bench)).toEqual(['subscribe a', 'unsubscribe a']);
});

test('V-061 T-202: a SUBSCRIBE that the broker answers with drops is given up with its error', async () => {
  const bench = new Bench();
  bench.connect();
  const subscribing = bench.subscribe(['a', 'b']);
  const error = new RejectedByDisconnectError('poison', 0x82, [{ filter: 'a' }, { filter: 'b' }]);
  bench.settle(error);
  await expect(subscribing).rejects.toBe(error);
  const declared = bench.declare('c');
  bench.settle(error);
  expect(declared.error).toBe(error);
  expect(bench.port.subscribeErrors).toEqual([{ subscription: declared, error }]);
  expect(declared.results).toEqual([{ filter: 'c', reasonCode: 0x82 }]);
  expect(asked(bench)).toEqual(['subscribe a b', 'subscribe c']);
});

test('an aborted ready() ends only the wait', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare('a');
  await expect(subscription.ready({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  bench.answer();
  await subscription.ready();
  expect(subscription.closed).toBe(false);
});
