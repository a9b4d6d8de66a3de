// SPDX-License-Identifier: Apache-2.0
//
// For tests: a connection in memory whose other end is the test itself, in virtual time.

import { Decoder, encode } from '@mqttv5/wire';
import type { ConnackPacket, ConnackProperties, ConnectPacket, Packet } from '@mqttv5/wire';
import type { Connection, ConnectionHandlers } from '../api/transport.ts';
import { Counters } from '../stats.ts';
import { settled, VirtualClock } from '../virtual-clock.ts';
import { establish } from './establish.ts';
import type { EstablishOptions } from './establish.ts';
import type { Link, LinkEnd, LinkHandlers } from './link.ts';

/** The client's end of a connection, and what a test sees and does at the broker's. */
export class MemoryConnection implements Connection {
  /** One entry a `write`, copied. */
  readonly writes: Uint8Array[] = [];
  /** The very views that were written. */
  readonly views: Uint8Array[] = [];
  /** What the writes decode to. */
  readonly packets: Packet[] = [];
  ended = false;
  destroyed = false;
  paused = false;
  /** The broker reads nothing: `written` waits for `drain`. */
  stalled = false;
  /** The broker closes when the client does. */
  closesOnEnd = true;
  /** Called inside `write`, before anything else. */
  onWrite: ((bytes: Uint8Array) => void) | undefined;
  readonly #decoder = new Decoder({ from: 'client' });
  #handlers: ConnectionHandlers | undefined;
  #unwritten: (() => void)[] = [];
  #closed = false;

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
  }

  write(bytes: Uint8Array, written?: () => void): boolean {
    this.onWrite?.(bytes);
    const copy = bytes.slice();
    this.writes.push(copy);
    this.views.push(bytes);
    this.#decoder.push(copy);
    for (let packet = this.#decoder.next(); packet; packet = this.#decoder.next()) this.packets.push(packet);
    if (written) this.#unwritten.push(written);
    if (!this.stalled) queueMicrotask(() => this.drain());
    return !this.stalled;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
    if (this.closesOnEnd) queueMicrotask(() => this.close());
  }

  destroy(): void {
    this.destroyed = true;
    this.#closed = true;
  }

  /** The broker reads `count` of the writes that wait. */
  drain(count: number = this.#unwritten.length): void {
    for (const written of this.#unwritten.splice(0, count)) written();
  }

  /** The broker sends packets or bytes, in one chunk; a chunk by itself is handed over as it is. */
  send(...parts: (Packet | Uint8Array)[]): void {
    const [first] = parts;
    if (parts.length === 1 && first instanceof Uint8Array) {
      this.#handlers?.data(first);
      return;
    }
    const chunks = parts.map((part) => (part instanceof Uint8Array ? part : encode(part)));
    const chunk = new Uint8Array(chunks.reduce((sum, each) => sum + each.length, 0));
    let offset = 0;
    for (const each of chunks) {
      chunk.set(each, offset);
      offset += each.length;
    }
    this.#handlers?.data(chunk);
  }

  /** The broker closes: orderly, or with an error. */
  close(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handlers?.close(error);
  }

  /** Packets since the last call. */
  take(): Packet[] {
    return this.packets.splice(0);
  }
}

export const CONNECT: ConnectPacket = { type: 'connect', clientId: 'c', cleanStart: true, keepAlive: 0 };

export function connack(properties?: ConnackProperties, reasonCode = 0, sessionPresent = false): ConnackPacket {
  const packet: ConnackPacket = { type: 'connack', sessionPresent, reasonCode };
  return properties === undefined ? packet : { ...packet, properties };
}

export function publish(topicName: string, payload: Uint8Array | number = 0): Packet {
  const bytes = typeof payload === 'number' ? new Uint8Array(payload) : payload;
  return { type: 'publish', topicName, payload: bytes, qos: 0, retain: false, dup: false, packetIdentifier: 0 };
}

export function establishOptions(connection: Connection, clock: VirtualClock, counters: Counters): EstablishOptions {
  return {
    dial: () => Promise.resolve(connection),
    tls: undefined,
    clock,
    counters,
    logger: undefined,
    lenient: false,
    maximumPacketSize: undefined,
    writeHighWaterMark: 1024 * 1024,
    pingTimeoutMs: undefined,
    disconnectTimeoutMs: 500,
    keepAlive: 0,
    authenticator: undefined,
    requestProblemInformation: true,
    signal: new AbortController().signal,
  };
}

/** A link over a `MemoryConnection`, and everything it reports. */
export interface OpenLink {
  readonly link: Link;
  readonly connection: MemoryConnection;
  readonly clock: VirtualClock;
  readonly counters: Counters;
  readonly received: Packet[];
  readonly ends: LinkEnd[];
  readonly rooms: { count: number };
  readonly reauthenticated: { count: number };
}

export interface OpenLinkOptions extends Partial<EstablishOptions> {
  readonly connection?: MemoryConnection;
  readonly connack?: ConnackPacket;
  /** Instead of recording packets. */
  readonly onPacket?: (packet: Packet) => void;
  /** `false`: the test calls `link.start`. */
  readonly start?: boolean;
}

/** CONNECT and CONNACK are done; nothing is left in `connection.packets`. */
export async function openLink(options: OpenLinkOptions = {}): Promise<OpenLink> {
  const { connection = new MemoryConnection(), connack: answer = connack(), onPacket, start = true, ...rest } = options;
  const clock = new VirtualClock();
  const counters = new Counters();
  const base = { ...establishOptions(connection, clock, counters), ...rest };
  const attempt = establish(new URL('mqtt://broker'), { ...CONNECT, keepAlive: base.keepAlive }, base);
  await settled();
  connection.send(answer);
  const { link } = await attempt;
  const open: OpenLink = {
    link,
    connection,
    clock,
    counters,
    received: [],
    ends: [],
    rooms: { count: 0 },
    reauthenticated: { count: 0 },
  };
  if (start) link.start(recorder(open, onPacket));
  connection.writes.length = connection.views.length = 0;
  connection.take();
  return open;
}

/** A received PUBLISH as the plain object it stands for, so that it compares equal. */
function plain(packet: Packet): Packet {
  if (packet.type !== 'publish') return packet;
  const { type, topicName, payload, qos, retain, dup, packetIdentifier, properties } = packet;
  const bare = { type, topicName, payload, qos, retain, dup, packetIdentifier };
  return properties === undefined ? bare : { ...bare, properties };
}

/** Handlers that write down what they are told. */
export function recorder(open: OpenLink, onPacket?: (packet: Packet) => void): LinkHandlers {
  return {
    packet: (packet) => (onPacket ?? ((each) => open.received.push(each)))(plain(packet)),
    room: () => {
      open.rooms.count++;
    },
    closed: (end) => open.ends.push(end),
    reauthenticated: () => {
      open.reauthenticated.count++;
    },
  };
}

export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** `Promise.withResolvers`, which the language level of this project does not have. */
export function deferred<T>(): Deferred<T> {
  let resolve: Deferred<T>['resolve'] = () => undefined;
  let reject: Deferred<T>['reject'] = () => undefined;
  const promise = new Promise<T>((fulfil, fail) => {
    resolve = fulfil;
    reject = fail;
  });
  return { promise, resolve, reject };
}

/** For whoever is to be kept waiting. */
export function never(): Promise<never> {
  return deferred<never>().promise;
}
