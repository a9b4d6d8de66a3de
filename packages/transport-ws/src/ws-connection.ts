// SPDX-License-Identifier: Apache-2.0
//
// A `ws` socket as a connection. Packets need not line up with frames, in either direction [MQTT-6.0.0-2].

import type { Connection, ConnectionHandlers } from '@mqttv5/core';
import type { RawData, WebSocket } from 'ws';
import { closedWith } from './closure.ts';

/** Unsent bytes from which `write` says that the socket is full. The client counts for itself, by `written`. */
const FULL_BYTES = 1024 * 1024;

const NORMAL_CLOSURE = 1000;
const UNSUPPORTED_DATA = 1003;

export class WsConnection implements Connection {
  readonly #socket: WebSocket;
  #handlers: ConnectionHandlers | undefined;
  #error: Error | undefined;
  #closed = false;
  #wasFull = false;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    // Nothing is lost before `start`: what comes first is the answer to CONNECT, which is written after it.
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    socket.on('close', (code, reason) => this.#close(code, reason.toString()));
    socket.on('message', (data, isBinary) => this.#message(data, isBinary));
  }

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    if (this.#closed) handlers.close(this.#error);
  }

  write(bytes: Uint8Array, written?: () => void): boolean {
    this.#socket.send(bytes, { binary: true, compress: false }, (error) => {
      // The error itself comes by 'close'.
      if (error) return;
      written?.();
      if (!this.#wasFull || this.#socket.bufferedAmount >= FULL_BYTES) return;
      this.#wasFull = false;
      this.#handlers?.drain();
    });
    this.#wasFull ||= this.#socket.bufferedAmount >= FULL_BYTES;
    return !this.#wasFull;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.close(NORMAL_CLOSURE);
  }

  destroy(): void {
    this.#socket.terminate();
  }

  #message(data: RawData, isBinary: boolean): void {
    if (!isBinary) {
      // [MQTT-6.0.0-1]
      this.#error ??= new TypeError('The broker sent a text frame; MQTT travels in binary frames only');
      this.#socket.close(UNSUPPORTED_DATA);
      this.#close(UNSUPPORTED_DATA);
      return;
    }
    if (this.#closed) return;
    if (Array.isArray(data)) for (const part of data) this.#handlers?.data(part);
    else this.#handlers?.data(data instanceof ArrayBuffer ? new Uint8Array(data) : data);
  }

  #close(code: number, reason = ''): void {
    if (this.#closed) return;
    this.#closed = true;
    if (code !== NORMAL_CLOSURE) this.#error ??= closedWith(code, reason);
    this.#handlers?.close(this.#error);
  }
}
