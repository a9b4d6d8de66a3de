// SPDX-License-Identifier: Apache-2.0
//
// The counterpart of ScriptedBroker: a client that sends what a test says, byte by byte, and answers nothing by itself.
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { Decoder, encode } from '@mqttv5/wire';
import type {
  ConnackPacket,
  ConnectPacket,
  ConnectProperties,
  DisconnectPacket,
  Packet,
  PacketType,
  PublishPacket,
  SubackPacket,
  SubscribeFilter,
  SubscribeProperties,
} from '@mqttv5/wire';

type Of<T extends PacketType> = Extract<Packet, { type: T }>;

export class RawClient {
  readonly #socket: Socket;
  readonly #decoder = new Decoder({ from: 'server' });
  readonly #queue: Packet[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  /** Why the decoder gave up: the broker sent something illegal. */
  #violation: unknown;
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Uint8Array) => {
      try {
        this.#decoder.push(chunk);
        for (let next = this.#decoder.next(); next !== undefined; next = this.#decoder.next()) this.#queue.push(next);
      } catch (error) {
        this.#violation = error;
      }
      this.#wake?.();
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#ended = true;
        this.#wake?.();
        resolve();
      });
    });
  }

  static async open(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connectTcp(Number(port), hostname);
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Opens a connection and sends CONNECT: Clean Start 1 and keep alive 0 unless `fields` says otherwise. */
  static async connect(url: string, fields: Partial<ConnectPacket> = {}): Promise<[RawClient, ConnackPacket]> {
    const client = await RawClient.open(url);
    client.send({ clientId: 'raw', cleanStart: true, keepAlive: 0, ...fields, type: 'connect' });
    return [client, await client.expect('connack')];
  }

  /** The same, with a session that stays for an hour. */
  static async persistent(
    url: string,
    clientId: string,
    cleanStart: boolean,
    properties: ConnectProperties = {},
  ): Promise<[RawClient, ConnackPacket]> {
    return RawClient.connect(url, { clientId, cleanStart, properties: { sessionExpiryInterval: 3600, ...properties } });
  }

  send(...packets: Packet[]): void {
    this.sendBytes(...packets.map((packet) => encode(packet)));
  }

  sendBytes(...chunks: Uint8Array[]): void {
    this.#socket.write(Buffer.concat(chunks));
  }

  sendHex(hex: string): void {
    this.sendBytes(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  }

  publish(topicName: string, payload: string, fields: Partial<PublishPacket> = {}): void {
    this.send({
      topicName,
      payload: Buffer.from(payload),
      qos: 0,
      retain: false,
      dup: false,
      packetIdentifier: 0,
      ...fields,
      type: 'publish',
    });
  }

  async subscribe(
    filters: string | readonly (Partial<SubscribeFilter> & { topicFilter: string })[],
    properties?: SubscribeProperties,
    packetIdentifier = 1000,
  ): Promise<SubackPacket> {
    const list = typeof filters === 'string' ? [{ topicFilter: filters }] : filters;
    this.send({
      type: 'subscribe',
      packetIdentifier,
      filters: list.map((filter) => ({
        qos: 2,
        noLocal: false,
        retainAsPublished: false,
        retainHandling: 0,
        ...filter,
      })),
      ...(properties === undefined ? {} : { properties }),
    });
    return this.expect('suback');
  }

  /** The next packet; it has to be of this type. */
  async expect<T extends PacketType>(type: T): Promise<Of<T>> {
    const packet = await this.next();
    if (!isOf(packet, type)) throw new Error(`expected ${type}, got ${JSON.stringify(packet ?? 'the end')}`);
    return packet;
  }

  async expectPublish(): Promise<PublishPacket & { readonly text: string }> {
    const packet = await this.expect('publish');
    return Object.assign(packet, { text: Buffer.from(packet.payload).toString() });
  }

  /** DISCONNECT with this code, then the end and nothing else. */
  async expectDisconnect(reasonCode: number): Promise<DisconnectPacket> {
    const packet = await this.expect('disconnect');
    if (packet.reasonCode !== reasonCode)
      throw new Error(`expected 0x${reasonCode.toString(16)}, got ${JSON.stringify(packet)}`);
    await this.expectEnd();
    return packet;
  }

  /** The broker closes without another packet. */
  async expectEnd(): Promise<void> {
    const packet = await this.next();
    if (packet !== undefined) throw new Error(`expected the end, got ${JSON.stringify(packet)}`);
  }

  /**
   * The broker has nothing more to say: a PINGREQ is answered next. What it had sent before would come before.
   */
  async expectQuiet(): Promise<void> {
    this.send({ type: 'pingreq' });
    await this.expect('pingresp');
  }

  /** Undefined at the end of the connection. */
  async next(): Promise<Packet | undefined> {
    const deadline = AbortSignal.timeout(5000);
    for (;;) {
      const packet = this.#queue.shift();
      if (packet !== undefined) return packet;
      if (this.#violation !== undefined)
        throw new Error('the broker sent something illegal', { cause: this.#violation });
      if (this.#ended) return undefined;
      if (deadline.aborted) throw new Error('nothing came for five seconds');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        deadline.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  /** Reads no more, and goes on. */
  stall(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** DISCONNECT, then the end. */
  async disconnect(fields: Partial<DisconnectPacket> = {}): Promise<void> {
    this.send({ reasonCode: 0, ...fields, type: 'disconnect' });
    this.#socket.end();
    await this.closed;
  }

  /** Cuts the connection off. Resolves when our side is gone; the broker may hear of it later. */
  async drop(): Promise<void> {
    this.#socket.resetAndDestroy();
    await this.closed;
  }
}

function isOf<T extends PacketType>(packet: Packet | undefined, type: T): packet is Of<T> {
  return packet?.type === type;
}
