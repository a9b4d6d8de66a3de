// SPDX-License-Identifier: Apache-2.0
//
// Every exchange of the protocol, cut after every single byte that either side sends, over real sockets:
//
//   client ── relay, passes n bytes of one direction, then RST or FIN ── embedded broker ── observer
//
// CONNECT and CONNACK of the cut connections are part of it. Whatever the cut did, the client resumes, every promise settles,
// QoS 1 arrives at least once, QoS 2 exactly once, and in the end nothing is left: no socket, no timer, no listener.

import { getEventListeners } from 'node:events';
import { Client, constantBackoff, MemorySessionStore } from '@mqttv5/core';
import type { Message, SessionOperation, SessionStore } from '@mqttv5/core';
import { type Broker, startBroker } from '@mqttv5/testing';
import { describe, expect, test } from 'vitest';
import { type Cut, startCuttingRelay } from './cutting-relay.ts';
import { activeResources, leftBehind } from './left-behind.ts';

/** Runs at once: enough to fill the waits of the others, few enough for two cores. */
const LANES = 12;
/** Lengths differ by the variable byte integer of a Subscription Identifier: a few bytes may lie beyond the end of a run. */
const TAIL = 4;
/** Bounds a failure; nothing waits for it. */
const LIMIT_MS = 60_000;

interface Run {
  readonly broker: Broker;
  readonly client: Client;
  /** Names this run: its topic, its payload. As long as every other one, so that the bytes are in the same places. */
  readonly key: string;
  readonly signal: AbortSignal;
}

interface Exchange {
  readonly name: string;
  /** Resolves to the texts the application has received, in order; what it published reaches the observer. */
  perform(run: Run): Promise<readonly string[]>;
  /** At least once is enough. */
  readonly mayRepeat: boolean;
  /** The direction of its acknowledgement, where losing that has to lead to a repeat. */
  readonly repeatsWhenCut?: 'up' | 'down';
}

const exchanges: readonly Exchange[] = [
  ...([1, 2] as const).map((qos) => ({
    name: `a QoS ${qos} publish`,
    mayRepeat: qos === 1,
    ...(qos === 1 && { repeatsWhenCut: 'down' as const }),
    async perform({ client, key, signal }: Run) {
      await client.publish(`out/${key}`, key, { qos, signal });
      return [];
    },
  })),
  ...([1, 2] as const).map((qos) => ({
    name: `a QoS ${qos} delivery`,
    mayRepeat: qos === 1,
    ...(qos === 1 && { repeatsWhenCut: 'up' as const }),
    async perform({ broker, client, key, signal }: Run) {
      const subscription = await client.subscribe(`in/${key}`, { qos, signal });
      broker.publish(`in/${key}`, key, { qos });
      const received = [await taken(subscription.receive({ signal }))];
      await roundTrip(client, signal);
      // Whatever the broker sends again comes before this.
      broker.publish(`in/${key}`, 'end', { qos });
      for (let text = ''; text !== 'end'; received.push(text)) text = await taken(subscription.receive({ signal }));
      return received.slice(0, -1);
    },
  })),
  {
    name: 'a SUBSCRIBE',
    mayRepeat: false,
    async perform({ broker, client, key, signal }: Run) {
      const subscription = await client.subscribe(`in/${key}`, { qos: 2, signal });
      expect(subscription.results).toEqual([{ filter: `in/${key}`, reasonCode: 2 }]);
      expect(filtersOf(broker, key)).toEqual([`in/${key}`]);
      await roundTrip(client, signal);
      broker.publish(`in/${key}`, key, { qos: 2 });
      return [await taken(subscription.receive({ signal }))];
    },
  },
  {
    name: 'an UNSUBSCRIBE',
    mayRepeat: false,
    async perform({ broker, client, key, signal }: Run) {
      const subscription = await client.subscribe(`in/${key}`, { qos: 1, signal });
      await subscription.unsubscribe({ signal });
      expect(await subscription.receive()).toBeUndefined();
      await roundTrip(client, signal);
      expect(filtersOf(broker, key)).toEqual([]);
      // Done, once.
      return [key];
    },
  },
];

interface Variant extends Omit<Cut, 'behind'> {
  /** With a store that answers a turn later: everything that leaves waits for its record. */
  readonly stored: boolean;
}

const variants: readonly Omit<Variant, 'direction'>[] = [
  { how: 'fin', connections: 1, stored: false },
  { how: 'rst', connections: 1, stored: false },
  // The connection that resumes is cut at the same place.
  { how: 'fin', connections: 2, stored: false },
  { how: 'rst', connections: 2, stored: true },
];

describe('every byte', { timeout: LIMIT_MS }, () => {
  describe.each(exchanges)('$name', (exchange) => {
    test.each(['up', 'down'] as const)(
      'cut after every byte %s: resumed, settled, as often as it may be [MQTT-4.4.0-1] [MQTT-4.3.3-1]',
      async (direction) => {
        const before = activeResources();
        const tried = await Promise.all(variants.map((variant) => cutEverywhere(exchange, { ...variant, direction })));
        // CONNECT, or CONNACK, and the exchange behind it.
        for (const { bytes } of tried) expect(bytes).toBeGreaterThan(direction === 'up' ? 40 : 10);
        // A QoS 1 message whose acknowledgement is cut off has to come twice: the cuts do fall into the exchange.
        if (exchange.repeatsWhenCut === direction) for (const { repeats } of tried) expect(repeats).toBeGreaterThan(0);
        expect(await leftBehind(before, AbortSignal.timeout(5_000))).toEqual({});
      },
    );
  });
});

/** Cuts behind 0, 1, 2, … bytes until there are no more of them. Resolves to how many there were, and how many messages came again. */
async function cutEverywhere(
  exchange: Exchange,
  cut: Variant,
): Promise<{ readonly bytes: number; readonly repeats: number }> {
  await using broker = await startBroker();
  await using observer = new Client({ brokers: broker.url });
  await observer.connect();
  const all = await observer.subscribe('out/#', { qos: 2 });
  const watching = textsUntilEnd(all);

  const times = new Map<string, number>();
  let behind = 0;
  let missed = 0;
  const lane = async (): Promise<void> => {
    while (missed < TAIL) {
      const at = behind++;
      const key = String(at).padStart(4, '0');
      const { reached, received } = await runOnce(exchange, broker, key, { ...cut, behind: at });
      times.set(key, received.filter((text) => text === key).length);
      if (!reached) missed += 1;
    }
  };
  await Promise.all(Array.from({ length: LANES / variants.length }, lane));
  await observer.publish('out/end', 'end', { qos: 2 });
  for (const text of await watching) times.set(text, (times.get(text) ?? 0) + 1);

  const wrong = [...times].filter(([, count]) => count < 1 || (count > 1 && !exchange.mayRepeat));
  expect(wrong).toEqual([]);
  return { bytes: behind - missed, repeats: [...times].filter(([, count]) => count > 1).length };
}

/** `reached` is false when the run was over before the cut was due. */
async function runOnce(
  exchange: Exchange,
  broker: Broker,
  key: string,
  cut: Cut & Variant,
): Promise<{ readonly reached: boolean; readonly received: readonly string[] }> {
  const relay = await startCuttingRelay(Number(new URL(broker.url).port), cut);
  const limit = new AbortController();
  const { signal } = limit;
  const timer = setTimeout(() => limit.abort(new Error('hangs')), 20_000);
  const client = new Client({
    brokers: relay.url,
    clientId: `c${key}`,
    reconnect: constantBackoff(1),
    retryInitialConnect: true,
    disconnectTimeoutMs: 2_000,
    stats: true,
    logger: silent,
    ...(cut.stored && { store: new SlowStore() }),
  });
  try {
    await client.connect({ signal });
    const received = await exchange.perform({ broker, client, key, signal });
    await roundTrip(client, signal);
    expect(client.stats()).toMatchObject({ publishesInflight: 0, publishesQueued: 0, protocolErrors: 0 });
    const reached = relay.cuts > 0;
    await client.disconnect({ signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    return { reached, received };
  } catch (error) {
    const { direction, behind, how, connections, stored } = cut;
    const where = `${direction}, behind ${behind} bytes, by ${how}, ${connections} times${stored ? ', stored' : ''}`;
    throw new Error(where, { cause: error });
  } finally {
    clearTimeout(timer);
    await client.disconnect();
    await relay.close();
  }
}

/** Answers as one on a disk would: later. */
class SlowStore implements SessionStore {
  readonly #inner = new MemorySessionStore();

  async load() {
    await Promise.resolve();
    return this.#inner.load();
  }

  async commit(operations: readonly SessionOperation[]): Promise<void> {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    this.#inner.commit(operations);
  }

  close(): void {
    this.#inner.close();
  }
}

/** Resolves when the broker has processed everything sent to it before, over as many connections as that takes. */
async function roundTrip(client: Client, signal: AbortSignal): Promise<void> {
  for (;;) {
    await client.awaitConnection({ signal });
    try {
      await client.ping({ signal });
      return;
    } catch (error) {
      if (signal.aborted) throw error;
    }
  }
}

async function taken(receiving: Promise<Message | undefined>): Promise<string> {
  const message = await receiving;
  message?.ack();
  return message?.text() ?? 'nothing: the stream ended';
}

async function textsUntilEnd(messages: AsyncIterable<Message>): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const message of messages) {
    if (message.text() === 'end') break;
    texts.push(message.text());
  }
  return texts;
}

function filtersOf(broker: Broker, key: string): readonly string[] {
  return broker.clients.find(({ clientId }) => clientId === `c${key}`)?.filters ?? ['no session'];
}

function ignore(): void {}

const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };
