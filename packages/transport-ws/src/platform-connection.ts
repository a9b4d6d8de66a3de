// SPDX-License-Identifier: Apache-2.0

import type { Connection, ConnectionHandlers } from '@mqttv5/core';
import { closedWith } from './closure.ts';

const NORMAL_CLOSURE = 1000;
/** A page may not send 1003 itself; 3000 to 4999 are free for it. */
const TEXT_FRAME_CLOSURE = 4003;
const FULL_BYTES = 1024 * 1024;
/** How often the amount still buffered is looked at while something is: there is no event for it. */
const POLL_MS = 10;

/** The platform's WebSocket as a connection: no `pause`, and `written` by looking at `bufferedAmount`. */
export class PlatformConnection implements Connection {
  readonly #socket: WebSocket;
  #handlers: ConnectionHandlers | undefined;
  #error: Error | undefined;
  #closed = false;
  /** Bytes sent since the start, and what waits until so many have left. */
  #sent = 0;
  #waiting: { readonly at: number; readonly written: () => void }[] = [];
  #poll: ReturnType<typeof setTimeout> | undefined;
  #wasFull = false;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }: { readonly data: unknown }) => this.#message(data));
    socket.addEventListener('error', () => {
      this.#error ??= new Error('The WebSocket failed');
    });
    socket.addEventListener('close', ({ code, reason }) => this.#close(code, reason));
  }

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    if (this.#closed) handlers.close(this.#error);
  }

  write(bytes: Uint8Array, written?: () => void): boolean {
    this.#socket.send(bytes);
    this.#sent += bytes.length;
    if (written !== undefined) this.#waiting.push({ at: this.#sent, written });
    this.#wasFull ||= this.#socket.bufferedAmount >= FULL_BYTES;
    // Not in this call: whoever writes is not ready to hear of it yet.
    this.#poll ??= setTimeout(() => this.#look(), 0);
    return !this.#wasFull;
  }

  end(): void {
    this.#socket.close(NORMAL_CLOSURE);
  }

  /** A page cannot cut a connection: closing is all there is. The client hears no more of it. */
  destroy(): void {
    this.#socket.close();
    this.#close(NORMAL_CLOSURE);
  }

  #message(data: unknown): void {
    if (this.#closed) return;
    if (data instanceof ArrayBuffer) {
      this.#handlers?.data(new Uint8Array(data));
      return;
    }
    // [MQTT-6.0.0-1]
    this.#error ??= new TypeError('The broker sent a text frame; MQTT travels in binary frames only');
    this.#socket.close(TEXT_FRAME_CLOSURE);
    this.#close(TEXT_FRAME_CLOSURE);
  }

  #look(): void {
    this.#poll = undefined;
    if (this.#closed) return;
    const left = this.#socket.bufferedAmount;
    const gone = this.#sent - left;
    const done = this.#waiting.findIndex(({ at }) => at > gone);
    for (const { written } of this.#waiting.splice(0, done < 0 ? this.#waiting.length : done)) written();
    if (this.#waiting.length > 0) this.#poll ??= setTimeout(() => this.#look(), POLL_MS);
    if (!this.#wasFull || left >= FULL_BYTES) return;
    this.#wasFull = false;
    this.#handlers?.drain();
  }

  #close(code: number, reason = ''): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#poll);
    this.#waiting = [];
    if (code !== NORMAL_CLOSURE) this.#error ??= closedWith(code, reason);
    this.#handlers?.close(this.#error);
  }
}
