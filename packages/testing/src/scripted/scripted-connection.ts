// SPDX-License-Identifier: Apache-2.0
import { Decoder, encode } from '@mqttv5/wire';
import type { WaitOptions } from '@mqttv5/core';
import type { ConnackPacket, ConnectPacket, Packet, PacketType } from '@mqttv5/wire';
import { TestingError } from '../errors.ts';
import type { Link } from '../links/link.ts';
import { describePacket, describePackets } from './describe-packet.ts';
import { Waiter } from './waiting.ts';

/**
 * One client's connection to a {@link ScriptedBroker}. Nothing is answered by itself: not CONNECT, not PINGREQ.
 *
 * Waits take a `signal` and reject with its reason; without one they reject with `TIMEOUT` after five seconds of real
 * time (`timeoutMs` of the broker), and the message says what came instead.
 */
export interface ScriptedConnection {
  /**
   * Resolves to the next packet that was not expected before, which has to be of this type.
   *
   * @throws TestingError `UNEXPECTED_PACKET` if the next packet is of another type (it stays next), or if the client
   * sent bytes no client may send (`cause` is the `WireError`); `CLOSED` if the connection ends first; `TIMEOUT`
   */
  expect<T extends PacketType>(type: T, options?: WaitOptions): Promise<Extract<Packet, { type: T }>>;
  /**
   * Resolves when the client has closed the connection, in order or not, and sent no packet that was not expected.
   *
   * @throws TestingError `UNEXPECTED_PACKET` if a packet comes first, `TIMEOUT`
   */
  expectClose(options?: WaitOptions): Promise<void>;
  /**
   * Expects CONNECT and answers it: Session Present 0 and 0x00 unless `connack` says otherwise.
   *
   * @returns the CONNECT
   */
  handshake(connack?: Partial<Omit<ConnackPacket, 'type'>>, options?: WaitOptions): Promise<ConnectPacket>;
  /**
   * Sends a packet as one chunk.
   *
   * @throws WireError if it is one that may not be encoded; bytes of your own go with `sendBytes`
   */
  send(packet: Packet): void;
  /** Sends these bytes as one chunk, whatever they are. */
  sendBytes(bytes: Uint8Array): void;
  /** Sends several packets merged into one chunk, as a busy broker's arrive. */
  sendMerged(...packets: readonly Packet[]): void;
  /**
   * Sends a packet, or bytes, in pieces of `size` bytes. Over {@link ScriptedBroker.inMemory} each piece arrives as a
   * chunk of its own, for certain; a real socket may join them again.
   *
   * @param size - bytes per piece, 1 or more
   * @defaultValue 1
   */
  sendSplit(packet: Packet | Uint8Array, size?: number): void;
  /** Cuts the connection abruptly, as a crashed broker or a broken line does (RST, no FIN). */
  drop(): void;
  /** Closes the connection in order (FIN), after what was sent. */
  end(): void;
  /** Stops reading: the client's writes pile up. {@link ScriptedConnection.resume} goes on. */
  stall(): void;
  resume(): void;
  /** Every packet so far, in order, expected or not. */
  readonly received: readonly Packet[];
  /** Resolves, never rejects, when the connection is closed by either side. */
  readonly closed: Promise<void>;
  /** True once the connection is closed by either side. */
  readonly ended: boolean;
}

/** What somebody waits for: the next packet, or the end. */
interface Expectation {
  readonly subject: PacketType | 'close';
  readonly waiter: Waiter<Packet | undefined>;
}

/** The one implementation, over any link. @internal */
export class LinkScriptedConnection implements ScriptedConnection {
  readonly received: Packet[] = [];
  readonly closed: Promise<void>;
  readonly #link: Link;
  readonly #timeoutMs: number;
  readonly #decoder = new Decoder({ from: 'client' });
  readonly #expectations: Expectation[] = [];
  /** How many of `received` were given out. */
  #consumed = 0;
  /** What the client did that no client may do; nothing is decoded after it. */
  #violation: unknown;
  #ended = false;
  #announceClosed!: () => void;

  constructor(link: Link, timeoutMs: number) {
    this.#link = link;
    this.#timeoutMs = timeoutMs;
    this.closed = new Promise((resolve) => {
      this.#announceClosed = resolve;
    });
    link.start({ data: (chunk) => this.#onData(chunk), close: () => this.#onClose() });
  }

  get ended(): boolean {
    return this.#ended;
  }

  async expect<T extends PacketType>(type: T, options?: WaitOptions): Promise<Extract<Packet, { type: T }>> {
    const packet = await this.#wait(type, options);
    if (!isOfType(packet, type)) throw new TestingError('CLOSED', `the connection closed before a ${type} came`);
    return packet;
  }

  async expectClose(options?: WaitOptions): Promise<void> {
    await this.#wait('close', options);
  }

  async handshake(connack?: Partial<Omit<ConnackPacket, 'type'>>, options?: WaitOptions): Promise<ConnectPacket> {
    const connect = await this.expect('connect', options);
    this.send({ sessionPresent: false, reasonCode: 0, ...connack, type: 'connack' });
    return connect;
  }

  send(packet: Packet): void {
    this.sendBytes(encode(packet));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#link.write(bytes);
  }

  sendMerged(...packets: readonly Packet[]): void {
    this.sendBytes(Buffer.concat(packets.map((packet) => encode(packet))));
  }

  sendSplit(packet: Packet | Uint8Array, size = 1): void {
    if (!Number.isInteger(size) || size < 1) {
      throw new TestingError('INVALID_OPTION', `sendSplit takes a size of 1 or more bytes, not ${size}`);
    }
    const bytes = packet instanceof Uint8Array ? packet : encode(packet);
    for (let start = 0; start < bytes.byteLength; start += size) this.sendBytes(bytes.subarray(start, start + size));
  }

  drop(): void {
    this.#link.destroy();
  }

  end(): void {
    this.#link.end();
  }

  stall(): void {
    this.#link.pause();
  }

  resume(): void {
    this.#link.resume();
  }

  #wait(subject: PacketType | 'close', options: WaitOptions | undefined): Promise<Packet | undefined> {
    const waiter = new Waiter<Packet | undefined>(options, this.#timeoutMs, () => {
      const rest = this.received.slice(this.#consumed);
      const instead =
        rest.length > 0 ? describePackets(rest) : `nothing new; before: ${describePackets(this.received)}`;
      return new TestingError('TIMEOUT', `expected ${subject}, received ${instead}`);
    });
    this.#expectations.push({ subject, waiter });
    this.#settle();
    return waiter.promise;
  }

  #onData(chunk: Uint8Array): void {
    if (this.#violation !== undefined) return;
    try {
      this.#decoder.push(chunk);
      for (let packet = this.#decoder.next(); packet !== undefined; packet = this.#decoder.next()) {
        this.received.push(packet);
      }
    } catch (error) {
      this.#violation = error;
    }
    this.#settle();
  }

  #onClose(): void {
    this.#ended = true;
    this.#settle();
    this.#announceClosed();
  }

  /** Gives what came to those who wait, first come first served. Who timed out or was aborted is passed over. */
  #settle(): void {
    for (let first = this.#expectations[0]; first !== undefined; first = this.#expectations[0]) {
      if (!first.waiter.settled && !this.#answer(first)) return;
      this.#expectations.shift();
    }
  }

  /** False if there is nothing to answer with yet. */
  #answer({ subject, waiter }: Expectation): boolean {
    const next = this.received[this.#consumed];
    if (next !== undefined && next.type === subject) {
      this.#consumed++;
      waiter.resolve(next);
    } else if (next !== undefined) {
      const then = this.received.slice(this.#consumed + 1);
      const rest = then.length === 0 ? '' : `; after it: ${describePackets(then)}`;
      waiter.reject(
        new TestingError('UNEXPECTED_PACKET', `expected ${subject}, received ${describePacket(next)}${rest}`),
      );
    } else if (this.#violation !== undefined) {
      const reason = this.#violation instanceof Error ? this.#violation.message : 'undecodable bytes';
      waiter.reject(
        new TestingError('UNEXPECTED_PACKET', `expected ${subject}, received bytes no client may send: ${reason}`, {
          cause: this.#violation,
        }),
      );
    } else if (this.#ended && subject === 'close') {
      waiter.resolve(undefined);
    } else if (this.#ended) {
      const before = describePackets(this.received);
      waiter.reject(new TestingError('CLOSED', `expected ${subject}, but the connection closed; before: ${before}`));
    } else {
      return false;
    }
    return true;
  }
}

function isOfType<T extends PacketType>(packet: Packet | undefined, type: T): packet is Extract<Packet, { type: T }> {
  return packet?.type === type;
}
