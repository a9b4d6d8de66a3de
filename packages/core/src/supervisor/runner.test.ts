// SPDX-License-Identifier: Apache-2.0

import type { Packet } from '@mqttv5/wire';
import { expect, test } from 'vitest';
import type { SessionOperation, SessionStore } from '../api/store.ts';
import type { Link } from '../connection/link.ts';
import type { PublishExchange } from '../session/effects.ts';
import { Counters } from '../stats.ts';
import { SessionRunner } from './runner.ts';

const MARK = 1000;

/** A store whose commits the test lets through, or refuses, one by one. */
class ManualStore implements SessionStore {
  readonly #log: string[];
  readonly pending: { resolve(): void; reject(error: unknown): void }[] = [];

  constructor(log: string[]) {
    this.#log = log;
  }

  load(): [] {
    return [];
  }

  commit(operations: readonly SessionOperation[]): Promise<void> {
    this.#log.push(`commit ${operations.map(({ key }) => key).join()}`);
    return new Promise((resolve, reject) => {
      this.pending.push({ resolve, reject });
    });
  }

  close(): void {}
}

/** Of a link, what a runner uses. */
function fakeLink(log: string[], name = 'link') {
  const link = {
    unsentBytes: 0,
    hasRoom: true,
    send(packet: Packet): boolean {
      log.push(`${name} ${packet.type} ${'packetIdentifier' in packet ? packet.packetIdentifier : ''}`.trim());
      return true;
    },
  };
  return link as unknown as Link;
}

/** Of an exchange, what a runner uses. */
function fakeExchange(log: string[], packetIdentifier: number) {
  const exchange = { settled: false, packetIdentifier, markWritten: () => log.push(`written ${packetIdentifier}`) };
  return exchange as unknown as PublishExchange & { settled: boolean };
}

function setUp(store: (log: string[]) => SessionStore | undefined = () => undefined) {
  const log: string[] = [];
  const name = (exchange: PublishExchange): string => String(exchange.packetIdentifier);
  const targets = {
    deliver: () => log.push('deliver'),
    publishSettled: (exchange: PublishExchange) => log.push(`settled ${name(exchange)}`),
    requestSettled: () => log.push('request settled'),
    violation: () => log.push('violation'),
    room: () => log.push('room'),
    firstPutsFailed: (exchanges: readonly PublishExchange[]) =>
      log.push(`first puts failed ${exchanges.map(name).join()}`),
    storeFailed: (_: unknown, unsettled: readonly PublishExchange[]) =>
      log.push(`store failed, unsettled ${unsettled.map(name).join()}`),
  };
  const made = store(log);
  const runner = new SessionRunner(made, targets, new Counters(), MARK);
  runner.bind(fakeLink(log));
  return { log, runner, store: made };
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function put(key: string): SessionOperation {
  return { type: 'put', key, value: new Uint8Array(1) };
}

const puback = (packetIdentifier: number): Packet => ({ type: 'puback', packetIdentifier, reasonCode: 0 });
const publish = (bytes: number): Packet => ({
  type: 'publish',
  topicName: 't',
  payload: new Uint8Array(bytes),
  qos: 1,
  retain: false,
  dup: false,
  packetIdentifier: 1,
});

test('without a store everything happens in the call that decides it: no turn is lost', () => {
  const { log, runner } = setUp();
  const exchange = fakeExchange(log, 1);
  expect(runner.send(puback(7), exchange)).toBe(true);
  runner.settlePublish(exchange, { result: { reasonCode: 0 } });
  expect(log).toEqual(['written 1', 'link puback 7', 'settled 1']);
  expect(runner.committed()).toBeUndefined();
});

test('all records of a turn are one commit, and nothing decided after the first leaves before it, in the order of decision (I-01)', async () => {
  const { log, runner, store } = setUp((calls) => new ManualStore(calls));
  const exchange = fakeExchange(log, 1);
  runner.send(puback(1));
  runner.persist(put('o/1'), exchange);
  runner.send(publish(1), exchange);
  runner.persist(put('i/2'));
  runner.settlePublish(exchange, { result: { reasonCode: 0 } });
  runner.send(puback(2));
  const committed = runner.committed();
  await Promise.resolve();
  expect(log).toEqual(['link puback 1', 'commit o/1,i/2']);
  (store as ManualStore).pending[0]?.resolve();
  await committed;
  expect(log.slice(2)).toEqual(['written 1', 'link publish 1', 'settled 1', 'link puback 2']);
});

test('what is decided during a commit joins the next one, and waits for it', async () => {
  const { log, runner, store } = setUp((calls) => new ManualStore(calls));
  runner.persist(put('a'));
  await Promise.resolve();
  runner.persist(put('b'));
  runner.send(puback(1));
  runner.persist(put('c'));
  const committed = runner.committed();
  (store as ManualStore).pending[0]?.resolve();
  await turn();
  expect(log).toEqual(['commit a', 'commit b,c']);
  (store as ManualStore).pending[1]?.resolve();
  await committed;
  expect(log.at(-1)).toBe('link puback 1');
});

test('packets of a connection that ended during the commit are dropped; settlements are not', async () => {
  const { log, runner, store } = setUp((calls) => new ManualStore(calls));
  const exchange = fakeExchange(log, 1);
  runner.persist(put('o/1'));
  runner.send(publish(1), exchange);
  runner.settlePublish(exchange, { result: { reasonCode: 0 } });
  await Promise.resolve();
  runner.unbind();
  runner.bind(fakeLink(log, 'next link'));
  (store as ManualStore).pending[0]?.resolve();
  await runner.committed();
  expect(log).toEqual(['commit o/1', 'settled 1']);
});

test('a PUBLISH that was withdrawn during the commit is not sent', async () => {
  const { log, runner, store } = setUp((calls) => new ManualStore(calls));
  const exchange = fakeExchange(log, 1);
  runner.persist(put('o/1'), exchange);
  runner.send(publish(1), exchange);
  await Promise.resolve();
  exchange.settled = true;
  (store as ManualStore).pending[0]?.resolve();
  await runner.committed();
  expect(log).toEqual(['commit o/1']);
});

test('a failed batch is tried once more without the first records of new publishes; only those fail (I-07, T-041)', async () => {
  const { log, runner, store } = setUp((calls) => new ManualStore(calls));
  const fresh = fakeExchange(log, 1);
  runner.persist(put('o/1'), fresh);
  runner.persist(put('o/2'));
  runner.send(puback(3));
  const committed = runner.committed();
  await Promise.resolve();
  (store as ManualStore).pending[0]?.reject(new Error('disk full'));
  await turn();
  (store as ManualStore).pending[1]?.resolve();
  await committed;
  expect(log).toEqual(['commit o/1,o/2', 'commit o/2', 'first puts failed 1', 'link puback 3']);
});

test('any other failed commit is final: nothing leaves, and what was to be settled is handed over (I-07, T-046, T-047)', async () => {
  const { log, runner, store } = setUp((calls) => new ManualStore(calls));
  const exchange = fakeExchange(log, 4);
  runner.persist(put('o/4'));
  runner.send(puback(3));
  runner.settlePublish(exchange, { result: { reasonCode: 0 } });
  await Promise.resolve();
  (store as ManualStore).pending[0]?.reject(new Error('I/O error'));
  await turn();
  runner.persist(put('o/5'));
  await turn();
  expect(log).toEqual(['commit o/4', 'store failed, unsettled 4']);
});

test('a synchronous store costs one microtask and no promise of its own', async () => {
  const commits: string[] = [];
  const { log, runner } = setUp(() => ({
    load: () => [],
    commit: (operations) => void commits.push(operations.map(({ key }) => key).join()),
    close: () => undefined,
  }));
  runner.persist(put('o/1'));
  runner.send(puback(1));
  expect(log).toEqual([]);
  await Promise.resolve();
  expect([commits, log]).toEqual([['o/1'], ['link puback 1']]);
});

test('held packets take room like unsent bytes, and room is told when they are out', async () => {
  const { log, runner, store } = setUp((calls) => new ManualStore(calls));
  runner.persist(put('o/1'));
  expect(runner.send(publish(10))).toBe(true);
  expect(runner.send(publish(MARK))).toBe(false);
  await Promise.resolve();
  (store as ManualStore).pending[0]?.resolve();
  await runner.committed();
  expect(log).toEqual(['commit o/1', 'link publish 1', 'link publish 1', 'room']);
});

test('room that held packets have taken is given back when they are out, and told once', async () => {
  const { log, runner, store } = setUp((calls) => new ManualStore(calls));
  for (const [commit, bytes] of [MARK, 10, 10].entries()) {
    runner.persist(put('o/1'));
    // What went out with the commit before is not held any more.
    expect(runner.send(publish(bytes))).toBe(bytes < MARK);
    await Promise.resolve();
    (store as ManualStore).pending[commit]?.resolve();
    await runner.committed();
  }
  expect(log.filter((each) => each === 'room')).toHaveLength(1);
});
