// SPDX-License-Identifier: Apache-2.0
//
// A receiver with a durable session is killed with SIGKILL, at random and behind every named step, and started again. Every
// QoS 2 message reaches its handler; one whose acknowledgement was committed never again.

import assert from 'node:assert/strict';
import process from 'node:process';
import { Client } from '@mqttv5/core';
import { Child } from '@mqttv5/support/child';
import { temporaryDirectory } from '@mqttv5/support/temporary-directory';
import { startBroker } from '@mqttv5/testing';
import type { Broker } from '@mqttv5/testing';
import { expect, onTestFinished, test } from 'vitest';
import { RECEIVING_STEPS } from './steps.ts';

/** Random kills; thousands with MQTTV5_KILLS. */
const KILLS = Number(process.env['MQTTV5_KILLS'] ?? 25);
const RECEIVER = new URL('receiver.ts', import.meta.url);

/** What the receiver has said, over all of its lives. */
class Told {
  readonly given = new Map<string, number>();
  readonly acknowledged = new Set<string>();

  read(line: string): void {
    const id = line.slice(1);
    if (line.startsWith('>')) {
      assert.ok(!this.acknowledged.has(id), `${id} was given again after its acknowledgement was committed`);
      this.given.set(id, (this.given.get(id) ?? 0) + 1);
    } else if (line.startsWith('=')) this.acknowledged.add(id);
    else assert.ok(line === 'open' || line === 'done', line);
  }
}

interface World {
  readonly directory: string;
  readonly broker: Broker;
  readonly told: Told;
  /** Publishes so many more numbers; the broker has them when it resolves. */
  publish(count: number): Promise<void>;
  readonly published: readonly string[];
  receiver(...parameters: readonly string[]): Child;
  /** Lets the receiver take what is left, and checks what it was given. */
  expectAllGiven(kills: number): Promise<void>;
}

async function world(): Promise<World> {
  const directory = temporaryDirectory();
  const broker = await startBroker();
  onTestFinished(async () => await broker.close());
  const publisher = new Client({ brokers: broker.url, clientId: 'publisher' });
  await publisher.connect();
  onTestFinished(async () => await publisher.disconnect());
  const told = new Told();
  const published: string[] = [];
  const send = async (id: string): Promise<void> => {
    published.push(id);
    await publisher.publish('numbers', id, { qos: 2 });
  };
  const receiver = (...parameters: readonly string[]): Child =>
    Child.run(RECEIVER, directory, broker.url, ...parameters);
  // The subscription is the session's from here on: messages wait at the broker for the receiver that is away.
  const first = receiver();
  assert.equal(await first.line(), 'open', first.errors);
  await send('first');
  for (let line = await first.line(); line !== '=first'; line = await first.line()) told.read(line ?? 'nothing');
  told.read('=first');
  await first.kill();
  return {
    directory,
    broker,
    told,
    published,
    receiver,
    publish: async (count) => {
      await Promise.all(Array.from({ length: count }, async () => await send(`${published.length}`)));
    },
    expectAllGiven: async (kills) => {
      await send('end');
      const last = receiver();
      const lines = await last.rest();
      for (const line of lines) told.read(line);
      assert.equal(lines.at(-1), 'done', last.errors);
      assert.deepEqual(
        published.filter((id) => !told.given.has(id)),
        [],
        'never given',
      );
      // In hand, or waiting, when it died: at most a window for each kill.
      const again = [...told.given.values()].filter((times) => times > 1).length;
      assert.ok(again <= kills * 8, `${again} messages were given more than once in ${kills} kills`);
    },
  };
}

test(`killed ${KILLS} times at random, it is given everything, and nothing twice that it had acknowledged`, {
  timeout: 30_000 + KILLS * 3_000,
}, async () => {
  const { publish, receiver, told, expectAllGiven } = await world();
  for (let kill = 0; kill < KILLS; kill++) {
    const child = receiver();
    const publishing = publish(20);
    const before = (kill * 29) % 37;
    for (let lines = 0; lines <= before; lines++) {
      const line = await child.line();
      expect(line, child.errors).toBeDefined();
      told.read(line ?? '');
      if (told.acknowledged.size >= 1 + 20 * (kill + 1)) break;
    }
    await publishing;
    await child.kill();
    for (const line of await child.rest()) told.read(line);
  }
  await expectAllGiven(KILLS);
  expect(told.acknowledged.size).toBeGreaterThan(KILLS * 10);
});

test.each(RECEIVING_STEPS)(
  'killed behind each step, the first time and later: %s',
  { timeout: 60_000 },
  async (step) => {
    const { publish, receiver, told, expectAllGiven } = await world();
    const occasions = [1, 2, 5];
    for (const times of occasions) {
      await publish(20);
      const child = receiver(step, String(times));
      for (const line of await child.rest()) told.read(line);
      expect(await child.ended(), child.errors).toBe('SIGKILL');
    }
    await expectAllGiven(occasions.length);
  },
);
