// SPDX-License-Identifier: Apache-2.0
//
// A gateway with a durable queue and a durable session is killed with SIGKILL, at random and behind every named step, and
// started again on the same files. Everything it had accepted reaches the broker; at QoS 2 exactly once; at QoS 1 again only
// what was in flight when it died; and the queue ends empty.

import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { SqliteSessionStore } from '@mqttv5/store-sqlite';
import { Child } from '@mqttv5/support/child';
import { temporaryDirectory } from '@mqttv5/support/temporary-directory';
import { startBroker } from '@mqttv5/testing';
import type { Broker } from '@mqttv5/testing';
import { expect, onTestFinished, test } from 'vitest';
import { isRefused, qosOf } from './numbers.ts';
import { EVICTING_STEPS, STEPS } from './steps.ts';

/** Random kills; thousands with MQTTV5_KILLS. With those behind the steps over 200. */
const KILLS = Number(process.env['MQTTV5_KILLS'] ?? 160);
const GATEWAY = new URL('gateway.ts', import.meta.url);
const EVICTING = new URL('evicting.ts', import.meta.url);
const WINDOW = 8;

/** A broker that counts what it has accepted from the gateway. */
class Receiver {
  readonly received = new Map<string, number>();
  readonly broker: Broker;

  private constructor(broker: Broker) {
    this.broker = broker;
  }

  static async start(): Promise<Receiver> {
    const decoder = new TextDecoder();
    // Identifiers of QoS 2 messages whose PUBREL has not come: their PUBLISH may come again, and is the same message.
    const open = new Set<number>();
    let count: (id: string) => void = () => {};
    const broker = await startBroker({
      authorize: ({ action, topic }) => action !== 'publish' || topic !== 'refused',
      intercept: (direction, packet) => {
        if (direction === 'in' && packet.type === 'publish' && packet.topicName === 'accepted') {
          const { packetIdentifier, qos, payload } = packet;
          if (qos === 2 && open.has(packetIdentifier)) return;
          if (qos === 2) open.add(packetIdentifier);
          count(decoder.decode(payload));
        }
        if (direction === 'in' && packet.type === 'pubrel') open.delete(packet.packetIdentifier);
      },
    });
    onTestFinished(async () => await broker.close());
    const receiver = new Receiver(broker);
    count = (id) => receiver.received.set(id, (receiver.received.get(id) ?? 0) + 1);
    return receiver;
  }
}

/** What the gateway has said, over all of its lives. */
class Told {
  readonly accepted = new Set<string>();
  readonly deadLetters = new Map<string, number>();

  read(line: string): void {
    const id = line.slice(1);
    if (line.startsWith('+')) this.accepted.add(id);
    else if (line.startsWith('!')) this.deadLetters.set(id, (this.deadLetters.get(id) ?? 0) + 1);
    else assert.ok(line === 'open' || line === 'done', line);
  }
}

/** Lets the gateway empty its queue, and checks what is left of it all. */
async function expectNothingLost(
  directory: string,
  { received, broker }: Receiver,
  told: Told,
  kills: number,
): Promise<void> {
  const last = Child.run(GATEWAY, directory, broker.url, 'last', '8');
  const lines = await last.rest();
  for (const line of lines) told.read(line);
  expect(lines.at(-1), last.errors).toBe('done');

  for (const id of told.accepted) {
    if (isRefused(id)) expect([id, told.deadLetters.get(id) ?? 0], 'dead letter').not.toEqual([id, 0]);
    else expect([id, received.get(id) ?? 0], 'arrived').not.toEqual([id, 0]);
  }
  const twice = [...received].filter(([, times]) => times > 1).map(([id]) => id);
  expect(
    twice.filter((id) => qosOf(id) === 2),
    'QoS 2 messages that arrived twice',
  ).toEqual([]);
  expect(twice.length, 'QoS 1 messages that arrived twice').toBeLessThanOrEqual(kills * WINDOW);
  expect([...told.deadLetters.values()].filter((times) => times > 1).length).toBeLessThanOrEqual(kills * WINDOW);

  const queue = await FilePublisherQueue.open({ directory: join(directory, 'queue') });
  expect(await queue.peek(-1, 10)).toEqual([]);
  expect(queue.damaged).toEqual([]);
  await queue.close();
  const store = SqliteSessionStore.open({ path: join(directory, 'session.db') });
  expect([...store.load()].map(([key]) => key).filter((key) => /^[oc]\//u.test(key))).toEqual([]);
  store.close();
}

test(`killed ${KILLS} times at random, it loses nothing and sends nothing twice at QoS 2`, {
  timeout: 30_000 + KILLS * 3_000,
}, async () => {
  const directory = temporaryDirectory();
  const receiver = await Receiver.start();
  const told = new Told();
  for (let kill = 0; kill < KILLS; kill++) {
    const child = Child.run(GATEWAY, directory, receiver.broker.url, `run${kill}`, '0');
    const before = (kill * 29) % 41;
    for (let lines = 0; lines <= before; lines++) {
      const line = await child.line();
      expect(line, child.errors).toBeDefined();
      told.read(line ?? '');
    }
    await child.kill();
    for (const line of await child.rest()) told.read(line);
  }
  expect(told.accepted.size).toBeGreaterThan(KILLS * 5);
  await expectNothingLost(directory, receiver, told, KILLS);
});

test.each(STEPS)('killed behind each step, the first time and later: %s', { timeout: 60_000 }, async (step) => {
  const directory = temporaryDirectory();
  const receiver = await Receiver.start();
  const told = new Told();
  const occasions = [1, 2, 5];
  for (const times of occasions) {
    const child = Child.run(GATEWAY, directory, receiver.broker.url, `run${times}`, '0', step, String(times));
    for (const line of await child.rest()) told.read(line);
    expect(await child.ended(), child.errors).toBe('SIGKILL');
  }
  await expectNothingLost(directory, receiver, told, occasions.length);
});

test.each(EVICTING_STEPS)(
  'a full queue is killed behind each step of making room: %s',
  { timeout: 60_000 },
  async (step) => {
    const directory = temporaryDirectory();
    const receiver = await Receiver.start();
    const told = new Told();
    for (const times of [1, 2, 5]) {
      const child = Child.run(EVICTING, directory, `run${times}`, step, String(times));
      for (const line of await child.rest()) told.read(line);
      expect(await child.ended(), child.errors).toBe('SIGKILL');
    }
    const last = Child.run(GATEWAY, directory, receiver.broker.url, 'last', '8');
    const lines = await last.rest();
    for (const line of lines) told.read(line);
    expect(lines.at(-1), last.errors).toBe('done');
    const lost = [...told.accepted].filter((id) => !receiver.received.has(id) && !told.deadLetters.has(id));
    expect(lost).toEqual([]);
    expect(told.deadLetters.size).toBeGreaterThan(3);
    expect([...receiver.received.values()].every((times) => times === 1)).toBe(true);
  },
);

test('a queue folder that is made anew takes nothing of the old one’s exchanges for its own (I-13)', {
  timeout: 60_000,
}, async () => {
  const directory = temporaryDirectory();
  const receiver = await Receiver.start();
  const lost = new Told();
  const child = Child.run(GATEWAY, directory, receiver.broker.url, 'old', '0', 'record committed', '6');
  for (const line of await child.rest()) lost.read(line);
  rmSync(join(directory, 'queue'), { recursive: true });
  const told = new Told();
  const next = Child.run(GATEWAY, directory, receiver.broker.url, 'new', '40');
  const lines = await next.rest();
  for (const line of lines) told.read(line);
  expect(lines.at(-1), next.errors).toBe('done');
  for (const id of told.accepted) if (!isRefused(id)) expect([id, receiver.received.get(id)]).toEqual([id, 1]);
  // The session finished the exchanges it had, and keeps their outcome for the queue that has gone.
  expect(existsSync(join(directory, 'session.db'))).toBe(true);
  const store = SqliteSessionStore.open({ path: join(directory, 'session.db') });
  const keys = [...store.load()].map(([key]) => key);
  store.close();
  expect(keys.filter((key) => key.startsWith('o/'))).toEqual([]);
  expect(keys.filter((key) => key.startsWith('c/')).length).toBeGreaterThan(0);
});
