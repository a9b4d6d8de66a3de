// SPDX-License-Identifier: Apache-2.0

import type { PublisherQueue, QueueEntry } from '@mqttv5/core';
import { ensureSame } from '../contract.ts';
import type { ContractCase } from '../contract.ts';
import { START, UNBOUNDED, cases, entry, only, scribble } from './entries.ts';
import type { Open, NewEntry } from './entries.ts';

export function copyCases(open: Open): readonly ContractCase[] {
  const samples: Record<string, Partial<NewEntry>> = {
    'every option': {
      topic: 'sensors/🌡/1',
      payload: Uint8Array.from({ length: 256 }, (_, index) => index),
      options: {
        qos: 2,
        retain: true,
        messageExpiryInterval: 4_294_967_295,
        contentType: 'application/json; charset=utf-8',
        payloadFormatIndicator: 1,
        responseTopic: 'réponse/1',
        correlationData: Uint8Array.of(0, 255, 128),
        userProperties: [
          ['b', '2'],
          ['a', '1'],
          ['b', '2'],
          ['', ''],
        ],
      },
      enqueuedAt: 1_790_000_000_123,
      expiresAt: 1_790_000_600_456,
    },
    'no option': { payload: new Uint8Array(0), options: {}, expiresAt: undefined },
    'empty options': {
      payload: new Uint8Array(0),
      options: {
        qos: 1,
        retain: false,
        messageExpiryInterval: 0,
        contentType: '',
        payloadFormatIndicator: 0,
        correlationData: new Uint8Array(0),
        userProperties: [],
      },
      enqueuedAt: 0,
      expiresAt: 0,
    },
    'a payload of 1 MiB': { payload: Uint8Array.from({ length: 1 << 20 }, (_, index) => (index * 31) & 0xff) },
    'a payload that is a view': { payload: Uint8Array.of(1, 2, 3, 4, 5).subarray(1, 4) },
  };
  const roundTrips = Object.entries(samples).map(
    ([name, fields]) =>
      [
        `an entry comes back as it was: ${name}; absent and empty are kept apart [D-04]`,
        async (queue: PublisherQueue) => {
          const given = entry('a', fields);
          const { entry: stored } = await queue.enqueue(given, UNBOUNDED);
          const expected = { ...given, sequence: stored.sequence, dead: undefined };
          ensureSame(stored, expected, 'what enqueue() returned');
          ensureSame(await queue.peek(START, 1), [expected], 'what peek() returned');
        },
      ] as const,
  );

  return cases(open, {
    ...Object.fromEntries(roundTrips),

    'bytes and lists are copied in and out [D-05]': async (queue) => {
      const userProperties: [string, string][] = [['name', 'value']];
      const given = entry('a', {
        payload: Uint8Array.of(1, 2, 3),
        options: { correlationData: Uint8Array.of(4, 5), userProperties },
      });
      const expected = entry('a', {
        payload: Uint8Array.of(1, 2, 3),
        options: { correlationData: Uint8Array.of(4, 5), userProperties: [['name', 'value']] },
      });
      const { entry: stored } = await queue.enqueue(given, UNBOUNDED);
      scribble(given);
      userProperties.push(['more', '']);
      const peekOne = async (): Promise<QueueEntry> => only(await queue.peek(START, 1), 'peek(-1, 1)');
      const whole = { ...expected, sequence: stored.sequence, dead: undefined };
      ensureSame(await peekOne(), whole, 'after the enqueued buffers were overwritten by their owner');
      scribble(stored);
      ensureSame(await peekOne(), whole, 'after the returned entry was overwritten');
      scribble(await peekOne());
      ensureSame(await peekOne(), whole, 'after a peeked entry was overwritten');
    },
  });
}
