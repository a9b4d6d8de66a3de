// SPDX-License-Identifier: Apache-2.0
//
// Messages that will not be delivered: who is told, how often, and what is in the queue until then.

import { getEventListeners } from 'node:events';
import { MemoryPublisherQueue, MemorySessionStore } from '@mqttv5/core';
import type { QueueEntry } from '@mqttv5/core';
import { describe, expect, test, vi } from 'vitest';
import { Bench, codeOf, deadLetters, expectPublishes, Gate, puback } from './bench.ts';

describe('dead letters', () => {
  test('are awaited, and the entry is there, dead, until then (Q-06)', async () => {
    const taken = Gate.of<void>();
    const given = Gate.of<QueueEntry>();
    const bench = new Bench({
      options: {
        onDeadLetter: async (entry) => {
          given.resolve(entry);
          await taken.promise;
        },
      },
    });
    await bench.publish('a', { id: 'a' });
    const connection = await bench.connect();
    const [a] = await expectPublishes(connection, 'a');
    if (a) connection.send(puback(a, 0x87));
    expect(await given.promise).toMatchObject({ id: 'a', topic: 'a', dead: 'PUBLISH_REFUSED' });
    expect(await bench.inQueue()).toMatchObject([{ id: 'a', dead: 'PUBLISH_REFUSED' }]);
    taken.resolve();
    await bench.publisher.flush();
    expect(await bench.inQueue()).toEqual([]);
  });

  test('in hand while the connection is lost and resumed: given once, and the session forgets them (Q-06)', async () => {
    const store = new MemorySessionStore();
    const taken = Gate.of<void>();
    const given: string[] = [];
    const inHand = Gate.of<void>();
    const bench = new Bench({
      client: { store },
      options: {
        onDeadLetter: async ({ id }) => {
          given.push(id);
          inHand.resolve();
          await taken.promise;
        },
      },
    });
    await bench.publish('a', { id: 'a' });
    const connection = await bench.connect();
    const [a] = await expectPublishes(connection, 'a');
    if (a) connection.send(puback(a, 0x87));
    await inHand.promise;
    const back = new Promise((resolve) => void bench.client.on('connect', resolve));
    connection.drop();
    await (await bench.broker.accept()).handshake({ sessionPresent: true });
    await back;
    taken.resolve();
    await bench.publisher.flush();
    expect(given).toEqual(['a']);
    expect(await bench.inQueue()).toEqual([]);
    expect([...store.load()].filter(([key]) => /^[co]\//.test(key))).toEqual([]);
  });

  test('that nobody would hear of are said on the console; one whose delivered() is waited for is not', async () => {
    const said = vi.spyOn(console, 'error').mockReturnValue();
    const bench = new Bench();
    const { delivered } = await bench.publish('heard');
    await bench.publish('unheard');
    const { signal } = new AbortController();
    const hearing = codeOf(delivered({ signal }));
    const connection = await bench.connect();
    for (const packet of await expectPublishes(connection, 'heard', 'unheard')) connection.send(puback(packet, 0x87));
    expect(await hearing).toBe('PUBLISH_REFUSED');
    await bench.publisher.flush();
    expect(said.mock.calls).toEqual([
      [expect.stringContaining('will not be delivered'), expect.objectContaining({ code: 'PUBLISH_REFUSED' })],
    ]);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('whose callback fails come again, behind the others, and it is said once', async () => {
    const said = vi.spyOn(console, 'error').mockReturnValue();
    const seen: string[] = [];
    const bench = new Bench({
      options: {
        onDeadLetter: (entry) => {
          seen.push(entry.id);
          if (entry.id === 'a' && seen.length < 4) throw new TypeError('not now');
        },
      },
    });
    await bench.publish('a', { id: 'a' });
    await bench.publish('b', { id: 'b' });
    const connection = await bench.connect();
    for (const packet of await expectPublishes(connection, 'a', 'b')) connection.send(puback(packet, 0x87));
    await bench.publisher.flush();
    expect(seen).toEqual(['a', 'b', 'a', 'a']);
    expect(said.mock.calls).toEqual([['mqtt: onDeadLetter failed; it is asked again later', expect.any(TypeError)]]);
  });

  test('have been given when delivered() rejects, but none waits long for the one before it', async () => {
    const given: string[] = [];
    const never = Gate.of<void>();
    const bench = new Bench({
      options: {
        onDeadLetter: (entry) => {
          given.push(entry.id);
          return never.promise;
        },
      },
    });
    const handles = [await bench.publish('a', { id: 'a' }), await bench.publish('b', { id: 'b' })];
    const connection = await bench.connect();
    for (const packet of await expectPublishes(connection, 'a', 'b')) connection.send(puback(packet, 0x87));
    const [a, b] = handles;
    await expect(a?.delivered()).rejects.toMatchObject({ code: 'PUBLISH_REFUSED' });
    expect(given).toEqual(['a']);
    await expect(b?.delivered()).rejects.toMatchObject({ code: 'PUBLISH_REFUSED' });
    never.resolve();
    await bench.publisher.flush();
    expect(given).toEqual(['a', 'b']);
  });

  test('of an earlier process come with the code that is left of their error', async () => {
    const queue = new MemoryPublisherQueue();
    const unbounded = { maximumSize: 10, overflow: 'dropNewest', keep: new Set<number>() } as const;
    const entry = { id: 'a', topic: 'a', payload: new Uint8Array(0), options: {}, enqueuedAt: 0, expiresAt: undefined };
    queue.markDead(queue.enqueue(entry, unbounded).entry.sequence, 'PUBLISH_REFUSED');
    const { letters, onDeadLetter } = deadLetters();
    const bench = new Bench({ queue, options: { onDeadLetter } });
    await bench.connect();
    await bench.publisher.flush();
    expect(letters).toEqual([['a', 'PUBLISH_REFUSED']]);
    expect(await bench.inQueue()).toEqual([]);
  });
});
