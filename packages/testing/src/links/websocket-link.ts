// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import type { Link, LinkHandlers } from './link.ts';

/** How long a client may take to answer the closing handshake before it is cut off. */
const lingerMs = 1_000;
/** WebSocket status code: data of a kind that is not accepted. */
const unsupportedData = 1003;

/** A WebSocket as a link: a byte stream in binary frames, whose boundaries mean nothing [MQTT-6.0.0-2]. */
export class WebSocketLink implements Link {
  readonly #webSocket: WebSocket;
  /** The TCP or TLS socket below, and the TCP socket below that. */
  readonly #socket: Socket;
  readonly #transport: Socket;
  #error: Error | undefined;

  constructor(webSocket: WebSocket, socket: Socket, transport: Socket = socket) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#transport = transport;
    webSocket.on('error', (error) => {
      this.#error ??= error;
    });
  }

  get unsentBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  start(handlers: LinkHandlers): void {
    this.#webSocket.on('message', (data, isBinary) => {
      if (isBinary) handlers.data(toBytes(data));
      else this.#refuseText(); // [MQTT-6.0.0-1]
    });
    this.#webSocket.once('close', () => handlers.close(this.#error));
  }

  write(bytes: Uint8Array): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.send(bytes);
  }

  flushed(callback: () => void): void {
    if (!this.#socket.writable) return;
    this.#socket.write(new Uint8Array(0), (error) => {
      if (!error) callback();
    });
  }

  pause(): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.pause();
  }

  resume(): void {
    if (this.#webSocket.isPaused) this.#webSocket.resume();
  }

  end(): void {
    this.#close(1000);
  }

  destroy(): void {
    if (!this.#transport.destroyed) this.#transport.resetAndDestroy();
    this.#webSocket.terminate();
  }

  #refuseText(): void {
    this.#close(unsupportedData);
  }

  #close(code: number): void {
    if (this.#webSocket.readyState === this.#webSocket.CLOSED) return;
    const timer = setTimeout(() => this.#webSocket.terminate(), lingerMs);
    this.#webSocket.once('close', () => clearTimeout(timer));
    this.resume();
    this.#webSocket.close(code);
  }
}

function toBytes(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
