// SPDX-License-Identifier: Apache-2.0
//
// unsubscribe(): its answers, sessions that end meanwhile, and what nobody has taken.

import { expect, test } from 'vitest';

import { asked, Bench, turn } from '../../test/subscriptions/bench.ts';

test('unsubscribe resolves with UNSUBACK; 0x11 is as good as 0x00', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare('a');
  bench.answer();
  let done = false;
  const unsubscribing = subscription.unsubscribe().then(() => (done = true));
  await turn();
  expect(done).toBe(false);
  bench.answer(0x11);
  await unsubscribing;
  await subscription.unsubscribe();
  expect(asked(bench)).toEqual(['subscribe a', 'unsubscribe a']);
});

test('V-060 T-199: a refused UNSUBSCRIBE is an UnsubscribeError; the subscription has ended all the same', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare(['a', 'b']);
  bench.answer();
  const unsubscribing = subscription.unsubscribe();
  expect(subscription.closed).toBe(true);
  bench.answer([0, 0x87]);
  await expect(unsubscribing).rejects.toMatchObject({
    code: 'UNSUBSCRIBE_REFUSED',
    results: [
      { filter: 'a', reasonCode: 0 },
      { filter: 'b', reasonCode: 0x87 },
    ],
  });
});

test('unsubscribe without a connection resolves at once and the UNSUBSCRIBE follows when the session is resumed', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare('a');
  bench.answer();
  bench.drop();
  await subscription.unsubscribe();
  expect(subscription.closed).toBe(true);
  bench.declare('b');
  bench.connect({ fate: 'resumed' });
  expect(asked(bench).slice(1)).toEqual(['unsubscribe a', 'subscribe b']);
});

test('V-057 T-194: an UNSUBSCRIBE open when the session is lost is done, and not sent', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare('a');
  bench.answer();
  const unsubscribing = subscription.unsubscribe();
  bench.drop();
  bench.registry.handleRequestSettled(bench.request(), { sessionLost: true });
  bench.connect({ fate: 'lost' });
  await unsubscribing;
  expect(asked(bench)).toHaveLength(2);
});

test('what was owed to a session that is lost is not sent to the next', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare('a');
  bench.answer();
  bench.drop();
  await subscription.unsubscribe();
  bench.connect({ fate: 'lost' });
  expect(asked(bench)).toEqual(['subscribe a']);
});

test('what was never granted nor sent is not unsubscribed', async () => {
  const bench = new Bench();
  const subscription = bench.declare('a');
  await subscription.unsubscribe();
  bench.connect({ fate: 'resumed' });
  expect(asked(bench)).toEqual([]);
});

test('unsubscribe of an unanswered SUBSCRIBE follows it at once, in order; ready() ends with CLOSED', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare('a');
  const ready = subscription.ready();
  void subscription.unsubscribe();
  expect(asked(bench)).toEqual(['subscribe a', 'unsubscribe a']);
  await expect(ready).rejects.toMatchObject({ code: 'CLOSED' });
  bench.answer(undefined, bench.request(1));
  expect(asked(bench)).toHaveLength(2);
});

test('unsubscribe acknowledges what nobody has taken, counts and reports it', () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare('a', { qos: 1 });
  bench.answer();
  bench.publish('a', { qos: 1, payload: '1' });
  bench.publish('a', { payload: '2' });
  void subscription.unsubscribe();
  expect(bench.port.log.slice(1)).toEqual(['unsubscribe a', 'drop 1', 'ack 1 0', 'drop 2']);
  expect([subscription.size, subscription.dropped]).toEqual([0, 2]);
});

test('an aborted unsubscribe ends only the wait', async () => {
  const bench = new Bench();
  bench.connect();
  const subscription = bench.declare('a');
  bench.answer();
  await expect(subscription.unsubscribe({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  expect(subscription.closed).toBe(true);
  expect(asked(bench)).toEqual(['subscribe a', 'unsubscribe a']);
});
