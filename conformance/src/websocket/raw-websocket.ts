// SPDX-License-Identifier: Apache-2.0
// A WebSocket server as far as a test can see into it: every frame of the client as it came, every frame to it as the test says
// (RFC 6455 §5.2). It knows no MQTT beyond the CONNACK a test may send.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface Frame {
  readonly opcode: number;
  readonly isFinal: boolean;
  readonly isMasked: boolean;
  readonly payload: Buffer;
}

/** CONNACK without properties: accepted, a new session. */
export const CONNACK: Uint8Array = Uint8Array.of(0x20, 3, 0, 0, 0);

export interface RawConnection {
  readonly socket: Socket;
  readonly request: IncomingMessage;
  /** Every frame so far. */
  readonly frames: readonly Frame[];
  /** The payloads of its binary frames, one after the other. */
  readonly bytes: Buffer;
  /** Resolves once a frame with this opcode has come. */
  frame(opcode: number): Promise<Frame>;
  /** Resolves once `holds`, which is asked after each frame. */
  until(holds: () => boolean): Promise<void>;
  /** False when the socket is full. */
  send(opcode: number, payload?: Uint8Array): boolean;
}

export interface RawServer extends AsyncDisposable {
  readonly url: string;
  /** Upgrade requests so far. */
  readonly requests: readonly IncomingMessage[];
  accept(): Promise<RawConnection>;
}

export interface RawOptions {
  /** What to answer an upgrade with; undefined never answers. */
  readonly answer?: ((request: IncomingMessage) => string | undefined) | undefined;
}

export async function startRawServer({ answer = switchingProtocols }: RawOptions = {}): Promise<RawServer> {
  const server = createServer();
  const requests: IncomingMessage[] = [];
  const accepted: RawConnection[] = [];
  const waiting: ((connection: RawConnection) => void)[] = [];
  const sockets = new Set<Socket>();
  server.on('upgrade', (request: IncomingMessage, duplex) => {
    // An HTTP server over TCP upgrades TCP sockets.
    const socket = duplex as Socket;
    requests.push(request);
    sockets.add(socket);
    // Tests end connections the hard way.
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    const head = answer(request);
    if (head === undefined) return;
    socket.write(head);
    if (!head.startsWith('HTTP/1.1 101')) {
      socket.end();
      return;
    }
    const connection = new Connection(socket, request);
    const waiter = waiting.shift();
    if (waiter) waiter(connection);
    else accepted.push(connection);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    // A TCP listener has an address object.
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/mqtt`,
    requests,
    accept() {
      const connection = accepted.shift();
      if (connection) return Promise.resolve(connection);
      return new Promise((resolve) => {
        waiting.push(resolve);
      });
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** RFC 6455 §4.2.2. */
export function switchingProtocols(request: IncomingMessage, protocol = 'mqtt'): string {
  const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash('sha1').update(key).digest('base64');
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  lines.push(`Sec-WebSocket-Accept: ${accept}`, `Sec-WebSocket-Protocol: ${protocol}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Unmasked, as a server's frames are. */
export function frame(opcode: number, payload: Uint8Array = new Uint8Array(0), isFinal = true): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = (isFinal ? 0x80 : 0) | opcode;
  if (length < 126) head[1] = length;
  else if (length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

class Connection implements RawConnection {
  readonly socket: Socket;
  readonly request: IncomingMessage;
  readonly frames: Frame[] = [];
  /** What has come of a frame that is not whole. */
  #unread: Buffer[] = [];
  #unreadLength = 0;
  /** So many bytes the frame needs at least: until then nothing is joined. */
  #needed = 2;
  readonly #waiters = new Set<() => void>();

  constructor(socket: Socket, request: IncomingMessage) {
    this.socket = socket;
    this.request = request;
    socket.on('data', (chunk: Buffer) => {
      this.#unread.push(chunk);
      this.#unreadLength += chunk.length;
      if (this.#unreadLength < this.#needed) return;
      for (let next = this.#parse(); next !== undefined; next = this.#parse()) this.frames.push(next);
      for (const look of this.#waiters) look();
    });
  }

  get bytes(): Buffer {
    const isData = ({ opcode }: Frame): boolean => opcode === Opcode.binary || opcode === Opcode.continuation;
    return Buffer.concat(this.frames.filter(isData).map(({ payload }) => payload));
  }

  async frame(opcode: number): Promise<Frame> {
    const found = (): Frame | undefined => this.frames.find((each) => each.opcode === opcode);
    await this.until(() => found() !== undefined);
    const result = found();
    if (result === undefined) throw new Error('unreachable: it was found');
    return result;
  }

  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        this.#waiters.delete(look);
        resolve();
      };
      this.#waiters.add(look);
      look();
    });
  }

  send(opcode: number, payload?: Uint8Array): boolean {
    return this.socket.write(frame(opcode, payload));
  }

  #parse(): Frame | undefined {
    const bytes = this.#unread.length === 1 ? (this.#unread[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#unread);
    this.#unread = [bytes];
    const [first = 0, second = 0] = bytes;
    const isMasked = (second & 0x80) !== 0;
    const short = second & 0x7f;
    const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
    const maskAt = 2 + lengthBytes;
    const start = maskAt + (isMasked ? 4 : 0);
    this.#needed = start;
    if (bytes.length < start) return undefined;
    const length =
      lengthBytes === 8 ? Number(bytes.readBigUInt64BE(2)) : lengthBytes === 2 ? bytes.readUInt16BE(2) : short;
    this.#needed = start + length;
    if (bytes.length < this.#needed) return undefined;
    const payload = Buffer.from(bytes.subarray(start, start + length));
    if (isMasked)
      for (let at = 0; at < length; at += 1) payload[at] = (payload[at] ?? 0) ^ (bytes[maskAt + (at % 4)] ?? 0);
    this.#unread = [bytes.subarray(this.#needed)];
    this.#unreadLength -= this.#needed;
    this.#needed = 2;
    return { opcode: first & 0x0f, isFinal: (first & 0x80) !== 0, isMasked, payload };
  }
}
