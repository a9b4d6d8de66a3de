// SPDX-License-Identifier: Apache-2.0
//
// The other end of every measurement: a process of its own that counts, checks and acknowledges, and sends a flood to whoever
// subscribes to bench/…. Told by its parent what to expect; says at the end what it saw.
//
// Each payload begins with a number, one higher than that before it: lost, doubled and reordered messages show.

import { createServer, type Socket } from 'node:net';
import { Frames, writeAck, writePublish } from './protocol.ts';

export interface SinkOrder {
  /** Messages to send to a subscriber. */
  readonly flood: number;
  readonly qos: number;
  readonly payloadBytes: number;
  /** QoS 1 messages under way to a subscriber. */
  readonly window: number;
}

export interface SinkReport {
  readonly received: number;
  readonly outOfOrder: number;
  readonly acknowledged: number;
}

const CONNACK = Buffer.from([0x20, 3, 0, 0, 0]);
const PINGRESP = Buffer.from([0xd0, 0]);
const FLOOD_BUFFER_BYTES = 65_536;

let order: SinkOrder = { flood: 0, qos: 0, payloadBytes: 0, window: 64 };
let received = 0;
let outOfOrder = 0;
let acknowledged = 0;

const server = createServer({ noDelay: true }, (socket) => serve(socket));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' ? address?.port : undefined });
});

process.on('message', (message: { readonly order?: SinkOrder; readonly report?: true; readonly end?: true }) => {
  if (message.order) {
    order = message.order;
    received = 0;
    outOfOrder = 0;
    acknowledged = 0;
  }
  if (message.report) process.send?.({ report: { received, outOfOrder, acknowledged } satisfies SinkReport });
  if (message.end) process.exit(0);
});
process.on('disconnect', () => process.exit(0));

function serve(socket: Socket): void {
  const frames = new Frames();
  let flood: Flood | undefined;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    const acks = Buffer.allocUnsafe(chunk.length + 8);
    let end = 0;
    frames.push(chunk, (bytes, head, start) => {
      switch (head >> 4) {
        case 1:
          socket.write(CONNACK);
          break;
        case 3: {
          const qos = (head >> 1) & 3;
          const topicEnd = start + 2 + bytes.readUInt16BE(start);
          // No properties are sent here: Property Length is one byte.
          count(bytes.readUInt32BE(topicEnd + (qos > 0 ? 3 : 1)));
          if (qos > 0)
            end = writeAck(acks, end, qos === 1 ? 0x40 : 0x50, bytes[topicEnd] ?? 0, bytes[topicEnd + 1] ?? 0);
          break;
        }
        case 4:
          acknowledged += 1;
          flood?.acknowledged();
          break;
        case 6:
          end = writeAck(acks, end, 0x70, bytes[start] ?? 0, bytes[start + 1] ?? 0);
          break;
        case 8:
          socket.write(Buffer.from([0x90, 4, bytes[start] ?? 0, bytes[start + 1] ?? 0, 0, order.qos]));
          if (!asksForFlood(bytes, start)) break;
          flood = new Flood(socket, order);
          flood.pump();
          break;
        case 12:
          socket.write(PINGRESP);
      }
    });
    if (end > 0) socket.write(acks.subarray(0, end));
  });
}

/** The first filter of a SUBSCRIBE, behind its properties, which are few. */
function asksForFlood(bytes: Buffer, start: number): boolean {
  const filter = start + 3 + (bytes[start + 2] ?? 0);
  return bytes.toString('latin1', filter + 2, filter + 8) === 'bench/';
}

function count(number: number): void {
  if (number !== received) outOfOrder += 1;
  received += 1;
}

/** Sends as fast as the socket takes it; at QoS 1 no more than the window at a time. */
class Flood {
  readonly #socket: Socket;
  readonly #order: SinkOrder;
  readonly #payload: Buffer;
  #sent = 0;
  #open = 0;
  #full = false;

  constructor(socket: Socket, floodOrder: SinkOrder) {
    this.#socket = socket;
    this.#order = floodOrder;
    this.#payload = Buffer.alloc(floodOrder.payloadBytes, 0x61);
    socket.on('drain', () => {
      this.#full = false;
      this.pump();
    });
  }

  acknowledged(): void {
    this.#open -= 1;
    if (this.#open <= this.#order.window / 2) this.pump();
  }

  pump(): void {
    const { flood, qos, window } = this.#order;
    while (!this.#full && this.#sent < flood && (qos === 0 || this.#open < window)) {
      const buffer = Buffer.allocUnsafe(FLOOD_BUFFER_BYTES + this.#payload.length + 64);
      let end = 0;
      while (end < FLOOD_BUFFER_BYTES && this.#sent < flood && (qos === 0 || this.#open < window)) {
        this.#payload.writeUInt32BE(this.#sent, 0);
        end = writePublish(buffer, end, 'bench/topic', this.#payload, qos, (this.#sent % 65_535) + 1);
        this.#sent += 1;
        this.#open += qos === 0 ? 0 : 1;
      }
      this.#full = !this.#socket.write(buffer.subarray(0, end));
    }
  }
}
