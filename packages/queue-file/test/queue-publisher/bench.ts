// SPDX-License-Identifier: Apache-2.0
//
// QueuePublisher, client and session as they work together, against a broker that does what the test says. Here and not in
// core, whose tests have neither a broker nor a durable queue.

import { Client, constantBackoff, isMqttError, MemoryPublisherQueue, QueuePublisher } from '@mqttv5/core';
import type {
  ClientOptions,
  ErrorCode,
  Logger,
  MqttError,
  PublisherQueue,
  QueuedPublish,
  QueueEntry,
  QueueOptions,
  QueuePublishOptions,
} from '@mqttv5/core';
import { ScriptedBroker } from '@mqttv5/testing';
import type { ScriptedConnection } from '@mqttv5/testing';
import { expect, onTestFinished } from 'vitest';

type PublishPacket = Extract<ScriptedConnection['received'][number], { type: 'publish' }>;

interface PubackPacket {
  readonly type: 'puback';
  readonly packetIdentifier: number;
  readonly reasonCode: number;
}

interface Setting {
  readonly client?: Partial<ClientOptions>;
  readonly queue?: PublisherQueue;
  readonly options?: QueueOptions;
  readonly broker?: ScriptedBroker;
}

/** Client, queue and publisher, not connected yet. */
export class Bench {
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

  async publish(topic: string, options?: QueuePublishOptions): Promise<QueuedPublish> {
    return await this.publisher.publish(topic, `payload of ${topic}`, options);
  }

  async inQueue(): Promise<readonly QueueEntry[]> {
    return await this.queue.peek(-1, 1000);
  }
}

export function puback({ packetIdentifier }: PublishPacket, reasonCode: number = 0): PubackPacket {
  return { type: 'puback', packetIdentifier, reasonCode };
}

/** Expects PUBLISH packets with these topics, in this order. */
export async function expectPublishes(
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

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return isMqttError(error) ? error.code : `not an MqttError: ${String(error)}`;
  }
  return 'no error';
}

interface DeadLetters {
  readonly letters: readonly [id: string, code: ErrorCode][];
  readonly onDeadLetter: (entry: QueueEntry, error: MqttError) => void;
  readonly count: (expected: number) => Promise<void>;
}

/** A logger that keeps what is an error. */
export function errorLog(): { readonly errors: unknown[]; readonly logger: Logger } {
  const errors: unknown[] = [];
  const ignore = (): void => undefined;
  const error = (...line: unknown[]): void => void errors.push(line);
  return { errors, logger: { debug: ignore, info: ignore, warn: ignore, error } };
}

/** Dead letters as they come, and a wait for the next one. */
export function deadLetters(): DeadLetters {
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

/** A promise that the test keeps. */
export class Gate<T> {
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
export class StubbornQueue extends MemoryPublisherQueue {
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
