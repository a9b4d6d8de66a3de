// SPDX-License-Identifier: Apache-2.0
//
// A connected Node socket as a `Connection`. Imported by `tcp-dial.ts` alone.

import type { Socket } from 'node:net';
import type { Connection, ConnectionHandlers } from '../api/transport.ts';

/** What `tcpDial` hands out. */
export class SocketConnection implements Connection {
  readonly #socket: Socket;
  #handlers: ConnectionHandlers | undefined;
  #error: Error | undefined;
  /** The socket has nothing more to say; told once. */
  #over = false;
  #told = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    // From the first moment: a socket that fails before `start` must not be an uncaught exception.
    socket.on('error', (error) => {
      this.#error = error;
    });
    const end = (): void => this.#end();
    // The peer's FIN. Not only 'close', which waits until everything unsent is written to a peer that has stopped listening.
    socket.on('end', end);
    socket.on('close', end);
  }

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    this.#socket.on('data', (chunk: Buffer) => handlers.data(chunk));
    this.#socket.on('drain', () => handlers.drain());
    if (this.#over) this.#tell();
  }

  write(bytes: Uint8Array, written?: () => void): boolean {
    if (written === undefined) return this.#socket.write(bytes);
    return this.#socket.write(bytes, (error) => {
      // The error itself comes by 'close'.
      if (!error) written();
    });
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #end(): void {
    this.#over = true;
    this.#socket.destroy();
    if (this.#handlers) this.#tell();
  }

  #tell(): void {
    if (this.#told) return;
    this.#told = true;
    this.#handlers?.close(this.#error);
  }
}
