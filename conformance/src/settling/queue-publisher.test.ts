// SPDX-License-Identifier: Apache-2.0
//
// The promises of a queue publisher. They belong to it and not to the client: a message in the queue outlives a connection and
// a client that was closed, so `delivered()` and `flush()` end with delivery, or with the publisher.

import { getEventListeners } from 'node:events';
import { MemoryPublisherQueue, QueuePublisher } from '@mqttv5/core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { describeEnding, REASON } from './ending.ts';
import { connectedWorld, turn, type World } from './world.ts';

const ends: readonly [name: string, end: (world: World) => unknown][] = [
  ['client.disconnect()', ({ client }) => client.disconnect()],
  ['taken over', (world) => world.takeOver()],
  ['attempts exhausted', (world) => world.exhaust()],
  ['store failed', (world) => world.breakStore()],
];

/** One message on the wire, unanswered. */
async function inFlight() {
  const world = await connectedWorld();
  const publisher = new QueuePublisher(world.client, new MemoryPublisherQueue());
  onTestFinished(async () => {
    // While there is a connection close() waits for its broker, who says nothing here.
    await world.client.disconnect();
    await publisher.close();
  });
  const queued = await publisher.publish('queued', 'x');
  await world.connection.expect('publish');
  return { world, publisher, queued };
}

describe('delivered() and flush()', () => {
  test('drop: the next connection brings the answer', async () => {
    const { world, publisher, queued } = await inFlight();
    const waits = [queued.delivered(), publisher.flush()];
    await world.drop();
    expect([await describeEnding(waits[0]), await describeEnding(waits[1])]).toEqual(['acknowledged', 'done']);
  });

  test('silence: signal ends the wait, and leaves no listener', async () => {
    const { publisher, queued } = await inFlight();
    const { signal, abort } = controller();
    const waits = [queued.delivered({ signal }), publisher.flush({ signal })];
    for (const wait of waits) wait.catch(() => undefined);
    await turn();
    abort();
    expect([await describeEnding(waits[0]), await describeEnding(waits[1])]).toEqual(['reason', 'reason']);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test.each(ends)('%s: they wait for the next connect(); close() ends them with QUEUE_CLOSED', async (_name, end) => {
    const { world, publisher, queued } = await inFlight();
    const waits = [queued.delivered(), publisher.flush()];
    for (const wait of waits) wait.catch(() => undefined);
    const closed = new Promise((resolve) => void world.client.on('close', resolve));
    await end(world);
    await closed;
    expect([await describeEnding(waits[0], true), await describeEnding(waits[1], true)]).toEqual([
      'still waiting',
      'still waiting',
    ]);
    await publisher.close();
    expect([await describeEnding(waits[0]), await describeEnding(waits[1])]).toEqual([
      'QUEUE_CLOSED pending',
      'QUEUE_CLOSED notSent',
    ]);
  });
});

describe('close()', () => {
  test('waits for what is in flight, and resolves with its answer', async () => {
    const { world, publisher } = await inFlight();
    const closing = publisher.close();
    expect(await describeEnding(closing, true)).toBe('still waiting');
    const sent = world.connection.received.at(-1);
    if (sent?.type !== 'publish') throw new Error('the message in flight is the last packet');
    world.connection.send({ type: 'puback', packetIdentifier: sent.packetIdentifier, reasonCode: 0 });
    expect(await describeEnding(closing)).toBe('done');
  });

  test.each([['drop', (world: World) => world.connection.drop()] as const, ...ends])('%s: done', async (_name, end) => {
    const { world, publisher } = await inFlight();
    const closing = [publisher.close(), publisher.close(), publisher[Symbol.asyncDispose]()];
    await turn();
    await end(world);
    for (const each of closing) expect(await describeEnding(each)).toBe('done');
  });

  test('silence: signal ends the wait; the publisher is closed all the same', async () => {
    const { publisher } = await inFlight();
    const { signal, abort } = controller();
    const closing = publisher.close({ signal });
    closing.catch(() => undefined);
    await turn();
    abort();
    expect(await describeEnding(closing)).toBe('reason');
    expect(await describeEnding(publisher.publish('a', 'x'))).toBe('QUEUE_CLOSED notSent');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('publish()', () => {
  test('a queue that never answers: signal ends the wait', async () => {
    const { client } = await connectedWorld();
    const queue = Object.assign(new MemoryPublisherQueue(), { enqueue: () => Promise.withResolvers<never>().promise });
    const publisher = new QueuePublisher(client, queue);
    const { signal, abort } = controller();
    const publishing = publisher.publish('a', 'x', { signal });
    publishing.catch(() => undefined);
    await turn();
    abort();
    expect(await describeEnding(publishing)).toBe('reason');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('no connection, none ever: it resolves, the message is in the queue', async () => {
    const { client } = await connectedWorld();
    await client.disconnect();
    const publisher = new QueuePublisher(client, new MemoryPublisherQueue());
    expect(await describeEnding(publisher.publish('a', 'x'))).toBe('queued');
    expect(publisher.size).toBe(1);
    await publisher.close();
  });
});

function controller(): { readonly signal: AbortSignal; abort(): void } {
  const inner = new AbortController();
  return { signal: inner.signal, abort: () => inner.abort(REASON) };
}
