// SPDX-License-Identifier: Apache-2.0
//
// QueuePublisher, client and session as they work together, against a broker that does what the test says. Here and not in
// core, whose tests have neither a broker nor a durable queue.

import { getEventListeners } from 'node:events';
import {
  Client,
  constantBackoff,
  isMqttError,
  MemoryPublisherQueue,
  MemorySessionStore,
  MqttError,
  QueuePublisher,
} from '@mqttv5/core';
import type {
  ClientOptions,
  ErrorCode,
  PublisherQueue,
  QueueEntry,
  QueueOptions,
  QueuePublishOptions,
  SessionOperation,
} from '@mqttv5/core';
import { ScriptedBroker } from '@mqttv5/testing';
import type { ScriptedConnection } from '@mqttv5/testing';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { temporaryDirectory } from '@mqttv5/support/temporary-directory';

type PublishPacket = Extract<ScriptedConnection['received'][number], { type: 'publish' }>;

interface Setting {
  readonly client?: Partial<ClientOptions>;
  readonly queue?: PublisherQueue;
  readonly options?: QueueOptions;
  readonly broker?: ScriptedBroker;
}

/** Client, queue and publisher, not connected yet. */
class Bench {
  readonly broker: ScriptedBroker;
  readonly client: Client;
  readonly queue: PublisherQueue;
  readonly publisher: QueuePublisher;

  constructor({ client, queue, options, broker }: Setting = {}) {
    this.broker = broker ?? ScriptedBroker.inMemory();
    this.client = new Client({
      brokers: this.broker.url,
      dial: this.broker.dial,
      clientId: 'gateway',
      keepAlive: false,
      disconnectTimeoutMs: 1,
      reconnect: constantBackoff(1),
      ...client,
    });
    this.queue = queue ?? new MemoryPublisherQueue();
    this.publisher = new QueuePublisher(this.client, this.queue, { retryBackoff: constantBackoff(5), ...options });
    onTestFinished(async () => {
      await this.client.disconnect();
      await this.publisher.close();
      await this.broker.close();
    });
  }

  async connect(connack?: Parameters<ScriptedConnection['handshake']>[0]): Promise<ScriptedConnection> {
    const connecting = this.client.connect();
    const connection = await this.broker.accept();
    await connection.handshake(connack);
    await connecting;
    return connection;
  }

  async publish(topic: string, options?: QueuePublishOptions) {
    return await this.publisher.publish(topic, `payload of ${topic}`, options);
  }

  async inQueue(): Promise<readonly QueueEntry[]> {
    return await this.queue.peek(-1, 1000);
  }
}

function puback({ packetIdentifier }: PublishPacket, reasonCode: number = 0) {
  return { type: 'puback', packetIdentifier, reasonCode } as const;
}

/** Expects PUBLISH packets with these topics, in this order. */
async function expectPublishes(
  connection: ScriptedConnection,
  ...topics: readonly string[]
): Promise<readonly PublishPacket[]> {
  const packets: PublishPacket[] = [];
  for (const topic of topics) {
    const packet = await connection.expect('publish');
    expect(packet.topicName).toBe(topic);
    packets.push(packet);
  }
  return packets;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return isMqttError(error) ? error.code : `not an MqttError: ${String(error)}`;
  }
  return 'no error';
}

/** A logger that keeps what is an error. */
function errorLog() {
  const errors: unknown[] = [];
  const ignore = (): void => undefined;
  const error = (...line: unknown[]): void => void errors.push(line);
  return { errors, logger: { debug: ignore, info: ignore, warn: ignore, error } };
}

/** Dead letters as they come, and a wait for the next one. */
function deadLetters() {
  const letters: [id: string, code: ErrorCode][] = [];
  const waiting: (() => void)[] = [];
  const onDeadLetter = (entry: QueueEntry, error: MqttError): void => {
    expect(entry.dead).toBe(error.code);
    letters.push([entry.id, error.code]);
    for (const resolve of waiting.splice(0)) resolve();
  };
  const count = async (expected: number): Promise<void> => {
    while (letters.length < expected) await new Promise<void>((resolve) => void waiting.push(resolve));
  };
  return { letters, onDeadLetter, count };
}

describe('publish', () => {
  test('resolves when the entry is in the queue, connected or not (T-251)', async () => {
    const bench = new Bench();
    const { id } = await bench.publish('a');
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(await bench.inQueue()).toMatchObject([{ id, topic: 'a', dead: undefined, options: { qos: 1 } }]);
    expect(bench.publisher.size).toBe(1);
  });

  test('what was queued offline is sent in order after connect, and the queue ends empty (T-252, Q-01)', async () => {
    const bench = new Bench();
    const handles = [await bench.publish('a'), await bench.publish('b', { qos: 2 }), await bench.publish('c')];
    const connection = await bench.connect();
    const [a, b, c] = await expectPublishes(connection, 'a', 'b', 'c');
    if (a === undefined || b === undefined || c === undefined) return;
    expect([a.qos, b.qos, c.qos]).toEqual([1, 2, 1]);
    connection.send(puback(a));
    connection.send({ type: 'pubrec', packetIdentifier: b.packetIdentifier, reasonCode: 0 });
    await connection.expect('pubrel');
    connection.send({ type: 'pubcomp', packetIdentifier: b.packetIdentifier, reasonCode: 0 });
    connection.send(puback(c, 0x10));
    const results = await Promise.all(handles.map(({ delivered }) => delivered()));
    expect(results.map(({ reasonCode }) => reasonCode)).toEqual([0, 0, 0x10]);
    await bench.publisher.flush();
    expect(await bench.inQueue()).toEqual([]);
  });

  test('takes every option to the broker, and owns the payload (T-238)', async () => {
    const bench = new Bench();
    const payload = Uint8Array.of(1, 2, 3);
    const correlationData = Uint8Array.of(4, 5);
    await bench.publisher.publish('a', payload, {
      retain: true,
      contentType: 'text/plain',
      payloadFormatIndicator: 1,
      responseTopic: 'r',
      correlationData,
      userProperties: { name: 'value' },
    });
    payload.fill(9);
    correlationData.fill(9);
    const connection = await bench.connect();
    expect(await connection.expect('publish')).toMatchObject({
      retain: true,
      payload: Uint8Array.of(1, 2, 3),
      properties: {
        contentType: 'text/plain',
        payloadFormatIndicator: 1,
        responseTopic: 'r',
        correlationData: Uint8Array.of(4, 5),
        userProperties: [['name', 'value']],
      },
    });
  });

  test('an id that is in the queue gives the existing message', async () => {
    const bench = new Bench();
    await bench.publish('a', { id: 'mine' });
    const again = await bench.publish('b', { id: 'mine' });
    expect(again.id).toBe('mine');
    expect(bench.publisher.size).toBe(1);
    const connection = await bench.connect();
    const [packet] = await expectPublishes(connection, 'a');
    if (packet) connection.send(puback(packet, 0x10));
    expect(await again.delivered()).toEqual({ reasonCode: 0x10 });
  });

  test('an id whose message is dead gives the dead one: delivered() says why, and nothing is added', async () => {
    const taken = Gate.of<void>();
    const queue = new MemoryPublisherQueue();
    const onDeadLetter = async (): Promise<void> => await taken.promise;
    const bench = new Bench({ queue, options: { onDeadLetter } });
    await bench.publish('a', { id: 'mine' });
    const connection = await bench.connect();
    const [packet] = await expectPublishes(connection, 'a');
    if (packet) connection.send(puback(packet, 0x87));
    await expect((await bench.publish('b', { id: 'mine' })).delivered()).rejects.toMatchObject({
      code: 'PUBLISH_REFUSED',
      reasonCode: 0x87,
    });
    taken.resolve();
    await bench.publisher.flush();
    // Of one that died in an earlier process the code is left.
    const unbounded = { maximumSize: 10, overflow: 'dropNewest', keep: new Set<number>() } as const;
    const entry = { id: 'c', topic: 'c', payload: new Uint8Array(0), options: {}, enqueuedAt: 0, expiresAt: undefined };
    await bench.client.disconnect();
    queue.markDead(queue.enqueue(entry, unbounded).entry.sequence, 'PACKET_TOO_LARGE');
    const again = await bench.publish('c', { id: 'c' });
    expect(await codeOf(again.delivered())).toBe('PACKET_TOO_LARGE');
    expect(bench.publisher.size).toBe(0);
    expect(connection.received.filter(({ type }) => type === 'publish')).toHaveLength(1);
  });

  test('idempotencyKey adds the id as a user property, once (T-238)', async () => {
    const bench = new Bench({ options: { idempotencyKey: true } });
    const { id } = await bench.publish('a', { userProperties: [['x', '1']] });
    await bench.publish('b', { id: 'mine' });
    await bench.publish('c', { id: 'other', userProperties: { 'mqttv5-msg-id': 'own' } });
    const connection = await bench.connect();
    const packets = await expectPublishes(connection, 'a', 'b', 'c');
    expect(packets.map(({ properties }) => properties?.userProperties)).toEqual([
      [
        ['x', '1'],
        ['mqttv5-msg-id', id],
      ],
      [['mqttv5-msg-id', 'mine']],
      [['mqttv5-msg-id', 'own']],
    ]);
  });

  test.each([
    ['QOS0_NOT_QUEUEABLE', 'a', { qos: 0 }],
    ['INVALID_OPTION', 'a', { qos: 3 }],
    ['INVALID_TOPIC', 'a/#', {}],
    ['INVALID_TOPIC', '', {}],
    ['TOPIC_ALIAS_INVALID', 'a', { topicAlias: 1 }],
    ['INVALID_OPTION', 'a', { id: '' }],
    ['INVALID_OPTION', 'a', { id: 7 }],
    ['INVALID_OPTION', 'a', { ttl: 7 }],
    ['FIELD_TOO_LONG', 'a', { contentType: 'x'.repeat(70_000) }],
  ])('%s is found before anything is queued (T-237): %s %o', async (code, topic, options) => {
    const bench = new Bench();
    // What a program in JavaScript can pass.
    expect(await codeOf(bench.publish(topic, options as QueuePublishOptions))).toBe(code);
    expect(await bench.inQueue()).toEqual([]);
  });

  test('an aborted signal rejects with its reason and queues nothing', async () => {
    const bench = new Bench();
    const reason = new TypeError('enough');
    await expect(bench.publish('a', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(bench.publisher.size).toBe(0);
  });

  test('signal ends the wait of delivered(), not the message', async () => {
    const bench = new Bench();
    const { delivered } = await bench.publish('a');
    const abort = new AbortController();
    const waiting = delivered({ signal: abort.signal });
    abort.abort(new TypeError('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(bench.publisher.size).toBe(1);
  });
});

describe('the window', () => {
  test('holds as many in flight as it says, begun in queue order (T-239, Q-01)', async () => {
    const bench = new Bench({ options: { window: 2 } });
    for (const topic of ['a', 'b', 'c', 'd']) await bench.publish(topic);
    const connection = await bench.connect();
    const [a, b] = await expectPublishes(connection, 'a', 'b');
    await bench.client.publish('marker', '', { qos: 0 });
    expect((await connection.expect('publish')).topicName).toBe('marker');
    if (b) connection.send(puback(b));
    const [c] = await expectPublishes(connection, 'c');
    if (a) connection.send(puback(a));
    const [d] = await expectPublishes(connection, 'd');
    for (const packet of [c, d]) if (packet) connection.send(puback(packet));
    await bench.publisher.flush();
  });

  test('one exchange per message, however long the broker takes and however often the connection drops (T-242, Q-03)', async () => {
    const bench = new Bench();
    await bench.publish('a');
    const first = await bench.connect();
    const [before] = await expectPublishes(first, 'a');
    first.drop();
    const second = await bench.broker.accept();
    await second.handshake({ sessionPresent: true });
    const [after] = await expectPublishes(second, 'a');
    expect([after?.dup, after?.packetIdentifier]).toEqual([true, before?.packetIdentifier]);
    if (after) second.send(puback(after));
    await bench.publisher.flush();
    expect(second.received.filter(({ type }) => type === 'publish')).toHaveLength(1);
  });

  test('a session that is lost is published anew, once, with the same idempotency id (T-248)', async () => {
    const bench = new Bench({ options: { idempotencyKey: true } });
    await bench.publish('a', { id: 'mine' });
    const first = await bench.connect();
    await expectPublishes(first, 'a');
    first.drop();
    const second = await bench.broker.accept();
    await second.handshake({ sessionPresent: false });
    const [again] = await expectPublishes(second, 'a');
    expect([again?.dup, again?.properties?.userProperties]).toEqual([false, [['mqttv5-msg-id', 'mine']]]);
    if (again) second.send(puback(again));
    await bench.publisher.flush();
    expect(await bench.inQueue()).toEqual([]);
  });

  test('sessionLoss "fail" is no reason to lose a queued message: it is tried again', async () => {
    const bench = new Bench({ client: { sessionLoss: 'fail' } });
    await bench.publish('a');
    const first = await bench.connect();
    await expectPublishes(first, 'a');
    first.drop();
    const second = await bench.broker.accept();
    await second.handshake({ sessionPresent: false });
    const [again] = await expectPublishes(second, 'a');
    if (again) second.send(puback(again));
    await bench.publisher.flush();
  });
});

describe('refusals', () => {
  test.each([0x87, 0x90, 0x99])(
    'Reason Code %i is for good: a dead letter, and the queue goes on (T-240)',
    async (code) => {
      const { letters, onDeadLetter } = deadLetters();
      const bench = new Bench({ options: { onDeadLetter } });
      const { delivered } = await bench.publish('a', { id: 'a' });
      await bench.publish('b');
      const connection = await bench.connect();
      const [a, b] = await expectPublishes(connection, 'a', 'b');
      if (a) connection.send(puback(a, code));
      if (b) connection.send(puback(b));
      await expect(delivered()).rejects.toMatchObject({
        code: 'PUBLISH_REFUSED',
        reasonCode: code,
        delivery: 'refused',
      });
      await bench.publisher.flush();
      expect(letters).toEqual([['a', 'PUBLISH_REFUSED']]);
      expect(await bench.inQueue()).toEqual([]);
    },
  );

  test.each([0x80, 0x83, 0x97])(
    'Reason Code %i is for now: tried again behind later messages (T-241, Q-05)',
    async (code) => {
      const bench = new Bench({ options: { window: 1 } });
      const { delivered } = await bench.publish('a');
      await bench.publish('b');
      const connection = await bench.connect();
      const [a] = await expectPublishes(connection, 'a');
      if (a) connection.send(puback(a, code));
      const [b] = await expectPublishes(connection, 'b');
      if (b) connection.send(puback(b));
      const [again] = await expectPublishes(connection, 'a');
      expect(again?.dup).toBe(false);
      if (again) connection.send(puback(again));
      expect(await delivered()).toEqual({ reasonCode: 0 });
      await bench.publisher.flush();
    },
  );

  test('the backoff grows with each refusal of one message', async () => {
    const attempts: number[] = [];
    const bench = new Bench({ options: { retryBackoff: (attempt) => (attempts.push(attempt), 0) } });
    await bench.publish('a');
    const connection = await bench.connect();
    for (let round = 0; round < 4; round++) {
      const [packet] = await expectPublishes(connection, 'a');
      if (packet) connection.send(puback(packet, round < 3 ? 0x97 : 0));
    }
    await bench.publisher.flush();
    expect(attempts).toEqual([1, 2, 3]);
  });

  describe('whose backoff throws are tried again all the same, and it is said once, however many there are:', () => {
    const failure = new TypeError('no such attempt');
    const retryBackoff = (): number => {
      throw failure;
    };
    const line = 'mqtt: retryBackoff failed; 1 s applies';

    async function refuseTwo(client: Partial<ClientOptions>): Promise<void> {
      const bench = new Bench({ client, options: { retryBackoff } });
      await bench.publish('a');
      await bench.publish('b');
      const connection = await bench.connect();
      for (const packet of await expectPublishes(connection, 'a', 'b')) connection.send(puback(packet, 0x97));
      const answered = bench.client.ping();
      await connection.expect('pingreq');
      connection.send({ type: 'pingresp' });
      await answered;
      expect(await bench.inQueue()).toHaveLength(2);
      await bench.publisher.close();
    }

    test('on the console where there is no logger', async () => {
      const said = vi.spyOn(console, 'error').mockReturnValue();
      await refuseTwo({});
      expect(said.mock.calls).toEqual([[line, failure]]);
    });

    test('to the logger of the client where it has one', async () => {
      const said = vi.spyOn(console, 'error').mockReturnValue();
      const { errors, logger } = errorLog();
      await refuseTwo({ logger });
      expect(errors).toEqual([[line, { error: failure }]]);
      expect(said).not.toHaveBeenCalled();
    });
  });

  test('isPermanent decides instead', async () => {
    const { letters, onDeadLetter } = deadLetters();
    const isPermanent = (error: MqttError): boolean => 'reasonCode' in error && error.reasonCode === 0x97;
    const bench = new Bench({ options: { onDeadLetter, isPermanent } });
    await bench.publish('a', { id: 'a' });
    const connection = await bench.connect();
    const [a] = await expectPublishes(connection, 'a');
    if (a) connection.send(puback(a, 0x97));
    await bench.publisher.flush();
    expect(letters).toEqual([['a', 'PUBLISH_REFUSED']]);
  });

  test('a PUBREC that refuses ends the exchange like a PUBACK [MQTT-4.4.0-2]', async () => {
    const { letters, onDeadLetter } = deadLetters();
    const bench = new Bench({ options: { onDeadLetter } });
    await bench.publish('a', { id: 'a', qos: 2 });
    const connection = await bench.connect();
    const [a] = await expectPublishes(connection, 'a');
    if (a) connection.send({ type: 'pubrec', packetIdentifier: a.packetIdentifier, reasonCode: 0x87 });
    await bench.publisher.flush();
    expect(letters).toEqual([['a', 'PUBLISH_REFUSED']]);
    expect(connection.received.filter(({ type }) => type === 'pubrel')).toEqual([]);
  });

  test.each([
    ['QOS_NOT_SUPPORTED', { maximumQoS: 0 }, { qosDowngrade: false }, {}],
    ['QOS_NOT_SUPPORTED', { maximumQoS: 0 }, { qosDowngrade: true }, {}],
    ['RETAIN_NOT_SUPPORTED', { retainAvailable: false }, {}, { retain: true }],
    ['PACKET_TOO_LARGE', { maximumPacketSize: 19 }, {}, {}],
  ] as const)(
    '%s: what this broker cannot take is a dead letter, not sent lowered (T-249, Q-11): %o %o',
    async (code, properties, client, options) => {
      const { letters, onDeadLetter } = deadLetters();
      const bench = new Bench({ client, options: { onDeadLetter } });
      await bench.publish('a', { id: 'a', ...options });
      const connection = await bench.connect({ properties });
      await bench.publisher.flush();
      expect(letters).toEqual([['a', code]]);
      expect(connection.received.map(({ type }) => type)).toEqual(['connect']);
    },
  );

  test('QoS 2 may be lowered to QoS 1, which a queue can keep', async () => {
    const bench = new Bench({ client: { qosDowngrade: true } });
    await bench.publish('a', { qos: 2 });
    const connection = await bench.connect({ properties: { maximumQoS: 1 } });
    const [a] = await expectPublishes(connection, 'a');
    expect(a?.qos).toBe(1);
    if (a) connection.send(puback(a));
    await bench.publisher.flush();
  });

  test('a client that is full for the moment is no refusal', async () => {
    const bench = new Bench({ client: { maximumQueuedPublishes: 1 } });
    const connection = await bench.connect();
    const own = bench.client.publish('own', '', { qos: 1 });
    const [first] = await expectPublishes(connection, 'own');
    const { delivered } = await bench.publish('a');
    if (first) connection.send(puback(first));
    await own;
    const [a] = await expectPublishes(connection, 'a');
    if (a) connection.send(puback(a));
    await delivered();
    await bench.publisher.flush();
  });
});

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

  describe('are said to the logger of a client that has one, and not on the console:', () => {
    async function refused(options: QueueOptions): Promise<readonly unknown[]> {
      const said = vi.spyOn(console, 'error').mockReturnValue();
      const { errors, logger } = errorLog();
      const bench = new Bench({ client: { logger }, options });
      await bench.publish('a');
      const connection = await bench.connect();
      for (const packet of await expectPublishes(connection, 'a')) connection.send(puback(packet, 0x87));
      await bench.publisher.flush();
      expect(said).not.toHaveBeenCalled();
      return errors;
    }

    test('one that nobody would hear of', async () => {
      const error = expect.objectContaining({ code: 'PUBLISH_REFUSED' });
      expect(await refused({})).toEqual([[expect.stringContaining('will not be delivered'), { error }]]);
    });

    test('a callback that fails', async () => {
      const failure = new TypeError('not now');
      let attempts = 0;
      const onDeadLetter = (): void => {
        attempts += 1;
        if (attempts < 3) throw failure;
      };
      const line = 'mqtt: onDeadLetter failed; it is asked again later';
      expect(await refused({ onDeadLetter })).toEqual([[line, { error: failure }]]);
    });

    test('a classifier that fails', async () => {
      const failure = new TypeError('cannot decide');
      const isPermanent = (): boolean => {
        throw failure;
      };
      expect(await refused({ isPermanent, onDeadLetter: () => undefined })).toEqual([
        ['mqtt: isPermanent failed', { error: failure }],
      ]);
    });
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

describe('lifetime', () => {
  test('ttlMs and messageExpiryInterval: the shorter one, what is left of it rounded up to seconds (T-245, T-254)', async () => {
    const bench = new Bench({ options: { ttlMs: 90_500 } });
    await bench.publish('ttl');
    await bench.publish('shorter', { messageExpiryInterval: 30, retain: true, contentType: 'text/plain' });
    await bench.publish('longer', { messageExpiryInterval: 3000 });
    const connection = await bench.connect();
    const packets = await expectPublishes(connection, 'ttl', 'shorter', 'longer');
    expect(packets.map(({ properties }) => properties?.messageExpiryInterval)).toEqual([91, 30, 91]);
    // What else the message says goes along.
    expect(packets[1]).toMatchObject({ retain: true, properties: { contentType: 'text/plain' } });
  });

  test('what has expired in the queue is a dead letter when its turn comes, not before (T-253)', async () => {
    const queue = new MemoryPublisherQueue();
    const unbounded = { maximumSize: 10, overflow: 'dropNewest', keep: new Set<number>() } as const;
    const entry = {
      id: 'a',
      topic: 'a',
      payload: new Uint8Array(0),
      options: {},
      enqueuedAt: 0,
      expiresAt: Date.now() - 1,
    };
    queue.enqueue(entry, unbounded);
    const { letters, onDeadLetter } = deadLetters();
    const bench = new Bench({ queue, options: { onDeadLetter } });
    await bench.publish('b');
    expect(await bench.inQueue()).toMatchObject([{ dead: undefined }, { dead: undefined }]);
    const connection = await bench.connect();
    const [b] = await expectPublishes(connection, 'b');
    if (b) connection.send(puback(b));
    await bench.publisher.flush();
    expect(letters).toEqual([['a', 'MESSAGE_EXPIRED']]);
  });

  test('a clock that was set back by a day lengthens no lifetime; one that was set forward ends it', async () => {
    const queue = new MemoryPublisherQueue();
    const unbounded = { maximumSize: 10, overflow: 'dropNewest', keep: new Set<number>() } as const;
    const day = 86_400_000;
    for (const [id, jump] of [
      ['back', day],
      ['forward', -day],
    ] as const) {
      const enqueuedAt = Date.now() + jump;
      const entry = {
        id,
        topic: id,
        payload: new Uint8Array(0),
        options: {},
        enqueuedAt,
        expiresAt: enqueuedAt + 60_000,
      };
      queue.enqueue(entry, unbounded);
    }
    const { letters, onDeadLetter } = deadLetters();
    const bench = new Bench({ queue, options: { onDeadLetter } });
    const connection = await bench.connect();
    const [back] = await expectPublishes(connection, 'back');
    expect(back?.properties?.messageExpiryInterval).toBe(60);
    if (back) connection.send(puback(back));
    await bench.publisher.flush();
    expect(letters).toEqual([['forward', 'MESSAGE_EXPIRED']]);
  });

  test('a lifetime beyond what MQTT can say is cut to the longest (§3.3.2.3.3)', async () => {
    const bench = new Bench({ options: { ttlMs: 1e15 } });
    await bench.publish('a');
    const connection = await bench.connect();
    expect((await connection.expect('publish')).properties?.messageExpiryInterval).toBe(4_294_967_295);
  });
});

describe('maximumSize', () => {
  test('"dropNewest" refuses with QUEUE_FULL (T-255)', async () => {
    const bench = new Bench({ options: { maximumSize: 2 } });
    await bench.publish('a');
    await bench.publish('b');
    expect(await codeOf(bench.publish('c'))).toBe('QUEUE_FULL');
    expect(bench.publisher.size).toBe(2);
  });

  test('"dropOldest" makes the oldest a dead letter, at once and also offline (T-256)', async () => {
    const { letters, onDeadLetter, count } = deadLetters();
    const bench = new Bench({ options: { maximumSize: 2, overflow: 'dropOldest', onDeadLetter } });
    const { delivered } = await bench.publish('a', { id: 'a' });
    await bench.publish('b');
    await bench.publish('c');
    expect(await codeOf(delivered())).toBe('QUEUE_EVICTED');
    await count(1);
    expect(letters).toEqual([['a', 'QUEUE_EVICTED']]);
  });

  test('"dropOldest" spares what is in flight, and nothing else (T-244, Q-04)', async () => {
    const { letters, onDeadLetter, count } = deadLetters();
    const bench = new Bench({ options: { window: 2, maximumSize: 4, overflow: 'dropOldest', onDeadLetter } });
    const connection = await bench.connect();
    for (const topic of ['a', 'b', 'c', 'd']) await bench.publish(topic, { id: topic });
    const packets = await expectPublishes(connection, 'a', 'b');
    await bench.publish('e', { id: 'e' });
    await count(1);
    expect(letters).toEqual([['c', 'QUEUE_EVICTED']]);
    for (const packet of packets) connection.send(puback(packet));
    for (const packet of await expectPublishes(connection, 'd', 'e')) connection.send(puback(packet));
    await bench.publisher.flush();
    expect(letters).toHaveLength(1);
  });

  test('"dropOldest" with everything in flight refuses with QUEUE_FULL', async () => {
    const bench = new Bench({ options: { maximumSize: 1, overflow: 'dropOldest' } });
    const connection = await bench.connect();
    await bench.publish('a');
    await expectPublishes(connection, 'a');
    expect(await codeOf(bench.publish('b'))).toBe('QUEUE_FULL');
  });

  test('never delivers and evicts one message, however calls, disk and broker interleave (Q-04)', async () => {
    const evicted: string[] = [];
    const queue = await FilePublisherQueue.open({ directory: temporaryDirectory(), sync: 'none' });
    const bench = new Bench({
      queue,
      options: {
        window: 4,
        maximumSize: 10,
        overflow: 'dropOldest',
        onDeadLetter: (entry) => void evicted.push(entry.id),
      },
    });
    const connection = await bench.connect();
    const ids = Array.from({ length: 400 }, (_, index) => `id-${index}`);
    const sent: string[] = [];
    const answer = async (): Promise<void> => {
      for (;;) {
        const packet = await connection.expect('publish');
        sent.push(packet.topicName);
        if (packet.topicName === 'end') return;
        connection.send(puback(packet));
      }
    };
    const answering = answer();
    for (let from = 0; from < ids.length; from += 20)
      await Promise.allSettled(ids.slice(from, from + 20).map((id) => bench.publish(id, { id })));
    await bench.publisher.flush();
    await bench.client.publish('end', '');
    await answering;
    sent.pop();
    expect(sent.filter((id) => evicted.includes(id))).toEqual([]);
    expect(new Set(sent).size).toBe(sent.length);
    expect(sent).toEqual(ids.filter((id) => sent.includes(id)));
    expect(sent.length + evicted.length).toBe(ids.length);
    await bench.publisher.close();
    await queue.close();
  });
});

describe('restart', () => {
  test.each([1, 2] as const)('an exchange of an earlier process goes on: QoS %d (T-246, T-247, Q-07)', async (qos) => {
    const store = new MemorySessionStore();
    const queue = new MemoryPublisherQueue();
    const before = new Bench({ queue, client: { store } });
    await before.publish('a', { qos });
    const first = await before.connect();
    const [packet] = await expectPublishes(first, 'a');
    if (qos === 2 && packet) {
      first.send({ type: 'pubrec', packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
      await first.expect('pubrel');
    }
    // The process "dies": its client ends without a word, its publisher leaves everything where it is.
    first.drop();
    await before.client.disconnect();
    await before.publisher.close();

    const after = new Bench({ queue, client: { store } });
    const second = await after.connect({ sessionPresent: true });
    const { packetIdentifier } = packet ?? { packetIdentifier: 0 };
    if (qos === 1) {
      expect(await second.expect('publish')).toMatchObject({ topicName: 'a', dup: true, packetIdentifier });
      second.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    } else {
      expect(await second.expect('pubrel')).toMatchObject({ packetIdentifier });
      second.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0 });
    }
    await after.publisher.flush();
    expect(await after.inQueue()).toEqual([]);
    expect([...store.load()].filter(([key]) => /^[co]\//.test(key))).toEqual([]);
  });

  test('an outcome that nobody had settled is settled, not sent again: killed between PUBACK and removal (I-08)', async () => {
    const store = new MemorySessionStore();
    const queue = new StubbornQueue();
    const before = new Bench({ queue, client: { store }, options: { retryBackoff: constantBackoff(60_000) } });
    const { delivered } = await before.publish('a', { id: 'a' });
    queue.refusing = true;
    const first = await before.connect();
    const [packet] = await expectPublishes(first, 'a');
    if (packet) first.send(puback(packet));
    await delivered();
    expect([...store.load()].filter(([key]) => key.startsWith('c/'))).toHaveLength(1);
    await before.client.disconnect();
    await before.publisher.close();
    expect(queue.peek(-1, 10)).toMatchObject([{ id: 'a' }]);

    queue.refusing = false;
    const after = new Bench({ queue, client: { store } });
    const again = await after.publish('a', { id: 'a' });
    const second = await after.connect({ sessionPresent: true });
    expect(await again.delivered()).toEqual({ reasonCode: 0 });
    await after.publisher.flush();
    expect(queue.peek(-1, 10)).toEqual([]);
    expect([...store.load()].filter(([key]) => key.startsWith('c/'))).toEqual([]);
    expect(second.received.filter(({ type }) => type === 'publish')).toEqual([]);
  });

  test('a refusal that nobody had settled is not sent again [MQTT-4.4.0-2] (I-10)', async () => {
    const store = new MemorySessionStore();
    const queue = new StubbornQueue();
    const before = new Bench({
      queue,
      client: { store },
      options: { retryBackoff: constantBackoff(60_000), onDeadLetter: () => {} },
    });
    const { delivered } = await before.publish('a', { id: 'a' });
    queue.refusing = true;
    const first = await before.connect();
    const [packet] = await expectPublishes(first, 'a');
    if (packet) first.send(puback(packet, 0x87));
    expect(await codeOf(delivered())).toBe('PUBLISH_REFUSED');
    await before.client.disconnect();
    await before.publisher.close();

    queue.refusing = false;
    const { letters, onDeadLetter } = deadLetters();
    const after = new Bench({ queue, client: { store }, options: { onDeadLetter } });
    const second = await after.connect({ sessionPresent: true });
    await after.publisher.flush();
    expect(letters).toEqual([['a', 'PUBLISH_REFUSED']]);
    expect(second.received.filter(({ type }) => type === 'publish')).toEqual([]);
  });

  test('an entry whose exchange is only in the store is not evicted, not even before connect (Q-04)', async () => {
    const store = new MemorySessionStore();
    const queue = new MemoryPublisherQueue();
    const before = new Bench({ queue, client: { store } });
    await before.publish('a', { id: 'a' });
    const first = await before.connect();
    await expectPublishes(first, 'a');
    first.drop();
    await before.client.disconnect();
    await before.publisher.close();

    const { letters, onDeadLetter, count } = deadLetters();
    const after = new Bench({
      queue,
      client: { store },
      options: { maximumSize: 2, overflow: 'dropOldest', onDeadLetter },
    });
    for (const id of ['b', 'c']) await after.publish(id, { id });
    await count(1);
    expect(letters).toEqual([['b', 'QUEUE_EVICTED']]);
  });

  test('the next publisher on the same client goes on where the last one was closed', async () => {
    const queue = new MemoryPublisherQueue();
    const bench = new Bench({ queue });
    const connection = await bench.connect();
    await bench.publish('a');
    const [a] = await expectPublishes(connection, 'a');
    await expect(bench.publisher.close({ signal: AbortSignal.abort(new TypeError('now')) })).rejects.toThrow('now');
    if (a) connection.send(puback(a));
    const next = new QueuePublisher(bench.client, queue);
    await next.flush();
    expect(queue.size).toBe(0);
    expect(connection.received.filter(({ type }) => type === 'publish')).toHaveLength(1);
    await next.close();
  });
});

describe('a queue that fails', () => {
  test('to remove is asked again, and nothing is published twice (T-227, Q-08)', async () => {
    const queue = new StubbornQueue();
    const bench = new Bench({ queue });
    const { delivered } = await bench.publish('a');
    queue.refusing = true;
    const connection = await bench.connect();
    const [a] = await expectPublishes(connection, 'a');
    if (a) connection.send(puback(a));
    await delivered();
    await queue.refused;
    queue.refusing = false;
    await bench.publisher.flush();
    expect(connection.received.filter(({ type }) => type === 'publish')).toHaveLength(1);
  });

  test('to be read is read again, without a new message to remind of it', async () => {
    const queue = new MemoryPublisherQueue();
    const bench = new Bench({ queue });
    await bench.publish('a');
    const peek = queue.peek.bind(queue);
    queue.peek = () => {
      queue.peek = peek;
      throw new TypeError('broken');
    };
    const connection = await bench.connect();
    const [a] = await expectPublishes(connection, 'a');
    if (a) connection.send(puback(a));
    await bench.publisher.flush();
  });

  test('to be read ends flush with its error, or with a StoreError when it is not ours', async () => {
    const queue = new MemoryPublisherQueue();
    const bench = new Bench({ queue });
    queue.peek = () => {
      throw new TypeError('broken');
    };
    await expect(bench.publisher.flush()).rejects.toMatchObject({
      code: 'STORE_FAILED',
      cause: expect.any(TypeError),
    });
    queue.close();
    queue.peek = MemoryPublisherQueue.prototype.peek;
    expect(await codeOf(bench.publisher.flush())).toBe('QUEUE_CLOSED');
  });

  test('to enqueue rejects with its error, or with a StoreError when it is not ours', async () => {
    const queue = new MemoryPublisherQueue();
    const bench = new Bench({ queue });
    queue.enqueue = () => {
      throw new TypeError('broken');
    };
    await expect(bench.publish('a')).rejects.toMatchObject({ code: 'STORE_FAILED', cause: expect.any(TypeError) });
    queue.enqueue = () => {
      throw new MqttError('QUEUE_FULL', 'full');
    };
    expect(await codeOf(bench.publish('a'))).toBe('QUEUE_FULL');
  });
});

describe('a session store that fails', () => {
  test('stops the client; the exchange goes on after connect(), and is not a second one (T-226, T-227, Q-03)', async () => {
    const store = new FailingStore();
    const bench = new Bench({ client: { store, reconnect: false } });
    const first = await bench.connect();
    const { delivered } = await bench.publish('a');
    const [a] = await expectPublishes(first, 'a');
    const errors: ErrorCode[] = [];
    bench.client.on('storeError', ({ code }) => void errors.push(code));
    const ended = new Promise<void>((resolve) => void bench.client.on('close', () => resolve()));
    store.failing = true;
    if (a) first.send(puback(a));
    await ended;
    expect(errors).toEqual(['STORE_FAILED']);
    expect(await bench.inQueue()).toHaveLength(1);
    store.failing = false;
    const second = await bench.connect({ sessionPresent: true });
    const [again] = await expectPublishes(second, 'a');
    expect([again?.dup, again?.packetIdentifier]).toEqual([true, a?.packetIdentifier]);
    if (again) second.send(puback(again));
    await delivered();
    await bench.publisher.flush();
    expect([...store.load()].filter(([key]) => /^[co]\//.test(key))).toEqual([]);
  });

  test('to be read evicts nothing: publish rejects, and the next one asks the store again (Q-04)', async () => {
    const store = new MemorySessionStore();
    const load = store.load.bind(store);
    store.load = () => {
      throw new TypeError('disk broken');
    };
    const bench = new Bench({ client: { store }, options: { maximumSize: 1, overflow: 'dropOldest' } });
    await expect(bench.publish('a')).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(bench.publisher.size).toBe(0);
    store.load = load;
    await bench.publish('b', { id: 'b' });
    expect((await bench.inQueue()).map(({ id }) => id)).toEqual(['b']);
  });

  test('to take a new message: it was never sent, and is tried again', async () => {
    const store = new FailingStore();
    const bench = new Bench({ client: { store } });
    const connection = await bench.connect();
    store.refusing = true;
    const { delivered } = await bench.publish('a');
    await store.refused;
    store.refusing = false;
    const [a] = await expectPublishes(connection, 'a');
    expect(a?.dup).toBe(false);
    if (a) connection.send(puback(a));
    await delivered();
    await bench.publisher.flush();
  });
});

test('goes over the client’s own connection, never over its pool (Q-11)', async () => {
  const bench = new Bench({ client: { publisherPool: { size: 1 } } });
  const connection = await bench.connect();
  const pooled = await bench.broker.accept();
  await pooled.handshake();
  await bench.publish('a');
  const [a] = await expectPublishes(connection, 'a');
  if (a) connection.send(puback(a));
  await bench.publisher.flush();
  expect(pooled.received.map(({ type }) => type)).toEqual(['connect']);
});

describe('flush and close', () => {
  test('flush of an empty queue resolves at once, connected or not', async () => {
    const bench = new Bench();
    await bench.publisher.flush();
    await bench.connect();
    await bench.publisher.flush();
    expect(bench.publisher.size).toBe(0);
  });

  test('flush waits for publishes that were not waited for', async () => {
    const bench = new Bench();
    const connection = await bench.connect();
    const publishing = bench.publish('a');
    const flushing = bench.publisher.flush();
    const [a] = await expectPublishes(connection, 'a');
    if (a) connection.send(puback(a));
    await flushing;
    await publishing;
    expect(bench.publisher.size).toBe(0);
  });

  test('signal ends the wait of flush', async () => {
    const bench = new Bench();
    await bench.publish('a');
    const abort = new AbortController();
    const flushing = bench.publisher.flush({ signal: abort.signal });
    abort.abort(new TypeError('enough'));
    await expect(flushing).rejects.toThrow('enough');
  });

  test('close waits for what is in flight, and begins nothing more (Q-09)', async () => {
    const bench = new Bench({ options: { window: 1 } });
    const connection = await bench.connect();
    await bench.publish('a');
    await bench.publish('b');
    const [a] = await expectPublishes(connection, 'a');
    const closing = bench.publisher.close();
    expect(await codeOf(bench.publish('c'))).toBe('QUEUE_CLOSED');
    if (a) connection.send(puback(a));
    await closing;
    expect(await bench.inQueue()).toMatchObject([{ topic: 'b' }]);
    expect(connection.received.filter(({ type }) => type === 'publish')).toHaveLength(1);
  });

  test('close without a connection leaves everything at once, and ends the waits with QUEUE_CLOSED', async () => {
    const bench = new Bench();
    const { delivered } = await bench.publish('a');
    const waits = [codeOf(delivered()), codeOf(bench.publisher.flush())];
    await bench.publisher.close();
    expect(await Promise.all(waits)).toEqual(['QUEUE_CLOSED', 'QUEUE_CLOSED']);
    expect(await codeOf(bench.publisher.flush())).toBe('QUEUE_CLOSED');
    expect(await bench.inQueue()).toHaveLength(1);
    expect(bench.client.state).toBe('idle');
  });

  test('close waits for the dead letter in hand, connected or not: the next publisher does not get it again (Q-06)', async () => {
    const queue = new MemoryPublisherQueue();
    const given: string[] = [];
    let taken = (): void => {};
    let done = (): void => {};
    const inHand = new Promise<void>((resolve) => void (taken = resolve));
    const onDeadLetter = async ({ topic }: QueueEntry): Promise<void> => {
      given.push(topic);
      taken();
      await new Promise<void>((resolve) => void (done = resolve));
    };
    const bench = new Bench({ queue, options: { maximumSize: 1, overflow: 'dropOldest', onDeadLetter } });
    for (const topic of ['a', 'b', 'c']) await bench.publish(topic);
    await inHand;
    let closed = false;
    const closing = bench.publisher.close().then(() => (closed = true));
    await new Promise((resolve) => void setImmediate(resolve));
    expect(closed).toBe(false);
    done();
    await closing;
    expect(given).toEqual(['a']);
    expect((await bench.inQueue()).map(({ topic, dead }) => [topic, dead])).toEqual([
      ['b', 'QUEUE_EVICTED'],
      ['c', undefined],
    ]);
  });

  test('signal ends the wait for a dead letter that nobody takes', async () => {
    const bench = new Bench({
      options: { maximumSize: 1, overflow: 'dropOldest', onDeadLetter: () => new Promise(() => {}) },
    });
    for (const topic of ['a', 'b']) await bench.publish(topic);
    const enough = new AbortController();
    const closing = bench.publisher.close({ signal: enough.signal });
    enough.abort('enough');
    await expect(closing).rejects.toBe('enough');
    expect(await codeOf(bench.publish('c'))).toBe('QUEUE_CLOSED');
  });

  test('a connection that ends while close waits ends the wait', async () => {
    const bench = new Bench({ client: { reconnect: constantBackoff(60_000) } });
    const connection = await bench.connect();
    await bench.publish('a');
    await expectPublishes(connection, 'a');
    const closing = bench.publisher.close();
    connection.drop();
    await closing;
    expect(await bench.inQueue()).toHaveLength(1);
  });

  test('what gets into the queue behind the end, and what it evicts, is the next publisher’s; delivered() says so', async () => {
    const queue = new MemoryPublisherQueue();
    const { letters, onDeadLetter, count } = deadLetters();
    const options = { onDeadLetter, maximumSize: 1, overflow: 'dropOldest' } as const;
    const bench = new Bench({ queue, options });
    await bench.publish('old');
    const enqueue = queue.enqueue.bind(queue);
    let store = (): void => {};
    const gate = new Promise<void>((resolve) => void (store = resolve));
    // The type of a queue in memory promises to be synchronous; the publisher does not rely on that.
    queue.enqueue = ((...call: Parameters<typeof enqueue>) => gate.then(() => enqueue(...call))) as never;
    const publishing = bench.publish('new');
    await bench.publisher.close();
    store();
    const { delivered } = await publishing;
    await expect(delivered()).rejects.toMatchObject({ code: 'QUEUE_CLOSED', delivery: 'pending' });
    expect(await bench.inQueue()).toMatchObject([{ topic: 'old', dead: 'QUEUE_EVICTED' }, { topic: 'new' }]);
    expect(letters).toEqual([]);
    const next = new QueuePublisher(bench.client, queue, options);
    await bench.connect();
    await count(1);
    expect(letters).toMatchObject([[expect.any(String), 'QUEUE_EVICTED']]);
    await next.close({ signal: AbortSignal.abort() }).catch(() => undefined);
  });

  test('closing twice is one close; the queue stays open', async () => {
    const bench = new Bench();
    await Promise.all([bench.publisher.close(), bench.publisher.close(), bench.publisher[Symbol.asyncDispose]()]);
    expect(await bench.queue.peek(-1, 1)).toEqual([]);
  });

  test('dispose closes it, and the queue its own', async () => {
    const directory = temporaryDirectory();
    {
      await using queue = await FilePublisherQueue.open({ directory });
      const bench = new Bench({ queue });
      await bench.publisher[Symbol.asyncDispose]();
      expect(await codeOf(bench.publish('a'))).toBe('QUEUE_CLOSED');
      expect(await queue.peek(-1, 1)).toEqual([]);
    }
    // No lock is left.
    await (await FilePublisherQueue.open({ directory })).close();
  });

  test('disconnect() of the client leaves the queue alone, and connect() goes on with it', async () => {
    const bench = new Bench();
    const first = await bench.connect();
    const { delivered } = await bench.publish('a');
    await expectPublishes(first, 'a');
    await bench.client.disconnect();
    await bench.publish('b');
    const second = await bench.connect({ sessionPresent: true });
    const packets = await expectPublishes(second, 'a', 'b');
    expect(packets.map(({ dup }) => dup)).toEqual([true, false]);
    for (const packet of packets) second.send(puback(packet));
    await delivered();
    await bench.publisher.flush();
  });
});

describe('construction', () => {
  test('changes nothing in the queue (T-243, Q-10)', async () => {
    const directory = temporaryDirectory();
    const queue = await FilePublisherQueue.open({ directory });
    const bench = new Bench({ queue });
    await bench.publish('a');
    const before = await bench.inQueue();
    await bench.publisher.close();
    const next = new QueuePublisher(bench.client, queue, { maximumSize: 1, overflow: 'dropOldest' });
    expect(await queue.peek(-1, 10)).toEqual(before);
    await next.close();
    await queue.close();
  });

  test('a second publisher of a queue on one client is INVALID_OPTION', () => {
    const bench = new Bench();
    expect(() => new QueuePublisher(bench.client, bench.queue)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  });

  test.each([
    { window: 0 },
    { window: 1.5 },
    { maximumSize: 0 },
    { overflow: 'dropAll' },
    { ttlMs: -1 },
    { onDeadLetter: true },
    { isPermanent: 1 },
    { retryBackoff: 1000 },
    { idempotencyKey: 'yes' },
    { windowSize: 3 },
  ])('%o is INVALID_OPTION', (options) => {
    const client = new Client({ brokers: 'mqtt://localhost' });
    // What a program in JavaScript can pass.
    const make = () => new QueuePublisher(client, new MemoryPublisherQueue(), options as QueueOptions);
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });

  test('what is no client, or no queue, is INVALID_OPTION', () => {
    const client = new Client({ brokers: 'mqtt://localhost' });
    expect(() => new QueuePublisher({} as Client, new MemoryPublisherQueue())).toThrow(/client must be a Client/);
    expect(() => new QueuePublisher(client, {} as PublisherQueue)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
    // Without it an exchange in the session could not be told from that of another queue.
    const nameless = Object.defineProperty(new MemoryPublisherQueue(), 'id', { value: '' });
    expect(() => new QueuePublisher(client, nameless)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});

/** A store whose disk fails, or is full for what is new, when the test says so. */
class FailingStore extends MemorySessionStore {
  failing = false;
  refusing = false;
  #tell: () => void = () => {};
  readonly refused: Promise<void> = new Promise((resolve) => {
    this.#tell = resolve;
  });

  override commit(operations: readonly SessionOperation[]): void {
    if (this.failing) throw new TypeError('disk broken');
    if (this.refusing && operations.some(({ type }) => type === 'put')) {
      this.#tell();
      throw new TypeError('disk full');
    }
    super.commit(operations);
  }
}

/** A promise that the test keeps. */
class Gate<T> {
  readonly promise: Promise<T>;
  #resolve: (value: T) => void = () => {};

  private constructor() {
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  static of<T>(): Gate<T> {
    return new Gate<T>();
  }

  resolve(value: T): void {
    this.#resolve(value);
  }
}

/** A queue whose disk is full when the test says so: nothing that is in it can be changed. */
class StubbornQueue extends MemoryPublisherQueue {
  refusing = false;
  #tell: () => void = () => {};
  readonly refused: Promise<void> = new Promise((resolve) => {
    this.#tell = resolve;
  });

  override remove(sequence: number): void {
    this.#refuse();
    super.remove(sequence);
  }

  override markDead(sequence: number, reason: ErrorCode): void {
    this.#refuse();
    super.markDead(sequence, reason);
  }

  #refuse(): void {
    if (!this.refusing) return;
    this.#tell();
    throw new TypeError('disk full');
  }
}
