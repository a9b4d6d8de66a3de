// SPDX-License-Identifier: Apache-2.0
//
// T-204: random subscribes, aborts, unsubscribes, drops and lost sessions against a small broker. Whenever everything has come to
// rest, the broker has exactly the filters of the open subscriptions, and a probe reaches each of them once per copy.

import { topicMatches } from '@mqttv5/wire';
import { expect, test } from 'vitest';

import type { Subscription } from '../api/receive.ts';
import type { ControlRequest } from '../session/effects.ts';
import { Bench, turn } from '../../test/subscriptions/bench.ts';

const FILTERS = ['a', 'a/b', 'a/+', 'a/#', '#', '+/b', '$share/g/a/+', '$share/g/a/b', '$share/h/a/b', '$SYS/#'];
const TOPICS = ['a', 'a/b', 'a/c', 'x/b', '$SYS/x'];
const SEEDS = 20;
const ROUNDS = 25;
const STEPS_PER_ROUND = 8;

/** mulberry32: the same run for the same seed. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Sent {
  readonly request: ControlRequest;
  /** What the broker answered, on its way to the client. */
  answer: readonly number[] | undefined;
}

/** Engine and broker: requests in order, answers later, both cut by drops. */
class World {
  readonly bench: Bench = new Bench();
  readonly #random: () => number;
  readonly #identifiers: boolean;
  /** The broker's session: identifier by filter. */
  #filters = new Map<string, number | undefined>();
  /** Open at the engine, in call order. Those that are not `onWire` are to be sent again. */
  #open: Sent[] = [];
  #onWire = new Set<ControlRequest>();
  #connected = false;

  constructor(seed: number) {
    this.#random = generator(seed);
    this.#identifiers = seed % 2 === 0;
    const { port } = this.bench;
    port.random = this.#random;
    port.request = (request) => {
      this.#open.push({ request, answer: undefined });
      this.#onWire.add(request);
    };
    port.withdrawRequest = (request) => {
      if (this.#onWire.has(request)) return false;
      const before = this.#open.length;
      this.#open = this.#open.filter((sent) => sent.request !== request);
      return this.#open.length < before;
    };
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  get filters(): string[] {
    return [...this.#filters.keys()].sort();
  }

  connect(fate: 'new' | 'lost' | 'resumed', inDoubt = false): void {
    this.#connected = true;
    if (fate === 'resumed') for (const { request } of this.#open) this.#onWire.add(request);
    else {
      this.#filters.clear();
      const lost = this.#open;
      this.#open = [];
      for (const { request } of lost) this.bench.registry.handleRequestSettled(request, { sessionLost: true });
    }
    this.bench.connect({ fate, inDoubt, info: { subscriptionIdentifierAvailable: this.#identifiers } });
  }

  drop(): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.#onWire.clear();
    // What the broker has done is done; its answers are gone.
    for (const sent of this.#open) sent.answer = undefined;
    this.bench.drop();
  }

  reconnect(): void {
    if (this.#connected) return;
    if (this.chance(0.3)) this.connect('lost');
    else {
      const inDoubt = this.chance(0.3);
      // The broker may have begun anew before the CONNACK that was lost.
      if (inDoubt && this.chance(0.5)) this.#filters.clear();
      this.connect('resumed', inDoubt);
    }
  }

  /** The broker reads one request, in order. */
  brokerStep(refuse: boolean): void {
    const sent = this.#open.find(({ request, answer }) => answer === undefined && this.#onWire.has(request));
    if (sent === undefined) return;
    const { request } = sent;
    sent.answer = request.filters.map(({ topicFilter, qos }) => {
      if (request.type === 'unsubscribe') return this.#filters.delete(topicFilter) ? 0x00 : 0x11;
      if (refuse && this.chance(0.3) && !this.#filters.has(topicFilter)) return 0x87;
      this.#filters.set(topicFilter, request.subscriptionIdentifier);
      return qos;
    });
  }

  /** One answer arrives, not necessarily the oldest (SUBACKs have no order). */
  answerStep(): void {
    const answered = this.#open.filter(({ answer }) => answer !== undefined);
    const sent = answered[this.below(answered.length)];
    if (sent?.answer === undefined) return;
    this.#open = this.#open.filter((each) => each !== sent);
    this.#onWire.delete(sent.request);
    this.bench.answer(sent.answer, sent.request);
  }

  async rest(): Promise<void> {
    await turn();
    this.reconnect();
    for (let i = 0; this.#open.length > 0; i++) {
      if (i > 1000) throw new Error('requests without end');
      this.brokerStep(false);
      this.answerStep();
      await turn();
    }
  }

  /** One copy per filter of the broker that matches. */
  probe(topic: string): string[] {
    const matching = this.filters.filter((filter) => topicMatches(filter, topic));
    for (const filter of matching) {
      const identifier = this.#filters.get(filter);
      this.bench.publish(
        topic,
        identifier === undefined ? {} : { properties: { subscriptionIdentifiers: [identifier] } },
      );
    }
    return matching;
  }

  expectedCopies(subscription: Subscription, matching: readonly string[]): number {
    const own = heldFilters(subscription);
    if (this.#identifiers) return matching.filter((filter) => own.includes(filter)).length;
    return matching.some((filter) => own.includes(filter)) ? matching.length : 0;
  }
}

function heldFilters(subscription: Subscription): string[] {
  return subscription.results.filter(({ reasonCode }) => reasonCode < 0x80).map(({ filter }) => filter);
}

async function expectModelHolds(seed: number): Promise<void> {
  const world = new World(seed);
  const open = new Set<Subscription>();
  const aborts: AbortController[] = [];
  world.connect('new');

  const someFilters = (): string[] => {
    const count = 1 + world.below(3);
    return Array.from({ length: count }, () => FILTERS[world.below(FILTERS.length)] ?? '#');
  };
  const step = (): void => {
    const dice = world.below(12);
    if (dice < 3) {
      const abort = new AbortController();
      aborts.push(abort);
      void world.bench.subscribe(someFilters(), { signal: abort.signal }).then(
        (subscription) => open.add(subscription),
        () => undefined,
      );
    } else if (dice === 3) open.add(world.bench.declare(someFilters()));
    else if (dice === 4) aborts.pop()?.abort();
    else if (dice < 7) {
      const [victim] = [...open].slice(world.below(open.size));
      if (victim === undefined) return;
      open.delete(victim);
      void victim.unsubscribe().catch(() => undefined);
    } else if (dice === 7) world.drop();
    else if (dice === 8) world.reconnect();
    else if (dice < 11) world.brokerStep(true);
    else world.answerStep();
  };

  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < STEPS_PER_ROUND; i++) {
      step();
      if (world.chance(0.5)) await turn();
    }
    await world.rest();
    await turn();
    for (const subscription of open) if (subscription.closed) open.delete(subscription);
    expect(world.filters, `seed ${seed}, round ${round}: filters`).toEqual(
      [...new Set([...open].flatMap((subscription) => heldFilters(subscription)))].sort(),
    );
    for (const topic of TOPICS) {
      for (const subscription of open) while (subscription.tryReceive() !== undefined);
      const matching = world.probe(topic);
      for (const subscription of open) {
        const where = `seed ${seed}, round ${round}: ${topic} for ${subscription.filters.map(({ filter }) => filter).join(' ')}`;
        expect(subscription.size, where).toBe(world.expectedCopies(subscription, matching));
      }
    }
  }
  expect(world.bench.registry.subscriptionCount).toBe(open.size);
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`T-204: the broker has what the open subscriptions hold, seed ${seed}`, () => expectModelHolds(seed));
}
