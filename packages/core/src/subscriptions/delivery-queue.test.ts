// SPDX-License-Identifier: Apache-2.0

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { Bench } from '../../test/subscriptions/bench.ts';
import { DeliveryQueue } from './delivery-queue.ts';
import { type MessageOwner, ReceivedMessage } from './message.ts';

const nobody: MessageOwner = { subscription: undefined, answered: () => undefined };

function message(order: number, bytes: number): ReceivedMessage {
  const { packet } = new Bench().packet('a', { payload: new Uint8Array(bytes) });
  const made = new ReceivedMessage(packet, 'a', nobody, undefined);
  made.order = order;
  return made;
}

test('a ring that grows, wraps and is put back to gives the order of arrival and the counts of an array', () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('push' as const), bounded: fc.boolean(), bytes: fc.nat({ max: 9 }) }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('shift' as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('putBack' as const), bounded: fc.boolean(), which: fc.nat({ max: 5 }) }),
    },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new DeliveryQueue();
      let model: { message: ReceivedMessage; bounded: boolean }[] = [];
      const taken: ReceivedMessage[] = [];
      let order = 0;
      for (const each of steps) {
        if (each.kind === 'push') {
          const made = message(++order, each.bytes);
          queue.push(made, each.bounded);
          model.push({ message: made, bounded: each.bounded });
        } else if (each.kind === 'shift') {
          const got = queue.shift();
          expect(got).toBe(model.shift()?.message);
          if (got !== undefined) taken.push(got);
        } else {
          const [back] = taken.splice(each.which, 1);
          if (back === undefined) continue;
          queue.putBack(back, each.bounded);
          model = [...model, { message: back, bounded: each.bounded }].sort(
            (a, b) => a.message.order - b.message.order,
          );
        }
        const counted = model.filter(({ bounded }) => bounded);
        expect(queue.length).toBe(model.length);
        expect(queue.boundedCount).toBe(counted.length);
        expect(queue.boundedBytes).toBe(counted.reduce((sum, entry) => sum + entry.message.payloadLength, 0));
      }
    }),
    { numRuns: 200 },
  );
});

test('V-048: when the session is gone everything that is left counts', () => {
  const queue = new DeliveryQueue();
  queue.push(message(1, 10), false);
  queue.push(message(2, 5), true);
  queue.boundAll();
  expect([queue.boundedCount, queue.boundedBytes]).toEqual([2, 15]);
  queue.shift();
  queue.shift();
  expect([queue.boundedCount, queue.boundedBytes, queue.length]).toEqual([0, 0, 0]);
});
