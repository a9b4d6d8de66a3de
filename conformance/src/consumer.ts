// SPDX-License-Identifier: Apache-2.0
// What a user's program looks like to the compiler. `npm test` compiles it against the packed packages with the oldest and
// the newest TypeScript, nodenext and bundler, strict and exactOptionalPropertyTypes, with and without @types/node.
// It is never run: what it does is tested elsewhere.
import { jsonCodec } from '@mqttv5/codec-json';
import {
  Client,
  connect,
  exponentialBackoff,
  isMqttError,
  QueuePublisher,
  MemoryPublisherQueue,
  MemorySessionStore,
  topicTemplate,
  Typed,
} from '@mqttv5/core';
import type {
  ClientGroup,
  ClientOptions,
  Codec,
  Connection,
  Dial,
  Message,
  PubSub,
  SessionStore,
  Subscription,
} from '@mqttv5/core';
import { fakeMessage, ScriptedBroker, sessionStoreContract, startBroker } from '@mqttv5/testing';
import { webSocketDial } from '@mqttv5/transport-ws';
import { decode, Decoder, encode } from '@mqttv5/wire';
import type { Packet, PublishPacket } from '@mqttv5/wire';

/** Options are often computed: undefined means absent. */
export const options: ClientOptions = {
  brokers: ['mqtt://localhost', new URL('mqtts://localhost')],
  clientId: undefined,
  keepAlive: false,
  reconnect: exponentialBackoff({ initialMs: 100, jitterMs: 'full' }),
  will: { topic: 'status/a', payload: 'gone', qos: 1, retain: true, willDelayInterval: undefined },
  userProperties: { site: 'north' },
  prepareConnect: async (credentials, { attempt, broker }) => ({
    username: `${credentials.username}-${attempt}-${broker.host}`,
  }),
  dial: webSocketDial({ headers: (broker) => ({ origin: broker.origin }) }),
  store: new MemorySessionStore(),
};

export async function firstProgram(): Promise<string[]> {
  const client = await connect('mqtt://localhost', { cleanStart: true, signal: AbortSignal.timeout(1_000) });
  const subscription = await client.subscribe([{ filter: 'sensors/#', qos: 1 }, 'alarms/+'], {
    overflow: 'dropOldest',
  });
  await client.publish('sensors/1', new Uint8Array([1, 2]), { qos: 2, userProperties: [['a', '1']] });
  const lines: string[] = [];
  for await (const message of subscription) {
    lines.push(`${message.topic} ${message.text()} ${message.userProperty('a') ?? '-'}`);
    await client.publish('copy', message.payload, { ...message.properties });
    if (lines.length === 10) break;
  }
  await client.disconnect({ drainTimeoutMs: 100 });
  return lines;
}

/** Bytes that arrive go wherever a BufferSource is taken. */
export async function digest(message: Message): Promise<ArrayBuffer> {
  return crypto.subtle.digest('SHA-256', message.payload);
}

export function errors(error: unknown): string {
  if (!isMqttError(error)) return 'not ours';
  switch (error.code) {
    case 'SUBSCRIBE_REFUSED':
      return error.results.map(({ filter, reasonCode }) => `${filter}: ${reasonCode}`).join();
    case 'CONNECT_REFUSED':
    case 'PUBLISH_REFUSED':
      return `${error.reasonCode} ${error.reasonString ?? ''}`;
    case 'PROTOCOL_ERROR':
      return error.detail;
    default:
      return error.message;
  }
}

interface Reading {
  celsius: number;
}

export async function typed(client: Client, group: ClientGroup): Promise<number> {
  const readings = new Typed(client, jsonCodec<Reading>());
  const subscription = await readings.subscribe(topicTemplate('sensors/{device}'), { onDecodeError: () => undefined });
  await readings.publish('sensors/1', { celsius: 20.5 });
  const everywhere = new Typed(group, jsonCodec<Reading>());
  const results = await everywhere.publish('sensors/1', { celsius: 20.5 });
  const failures = results.filter(({ error }) => error !== undefined).map(({ member }) => member);
  const message = await subscription.receive({ signal: AbortSignal.timeout(100) });
  return (message?.value.celsius ?? 0) + failures.length;
}

export function topics(): string {
  const template = topicTemplate('sensors/{device}/{metric}');
  const match = template.match('sensors/7/temperature');
  return `${template.format({ device: 7, metric: 'x' })} ${match?.device ?? ''} ${match?.metric ?? ''}`;
}

export function events(client: Client): () => void {
  const off = client.on('reconnecting', ({ attempt, delayMs }) => `${attempt} ${delayMs}`);
  client.on('publishSettled', (event) => (event.error ? event.error.code : event.result.reasonCode));
  return off;
}

export async function durable(client: Client): Promise<number> {
  const publisher = new QueuePublisher(client, new MemoryPublisherQueue(), { maximumSize: 10, ttlMs: undefined });
  const queued = await publisher.publish('a', 'b', { id: 'order-1', qos: 2 });
  const { reasonCode } = await queued.delivered();
  await publisher.close();
  return reasonCode + queued.id.length;
}

/** What others implement. */
export const codec: Codec<string> = {
  contentType: 'text/plain',
  encode: (value) => new TextEncoder().encode(value),
  decode: (payload) => new TextDecoder().decode(payload),
};

export const dial: Dial = async (broker, { signal }) => {
  signal.throwIfAborted();
  const connection: Connection = {
    start: (handlers) => handlers.data(new Uint8Array()),
    write: (bytes, written) => (written?.(), bytes.length < broker.href.length),
    end: () => undefined,
    destroy: () => undefined,
  };
  return connection;
};

export const store: SessionStore = { load: () => [], commit: () => undefined, close: async () => undefined };

/** A function that takes what it needs, and its double in a test. */
export function publishTwice(client: Pick<PubSub, 'publish'>): Promise<unknown> {
  return Promise.all([client.publish('a', '1'), client.publish('a', '2')]);
}

export async function tests(): Promise<Subscription | undefined> {
  const broker = await startBroker({ webSocketPort: 0, authenticate: ({ username }) => username === 'ada' || 0x87 });
  const client = new Client({ brokers: broker.url, username: 'ada' });
  await client.connect();
  const subscription = client.declare('a/#');
  await subscription.ready();
  broker.publish('a/b', 'hello', { retain: true });
  const scripted = await ScriptedBroker.listen();
  const connection = await scripted.accept();
  const connectPacket = await connection.expect('connect');
  connection.send({ type: 'connack', sessionPresent: !connectPacket.cleanStart, reasonCode: 0 });
  for (const { name, run } of sessionStoreContract(() => new MemorySessionStore())) if (name !== '') await run();
  const { topic } = fakeMessage({ topic: 'a', payload: 'b' });
  await Promise.all([scripted.close(), client.disconnect(), broker.close()]);
  return topic === 'a' ? subscription : undefined;
}

export function wire(chunk: Uint8Array): Packet | undefined {
  const decoder = new Decoder({ from: 'server', maximumPacketSize: undefined });
  decoder.push(chunk);
  const packet = decoder.next();
  const publish: PublishPacket = {
    type: 'publish',
    topicName: 'a',
    payload: encode({ type: 'pingreq' }),
    qos: 0,
    retain: false,
    dup: false,
    packetIdentifier: 0,
  };
  return packet?.type === 'publish' ? packet : decode(encode(publish));
}
