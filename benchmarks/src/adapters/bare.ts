// SPDX-License-Identifier: Apache-2.0
//
// The limit: what a socket allows a program that knows nothing of MQTT but its bytes. Pooled 64 KiB buffers, one write a turn,
// no validation, no session, no identifiers beyond a counter.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connectPacket, Frames, subscribePacket, writeAck, writePublish } from '../protocol.ts';
import type { Adapter, PublishWork, Received, ReceiveWork } from '../scenarios.ts';
import { Order, stamp } from '../stamps.ts';

const BUFFER_BYTES = 65_536;
const HIGH_WATER_BYTES = 1_048_576;
const PINGREQ = Buffer.from([0xc0, 0]);

export class BareAdapter implements Adapter {
  readonly #frames = new Frames();
  readonly #pool: Buffer<ArrayBuffer>[] = [];
  #socket: Socket | undefined;
  #onPacket: (bytes: Buffer, head: number, start: number, end: number) => void = () => undefined;
  #buffer: Buffer<ArrayBuffer> | undefined;
  #end = 0;
  #unsent = 0;
  #room: (() => void) | undefined;

  async connect(url: string): Promise<void> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket = socket;
    await once(socket, 'connect');
    socket.on('data', (chunk: Buffer) => this.#frames.push(chunk, this.#onPacket));
    const connack = this.#next(2);
    socket.write(connectPacket('bare'));
    await connack;
  }

  async publish({ first, messages, qos, inFlight, payload }: PublishWork): Promise<void> {
    if (inFlight === 0) return this.#publishAll(first, messages, payload);
    let next = first;
    let acknowledged = 0;
    const add = (): void => {
      this.#add(stamp(payload, next), qos, (next % 65_535) + 1);
      next += 1;
    };
    await new Promise<void>((resolve) => {
      this.#onPacket = () => {
        acknowledged += 1;
        if (next < first + messages) add();
        else if (acknowledged === messages) resolve();
      };
      for (let open = 0; open < inFlight; open += 1) add();
    });
  }

  async receive(work: ReceiveWork): Promise<Received> {
    const order = new Order(work);
    this.#onPacket = (bytes, head, start, end) => {
      if (head >> 4 !== 3) return;
      const topicEnd = start + 2 + bytes.readUInt16BE(start);
      if (work.qos === 0) {
        order.take(bytes.subarray(topicEnd + 1, end));
        return;
      }
      order.take(bytes.subarray(topicEnd + 3, end));
      this.#makeRoom(4);
      this.#end = writeAck(this.#open(), this.#end, 0x40, bytes[topicEnd] ?? 0, bytes[topicEnd + 1] ?? 0);
    };
    this.#socket?.write(subscribePacket(1, 'bench/#', work.qos));
    await order.complete;
    return order.received();
  }

  async close(): Promise<void> {
    this.#socket?.destroy();
  }

  async #publishAll(first: number, messages: number, payload: Uint8Array): Promise<void> {
    for (let next = first; next < first + messages; next += 1) {
      this.#add(stamp(payload, next), 0, 0);
      // The turn ends now and then, like that of the others.
      if ((next & 63) === 63) await Promise.resolve();
      if (this.#unsent >= HIGH_WATER_BYTES) {
        await new Promise<void>((resolve) => {
          this.#room = resolve;
        });
      }
    }
    this.#flush();
    const pong = this.#next(13);
    this.#socket?.write(PINGREQ);
    await pong;
  }

  #add(payload: Uint8Array, qos: number, packetIdentifier: number): void {
    this.#makeRoom(payload.length + 64);
    this.#end = writePublish(this.#open(), this.#end, 'bench/topic', payload, qos, packetIdentifier);
  }

  #makeRoom(bytes: number): void {
    if (this.#end + bytes > BUFFER_BYTES) this.#flush();
    // Node writes what is there when the microtasks are over.
    if (this.#end === 0) process.nextTick(() => this.#flush());
  }

  #open(): Buffer<ArrayBuffer> {
    return (this.#buffer ??= this.#pool.pop() ?? Buffer.allocUnsafe(BUFFER_BYTES));
  }

  #flush(): void {
    const buffer = this.#buffer;
    if (this.#end === 0 || buffer === undefined) return;
    const length = this.#end;
    this.#buffer = undefined;
    this.#end = 0;
    this.#unsent += length;
    this.#socket?.write(buffer.subarray(0, length), () => {
      this.#pool.push(buffer);
      this.#unsent -= length;
      if (this.#unsent >= HIGH_WATER_BYTES / 2 || this.#room === undefined) return;
      const room = this.#room;
      this.#room = undefined;
      room();
    });
  }

  #next(type: number): Promise<void> {
    return new Promise((resolve) => {
      this.#onPacket = (_bytes, head) => {
        if (head >> 4 === type) resolve();
      };
    });
  }
}
