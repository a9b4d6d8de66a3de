// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import type { Link, LinkHandlers } from './link.ts';

/** How long a peer may take to close its side after our FIN before it is cut off. */
const lingerMs = 1_000;

/** A TCP or TLS socket as a link. */
export class SocketLink implements Link {
  readonly #socket: Socket;
  /** The TCP socket below TLS; a TLS socket cannot send RST itself. */
  readonly #transport: Socket;
  #error: Error | undefined;

  constructor(socket: Socket, transport: Socket = socket) {
    this.#socket = socket;
    this.#transport = transport;
    socket.setNoDelay(true);
    // Kept from the first moment: an error nobody listens to would end the process.
    socket.on('error', (error) => {
      this.#error ??= error;
    });
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  start(handlers: LinkHandlers): void {
    this.#socket.on('data', (chunk: Uint8Array) => handlers.data(chunk));
    if (this.#socket.closed) queueMicrotask(() => handlers.close(this.#error));
    else this.#socket.once('close', () => handlers.close(this.#error));
    // A socket made with `pauseOnConnect` does not start by itself when a listener is added.
    this.#socket.resume();
  }

  write(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  flushed(callback: () => void): void {
    if (!this.#socket.writable) return;
    this.#socket.write(new Uint8Array(0), (error) => {
      if (!error) callback();
    });
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    if (this.#socket.destroyed) return;
    const timer = setTimeout(() => this.#socket.destroy(), lingerMs);
    this.#socket.once('close', () => clearTimeout(timer));
    this.#socket.end();
    // What the peer still sends is read and thrown away, else its FIN would never be seen.
    this.#socket.resume();
  }

  destroy(): void {
    if (this.#socket.destroyed) return;
    if (!this.#transport.destroyed) this.#transport.resetAndDestroy();
    this.#socket.destroy();
  }
}
