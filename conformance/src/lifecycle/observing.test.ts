// SPDX-License-Identifier: Apache-2.0
//
// What a program sees of its client: state, events, logs. And what it must never see: credentials.

import { inspect } from 'node:util';
import { Client, type ClientEvents, connect, constantBackoff, type Logger, MemorySessionStore } from '@mqttv5/core';
import { ScriptedBroker, startBroker } from '@mqttv5/testing';
import type { PublishPacket } from '@mqttv5/wire';
import { describe, expect, test, vi } from 'vitest';
import { connected, next, record, scripted, turn } from './setup.ts';

const every: Readonly<Record<keyof ClientEvents, true>> = {
  stateChange: true,
  connect: true,
  disconnect: true,
  connectError: true,
  reconnecting: true,
  serverDisconnect: true,
  serverRedirect: true,
  subscribeError: true,
  reauthenticated: true,
  storeError: true,
  drop: true,
  unmatched: true,
  handlerError: true,
  ackStalled: true,
  publishSettled: true,
  close: true,
};
// The Record has every name.
const everyEvent = Object.keys(every) as (keyof ClientEvents)[];

type Observe = (client: Client) => void;
type Provoke = (observe?: Observe, logger?: Logger) => Promise<Awaited<ReturnType<typeof connected>>>;

/** Each failure that somebody has to see. */
const provoke: Readonly<Record<'handlerError' | 'subscribeError' | 'storeError' | 'ackStalled' | 'close', Provoke>> = {
  async handlerError(observe, logger) {
    const world = await connected({ logger });
    observe?.(world.client);
    const handler = (): never => {
      throw new Error('no');
    };
    world.client.declare('in', { handler });
    await answerSubscribe(world, 0);
    world.connection.send(message(0));
    return world;
  },
  async subscribeError(observe, logger) {
    const world = await connected({ logger });
    observe?.(world.client);
    world.client.declare('in');
    await answerSubscribe(world, 0x87);
    return world;
  },
  async storeError(observe, logger) {
    const store = new MemorySessionStore();
    const world = await connected({ logger, store, clientId: 'c' });
    observe?.(world.client);
    world.client.publish('a', 'x', { qos: 1 }).catch(() => undefined); // its code is a test of its own
    const { packetIdentifier } = await world.connection.expect('publish');
    store.commit = () => {
      throw new Error('disk broken');
    };
    world.connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    return world;
  },
  async ackStalled(observe, logger) {
    const world = await connected({ logger, ackStallMs: 5, receiveMaximum: 2 });
    observe?.(world.client);
    const subscription = world.client.declare('in', { qos: 1, ack: 'manual' });
    await answerSubscribe(world, 1);
    for (const packetIdentifier of [1, 2]) world.connection.send({ ...message(1), packetIdentifier });
    await subscription.receive();
    (await subscription.receive())?.ack();
    return world;
  },
  async close(observe, logger) {
    const world = await connected({ logger, reconnect: false });
    observe?.(world.client);
    world.connection.drop();
    return world;
  },
};

/** Turn after turn, until it is so. */
async function until(condition: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 5_000; !condition(); await turn())
    if (performance.now() > deadline) throw new Error('it never was');
}

async function answerSubscribe(
  { connection }: Awaited<ReturnType<typeof connected>>,
  reasonCode: number,
): Promise<void> {
  const { packetIdentifier } = await connection.expect('subscribe');
  connection.send({ type: 'suback', packetIdentifier, reasonCodes: [reasonCode] });
}

function message(qos: 0 | 1): PublishPacket {
  const payload = new Uint8Array(1);
  return { type: 'publish', topicName: 'in', payload, qos, retain: false, dup: false, packetIdentifier: 0 };
}

describe('state', () => {
  test('idle, connecting, connected, reconnecting, connected, closing, closed: each change is told once (S-091)', async () => {
    const { broker, client } = scripted({ clientId: 'me' });
    const seen: string[] = [];
    client.on('stateChange', (state) => seen.push(`${state} ${client.connected}`));
    expect([client.state, client.connected, client.serverInfo, client.clientId]).toEqual([
      'idle',
      false,
      undefined,
      'me',
    ]);
    const connecting = client.connect();
    const first = await broker.accept();
    await first.handshake();
    await connecting;
    await turn();
    first.drop();
    await next(client, 'reconnecting');
    expect(client.serverInfo).toBeUndefined();
    await (await broker.accept()).handshake({ sessionPresent: true });
    await next(client, 'connect');
    await client.disconnect();
    await turn();
    expect(seen.map((each) => each.split(' ')[0])).toEqual([
      'connecting',
      'connected',
      'reconnecting',
      'connected',
      'closing',
      'closed',
    ]);
  });
});

describe('events', () => {
  test('`connect` after every CONNACK, with what it says (S-062)', async () => {
    const { broker, client } = scripted();
    const seen = record(client, 'connect');
    const connecting = client.connect();
    const first = await broker.accept();
    await first.handshake({ properties: { receiveMaximum: 7 } });
    await connecting;
    first.drop();
    await (await broker.accept()).handshake({ sessionPresent: true, properties: { receiveMaximum: 8 } });
    await next(client, 'connect');
    expect(seen.map(({ payload }) => payload)).toMatchObject([
      { sessionPresent: false, receiveMaximum: 7 },
      { sessionPresent: true, receiveMaximum: 8 },
    ]);
  });

  test('`connectError` for every failed attempt, `reconnecting` before every wait, with number and broker (S-064, S-065, T-156)', async () => {
    let up = true;
    const broker = ScriptedBroker.inMemory();
    const { client } = scripted({
      brokers: ['mqtt://one', 'mqtt://two'],
      maximumReconnectAttempts: 3,
      dial: (url, options) => (up ? broker.dial(url, options) : Promise.reject(new Error('down'))),
    });
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake();
    await connecting;
    const seen = record(client, 'reconnecting', 'connectError');
    up = false;
    connection.drop();
    await next(client, 'close');
    const told = seen.map(({ name, payload }) => {
      const { attempt, broker: url } = payload as { attempt: number; broker: URL };
      return `${name} ${attempt} ${url.hostname}`;
    });
    expect(told).toEqual([
      'reconnecting 1 one',
      'connectError 1 one',
      'reconnecting 2 two',
      'connectError 2 two',
      'reconnecting 3 one',
      'connectError 3 one',
    ]);
  });

  test('`serverDisconnect` comes before `disconnect`, with all it says, and setBrokers in it counts for the next attempt (S-066, S-090, S-145)', async () => {
    const dialled: string[] = [];
    const broker = ScriptedBroker.inMemory();
    const { client } = scripted({
      dial: (url, options) => {
        dialled.push(url.host);
        return broker.dial(url, options);
      },
    });
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake();
    await connecting;
    const seen = record(client, 'serverDisconnect', 'disconnect');
    client.on('serverDisconnect', ({ serverReference }) => client.setBrokers(`mqtt://${serverReference}`));
    const properties = {
      reasonString: 'maintenance',
      serverReference: 'other:1999',
      userProperties: [['k', 'v']],
    } as const;
    connection.send({ type: 'disconnect', reasonCode: 0x8b, properties });
    await (await broker.accept()).handshake();
    expect(seen).toEqual([
      { name: 'serverDisconnect', payload: { reasonCode: 0x8b, ...properties } },
      {
        name: 'disconnect',
        payload: {
          error: expect.objectContaining({ code: 'SERVER_DISCONNECTED', reasonCode: 0x8b }),
          willReconnect: true,
        },
      },
    ]);
    expect(dialled).toEqual(['scripted:1883', 'other:1999']);
  });

  test('listeners run in order, one event after the other, off the protocol path, and may call anything (V-089)', async () => {
    const { broker, client, connection } = await connected();
    const order: string[] = [];
    client.on('disconnect', () => {
      order.push('disconnect 1');
      client.on('reconnecting', () => order.push('reconnecting, added by a listener'));
      void client.publish('from a listener', 'x', { qos: 1 }).catch(() => undefined); // ends with the client
    });
    client.on('disconnect', () => order.push('disconnect 2'));
    connection.drop();
    order.push('drop() has returned');
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    expect((await second.expect('publish')).topicName).toBe('from a listener');
    expect(order).toEqual(['drop() has returned', 'disconnect 1', 'disconnect 2', 'reconnecting, added by a listener']);
  });

  test('one that throws, or rejects, harms nobody and is logged', async () => {
    const lines: string[] = [];
    const { broker, client, connection } = await connected({ logger: into(lines) });
    client.on('disconnect', () => {
      throw new Error('in a listener');
    });
    const rejects: unknown = () => Promise.reject(new Error('later, in a listener'));
    // What plain JavaScript may hand in.
    client.on('disconnect', rejects as ClientEvents['disconnect']);
    const seen = record(client, 'disconnect');
    connection.drop();
    await (await broker.accept()).handshake({ sessionPresent: true });
    await next(client, 'connect');
    expect(seen).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith('error') && line.includes('in a listener'))).toHaveLength(2);
  });

  test('removed is removed, twice over; a name there is not is an INVALID_OPTION', async () => {
    const { client } = scripted();
    const seen: unknown[] = [];
    const off = client.on('stateChange', (state) => seen.push(state));
    off();
    off();
    await client.connect({ signal: AbortSignal.timeout(1) }).catch(() => undefined);
    await turn();
    expect(seen).toEqual([]);
    // @ts-expect-error: no such event
    expect(() => client.on('connected', () => undefined)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});

describe('logger (S-060)', () => {
  test('connecting is info, a failed attempt and a lost connection warn, the end by a failure error', async () => {
    const lines: string[] = [];
    const { broker, client, connection } = await connected({ logger: into(lines), maximumReconnectAttempts: 1 });
    connection.drop();
    const second = await broker.accept();
    await second.expect('connect');
    second.send({ type: 'connack', sessionPresent: false, reasonCode: 0x88 });
    await next(client, 'close');
    const levels = lines.map((line) => line.split(' ')[0]);
    expect(new Set(levels)).toEqual(new Set([...levels.filter((level) => level === 'debug'), 'info', 'warn', 'error']));
    expect(lines.filter((line) => line.startsWith('warn'))).toHaveLength(2);
  });

  test('console fits', async () => {
    const spies = (['debug', 'info', 'warn', 'error'] as const).map((level) =>
      vi.spyOn(console, level).mockReturnValue(),
    );
    const { client } = await connected({ logger: console });
    await client.disconnect();
    expect(spies.flatMap((spy) => spy.mock.calls)).not.toEqual([]);
  });
});

test('a logger that throws harms nobody: connections, losses and events go on', async () => {
  const fail = (): never => {
    throw new Error('disk full');
  };
  const logger = { debug: fail, info: fail, warn: fail, error: fail };
  const { broker, client, connection } = await connected({ logger });
  const seen = record(client, 'disconnect', 'connect', 'close');
  client.on('disconnect', fail);
  connection.drop();
  const second = await broker.accept();
  await second.handshake({ sessionPresent: true });
  await client.awaitConnection();
  second.send({ type: 'connack', sessionPresent: false, reasonCode: 0 });
  await (await broker.accept()).handshake({ sessionPresent: true });
  await client.awaitConnection();
  await client.disconnect();
  await turn();
  const names = ['disconnect', 'connect', 'disconnect', 'connect', 'close'];
  expect(seen.map(({ name }) => name)).toEqual(names);
});

describe('no failure is silent: without listener and logger it is written with console.error', () => {
  const ends: ReadonlySet<string> = new Set(['close', 'storeError']);
  const failures = Object.keys(provoke) as (keyof typeof provoke)[];

  const lineOf = (name: string): RegExp => new RegExp(`\\b${name}\\b`);

  test.each(failures)('%s', async (name) => {
    const written = vi.spyOn(console, 'error').mockReturnValue();
    const world = await provoke[name]();
    await until(() => written.mock.calls.some(([line]) => lineOf(name).test(String(line))));
    expect(world.client.state).toBe(ends.has(name) ? 'closed' : 'connected');
  });

  test.each(failures)('%s with a listener is not', async (name) => {
    const written = vi.spyOn(console, 'error').mockReturnValue();
    let heard = false;
    const listen = (client: Client): void => {
      client.on(name, () => {
        heard = true;
      });
    };
    await provoke[name](listen);
    await until(() => heard);
    expect(written.mock.calls.filter(([line]) => lineOf(name).test(String(line)))).toEqual([]);
  });

  test.each(failures)('%s with a logger is an error of the logger', async (name) => {
    const written = vi.spyOn(console, 'error').mockReturnValue();
    const lines: string[] = [];
    await provoke[name](undefined, into(lines));
    await until(() => lines.some((line) => line.startsWith('error') && lineOf(name).test(line)));
    expect(written).not.toHaveBeenCalled();
  });
});

describe('what a function of the application throws is said once where nobody waits for it:', () => {
  const failure = new TypeError('of the application');
  const fail = (): never => {
    throw failure;
  };
  const failing = {
    reconnect: { reconnect: fail },
    shouldReconnect: { shouldReconnect: fail },
    followServerRedirects: { followServerRedirects: fail },
  };
  type Failing = keyof typeof failing;
  const options = Object.keys(failing) as Failing[];

  /** The end of the connection makes the client ask each of them. */
  async function loseConnection(name: Failing, logger: Logger | undefined): Promise<void> {
    const { client, connection } = await connected({ logger, ...failing[name] });
    client.on('close', () => undefined);
    const lost = next(client, 'disconnect');
    connection.send({ type: 'disconnect', reasonCode: 0x9c, properties: { serverReference: 'elsewhere' } });
    await lost;
  }

  test.each(options)('%s, without a logger, on the console', async (name) => {
    const written = vi.spyOn(console, 'error').mockReturnValue();
    await loseConnection(name, undefined);
    expect(written.mock.calls).toEqual([[`mqtt: ${name} failed`, failure]]);
  });

  test.each(options)('%s, with a logger, as its error', async (name) => {
    const written = vi.spyOn(console, 'error').mockReturnValue();
    const lines: string[] = [];
    await loseConnection(name, into(lines));
    expect(lines.filter((line) => line.startsWith(`error mqtt: ${name} failed`))).toHaveLength(1);
    expect(written).not.toHaveBeenCalled();
  });
});

describe('no password, no user info of a URL', () => {
  const secrets = ['hunter2', 'url-user', 'url-secret', 'option-user'];

  test('in events, errors, logs or what the client shows, whatever fails', async () => {
    const seen: unknown[] = [];
    const lines: string[] = [];
    const observe = (client: Client): void => {
      for (const name of everyEvent) client.on(name, (payload?: unknown) => seen.push(payload));
    };
    await using broker = await startBroker({ authenticate: ({ username }) => username !== 'refused' });
    const at = broker.url.replace('mqtt://', '');
    const common = { logger: into(lines), reconnect: constantBackoff(1) };
    const clients = [
      new Client({ ...common, brokers: `mqtt://url-user:url-secret@${at}` }),
      new Client({ ...common, brokers: broker.url, username: 'option-user', password: 'hunter2' }),
      new Client({
        ...common,
        brokers: [`mqtt://url-user:url-secret@127.0.0.1:1`, 'mqtt://url-user:url-secret@[::1]:2'],
      }),
      new Client({ ...common, brokers: `mqtt://refused:url-secret@${at}` }),
      new Client({
        ...common,
        brokers: `mqtt://url-user:url-secret@${at}`,
        connectTimeoutMs: 20,
        dial: () => Promise.withResolvers<never>().promise,
      }),
      new Client({
        ...common,
        brokers: `mqtt://url-user:url-secret@${at}`,
        prepareConnect: () => {
          throw new Error('token service down');
        },
      }),
    ];
    for (const client of clients) {
      observe(client);
      seen.push(await client.connect().catch((error: unknown) => error));
    }
    broker.dropConnections();
    for (const client of clients) {
      seen.push(client.serverInfo, client);
      await client.disconnect();
    }
    for (const url of [
      'mqtt://url-user:url-secret@',
      'url-user:url-secret@host:1883',
      'foo://url-user:url-secret@host',
    ])
      seen.push(await connect(url, { password: 'hunter2' }).catch((error: unknown) => error));
    const text = [
      ...seen.map((each) => `${inspect(each, { depth: 12, showHidden: true })} ${String(each)}`),
      ...lines,
    ].join('\n');
    for (const secret of secrets) expect(text.split('\n').filter((line) => line.includes(secret))).toEqual([]);
    expect(text).toContain('CONNECT_REFUSED');
  });
});

/** What a logger was given, everything in it spelt out. */
function into(lines: string[]): Logger {
  const at = (level: string) => (text: string, details?: object) =>
    void lines.push(`${level} ${text} ${inspect(details, { depth: 12, showHidden: true })}`);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
