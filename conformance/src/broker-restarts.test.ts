// SPDX-License-Identifier: Apache-2.0
// Mosquitto stopped and killed under steady QoS 1 and QoS 2 traffic, fifty times in all.
import { connect, isMqttError } from '@mqttv5/core';
import type { Client, Subscription } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { requireMosquitto, startMosquitto } from './mosquitto.ts';
import type { Mosquitto, MosquittoOptions } from './mosquitto.ts';

/** Publishes under way at any time, at each QoS. */
const WINDOW = 16;
/** Publishes that settle between two restarts. */
const PROGRESS = 25;
const LIMIT_MS = 60_000;

interface Outcome {
  /** Numbers whose publish resolved, by QoS. */
  readonly acknowledged: Record<1 | 2, Set<string>>;
  /** Numbers that arrived, by QoS. */
  readonly received: Record<1 | 2, Set<string>>;
  /** What arrived at QoS 2 a second time, without DUP. */
  readonly doubled: string[];
  /** Whether the broker still had the sender's session, restart by restart. */
  readonly sessionPresent: boolean[];
  /** Codes of the publishes that were rejected. */
  readonly failures: unknown[];
}

describe.runIf(requireMosquitto())('Mosquitto restarted under traffic', { timeout: LIMIT_MS }, () => {
  test('SIGTERM with persistence: sessions are resumed, nothing is lost, and at QoS 2 nothing is doubled by us', async () => {
    const outcome = await underRestarts(20, 'SIGTERM', { persistence: true });
    expect(outcome.failures).toEqual([]);
    expect(outcome.sessionPresent).toEqual(Array.from({ length: 20 }, () => true));
    expect(outcome.acknowledged[1].difference(outcome.received[1])).toEqual(new Set());
    expect(outcome.acknowledged[2].difference(outcome.received[2])).toEqual(new Set());
    // After a restart Mosquitto 2.0.11 sends some messages a second time for which it had sent PUBREL, against
    // [MQTT-4.3.3-6]. Those come with DUP 1. A second copy made by the sender would be a new message to it, with DUP 0.
    expect(outcome.doubled).toEqual([]);
  });

  test('SIGKILL without persistence: sessions are lost, everything unfinished is published again', async () => {
    const outcome = await underRestarts(15, 'SIGKILL', { persistence: false });
    expect(outcome.failures).toEqual([]);
    expect(outcome.sessionPresent).toEqual(Array.from({ length: 15 }, () => false));
  });

  test('SIGKILL with persistence: a broker with older state than it acknowledged leaves nothing hanging', async () => {
    // What is lost here the broker lost, after it had acknowledged it. It also remembers QoS 2 messages whose PUBREL it had
    // seen: they hold its Receive Maximum, and in the end it refuses everything with 0x97. Refusals settle, too.
    const outcome = await underRestarts(15, 'SIGKILL', { persistence: { autosave: 25 } });
    const settled = outcome.acknowledged[1].size + outcome.acknowledged[2].size + outcome.failures.length;
    expect(settled).toBeGreaterThanOrEqual(15 * PROGRESS);
    expect(new Set(outcome.failures.map((error) => isMqttError(error) && error.code))).toSatisfy((codes: Set<string>) =>
      codes.isSubsetOf(new Set(['PUBLISH_REFUSED'])),
    );
  });
});

/** Every publish has settled, and what the broker kept for the receiver has arrived, when it resolves. */
async function underRestarts(
  rounds: number,
  signal: 'SIGTERM' | 'SIGKILL',
  options: MosquittoOptions,
): Promise<Outcome> {
  // Without bounds of its own: what Mosquitto drops on purpose is not what is looked for.
  await using broker = await startMosquitto({ ...options, maximumQueued: 0 });
  const settings = {
    // Mosquitto 2.0 does not write sessions to its database that began with Clean Start 1.
    cleanStart: false,
    sessionExpiryInterval: 600,
    reconnect: () => 20,
    signal: AbortSignal.timeout(LIMIT_MS),
  };
  const sender = await connect(broker.url, { ...settings, clientId: 'sender' });
  const receiver = await connect(broker.url, { ...settings, clientId: 'receiver' });
  const outcome: Outcome = {
    acknowledged: { 1: new Set(), 2: new Set() },
    received: { 1: new Set(), 2: new Set() },
    doubled: [],
    sessionPresent: [],
    failures: [],
  };
  const reading = ([1, 2] as const).map(async (qos) => {
    const subscription = await receiver.subscribe(`traffic/${qos}`, { qos });
    return { subscription, ended: read(subscription, outcome, qos) };
  });
  const readers = await Promise.all(reading);

  const traffic = new Traffic(sender, outcome);
  const publishing = Promise.all(
    ([1, 2] as const).flatMap((qos) => Array.from({ length: WINDOW }, () => traffic.publish(qos))),
  );
  for (let round = 0; round < rounds; round += 1) {
    await traffic.progress(PROGRESS);
    outcome.sessionPresent.push(await restart(broker, signal, sender, receiver));
  }
  traffic.stop();
  await publishing;

  // The last message of each QoS goes behind everything the broker still has for the receiver. A broker that refuses it
  // has lost its mind in between, and nothing more is expected of it.
  const ends = await Promise.allSettled(
    ([1, 2] as const).map((qos) => sender.publish(`traffic/${qos}`, 'end', { qos })),
  );
  if (ends.every(({ status }) => status === 'fulfilled')) await Promise.all(readers.map(({ ended }) => ended));
  await Promise.all([sender.disconnect(), receiver.disconnect()]);
  await Promise.all(readers.map(({ ended }) => ended));
  return outcome;
}

/** Resolves when both clients are connected again, to whether the sender's session was still there. */
async function restart(
  broker: Mosquitto,
  signal: 'SIGTERM' | 'SIGKILL',
  ...clients: [Client, Client]
): Promise<boolean> {
  const back = clients.map(
    (client) =>
      new Promise<boolean>((resolve) => {
        const off = client.on('connect', ({ sessionPresent }) => {
          off();
          resolve(sessionPresent);
        });
      }),
  );
  await broker.restart(signal);
  const [sessionPresent = false] = await Promise.all(back);
  return sessionPresent;
}

async function read(subscription: Subscription, { received, doubled }: Outcome, qos: 1 | 2): Promise<void> {
  for await (const message of subscription) {
    const text = message.text();
    if (text === 'end') return;
    if (qos === 2 && received[qos].has(text) && !message.dup) doubled.push(text);
    received[qos].add(text);
  }
}

/** Publishes numbers, one after the other in each of its windows, until it is stopped. */
class Traffic {
  readonly #sender: Client;
  readonly #outcome: Outcome;
  #next = 0;
  #settled = 0;
  #stopped = false;
  #waiting: { settled: number; resolve: () => void } | undefined;

  constructor(sender: Client, outcome: Outcome) {
    this.#sender = sender;
    this.#outcome = outcome;
  }

  async publish(qos: 1 | 2): Promise<void> {
    while (!this.#stopped) {
      const text = String(this.#next);
      this.#next += 1;
      try {
        await this.#sender.publish(`traffic/${qos}`, text, { qos });
        this.#outcome.acknowledged[qos].add(text);
      } catch (error) {
        this.#outcome.failures.push(error);
      }
      this.#settled += 1;
      if (this.#waiting !== undefined && this.#settled >= this.#waiting.settled) this.#waiting.resolve();
    }
  }

  /** Resolves when so many more publishes have settled. */
  progress(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting = { settled: this.#settled + count, resolve };
    return promise;
  }

  stop(): void {
    this.#stopped = true;
  }
}
