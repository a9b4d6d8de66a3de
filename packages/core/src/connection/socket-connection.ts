// SPDX-License-Identifier: Apache-2.0
//
// A connected Node socket as a `Connection`. Imported by `tcp-dial.ts` alone.

import type { Socket } from 'node:net';
import type { ConnectionHandlers } from '../api/transport.ts';
import type { MethodCaller } from './calls-methods.ts';

/** Where a socket knows its connection: listeners made for each socket would be 400 bytes of every idle client. */
const CONNECTION = Symbol('SocketConnection');

type OwnedSocket = Socket & { [CONNECTION]?: SocketConnection };

/** What `tcpDial` hands out. */
export class SocketConnection implements MethodCaller {
  readonly #socket: Socket;
  /** Of `start`. */
  handlers: ConnectionHandlers | undefined;
  /** The socket's, if it had one. */
  error: Error | undefined;
  /** The socket has nothing more to say; told once. */
  #over = false;
  #told = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    (socket as OwnedSocket)[CONNECTION] = this;
    // From the first moment: a socket that fails before `start` must not be an uncaught exception.
    socket.on('error', onError);
    // The peer's FIN. Not only 'close', which waits until everything unsent is written to a peer that has stopped listening.
    socket.on('end', onEnd);
    socket.on('close', onEnd);
  }

  /** Of the class, not of each socket. */
  get callsMethods(): true {
    return true;
  }

  start(handlers: ConnectionHandlers): void {
    this.handlers = handlers;
    this.#socket.on('data', onData);
    this.#socket.on('drain', onDrain);
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

  /** The socket has nothing more to say. */
  ended(): void {
    this.#over = true;
    this.#socket.destroy();
    if (this.handlers) this.#tell();
  }

  #tell(): void {
    if (this.#told) return;
    this.#told = true;
    this.handlers?.close(this.error);
  }
}

// Called on the socket, as its listeners.

function onError(this: OwnedSocket, error: Error): void {
  const connection = this[CONNECTION];
  if (connection !== undefined) connection.error = error;
}

function onEnd(this: OwnedSocket): void {
  this[CONNECTION]?.ended();
}

function onData(this: OwnedSocket, chunk: Buffer): void {
  this[CONNECTION]?.handlers?.data(chunk);
}

function onDrain(this: OwnedSocket): void {
  this[CONNECTION]?.handlers?.drain();
}
