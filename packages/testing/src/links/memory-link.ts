// SPDX-License-Identifier: Apache-2.0
//
// Two ends of a connection without a socket. Bytes move in microtasks, in order and never inside `write`, so that a test
// with virtual time is deterministic and still sees what a socket would do: delivery later, back-pressure, FIN and RST.
import type { Connection, ConnectionHandlers } from '@mqttv5/core';
import type { Link, LinkHandlers } from './link.ts';

/** `Connection.write` gives false above this many undelivered bytes, as a socket does above its high-water mark. */
const highWaterMark = 64 * 1024;

/** Connects a client's end (what a core `Dial` resolves to) with the broker's end. */
export function memoryConnection(): { readonly client: Connection; readonly server: Link } {
  const toServer = new Pipe();
  const toClient = new Pipe();
  return { client: new ClientEnd(toServer, toClient), server: new ServerEnd(toClient, toServer) };
}

class ClientEnd implements Connection {
  readonly #out: Pipe;
  readonly #in: Pipe;

  constructor(out: Pipe, incoming: Pipe) {
    this.#out = out;
    this.#in = incoming;
  }

  start(handlers: ConnectionHandlers): void {
    this.#out.onDrain = () => handlers.drain();
    connectEnds(this.#in, this.#out, handlers);
  }

  write(bytes: Uint8Array, written?: () => void): boolean {
    return this.#out.write(bytes, written);
  }

  pause(): void {
    this.#in.pause();
  }

  resume(): void {
    this.#in.resume();
  }

  end(): void {
    this.#in.resume();
    this.#out.end();
  }

  destroy(): void {
    cut(this.#in, this.#out);
  }
}

class ServerEnd implements Link {
  readonly #out: Pipe;
  readonly #in: Pipe;

  constructor(out: Pipe, incoming: Pipe) {
    this.#out = out;
    this.#in = incoming;
  }

  get unsentBytes(): number {
    return this.#out.bufferedBytes;
  }

  start(handlers: LinkHandlers): void {
    connectEnds(this.#in, this.#out, handlers);
  }

  write(bytes: Uint8Array): void {
    this.#out.write(bytes);
  }

  flushed(callback: () => void): void {
    this.#out.write(new Uint8Array(0), callback);
  }

  pause(): void {
    this.#in.pause();
  }

  resume(): void {
    this.#in.resume();
  }

  end(): void {
    this.#in.resume();
    this.#out.end();
  }

  destroy(): void {
    cut(this.#in, this.#out);
  }
}

/** An end is closed when its incoming direction is; closing in order also ends what it would still send, as a socket does. */
function connectEnds(incoming: Pipe, outgoing: Pipe, handlers: LinkHandlers): void {
  incoming.start(
    (chunk) => handlers.data(chunk),
    (error) => {
      outgoing.end();
      handlers.close(error);
    },
  );
}

/** Cutting is abrupt: what is under way is lost, and the other end sees a reset. */
function cut(ours: Pipe, theirs: Pipe): void {
  ours.reset();
  theirs.reset(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
}

/** One direction. Its reader starts, pauses and resumes it; its writer writes and ends it; either end resets it. */
class Pipe {
  onDrain: (() => void) | undefined;
  bufferedBytes = 0;
  #chunks: { readonly bytes: Uint8Array; readonly written: (() => void) | undefined }[] = [];
  #onData: ((chunk: Uint8Array) => void) | undefined;
  #onClose: ((error?: Error) => void) | undefined;
  #flowing = false;
  #scheduled = false;
  #needsDrain = false;
  #state: 'open' | 'ending' | 'closed' = 'open';
  #error: Error | undefined;

  start(onData: (chunk: Uint8Array) => void, onClose: (error?: Error) => void): void {
    this.#onData = onData;
    this.#onClose = onClose;
    this.resume();
  }

  pause(): void {
    this.#flowing = false;
  }

  resume(): void {
    this.#flowing = true;
    this.#schedule();
  }

  /** Copies: the writer may reuse its buffer as soon as `written` was called, and the reader may keep views. */
  write(bytes: Uint8Array, written?: () => void): boolean {
    if (this.#state !== 'open') return false;
    this.#chunks.push({ bytes: new Uint8Array(bytes), written });
    this.bufferedBytes += bytes.byteLength;
    this.#schedule();
    this.#needsDrain ||= this.bufferedBytes >= highWaterMark;
    return !this.#needsDrain;
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#schedule();
  }

  reset(error?: Error): void {
    if (this.#state === 'closed') return;
    this.#state = 'ending';
    this.#error ??= error;
    this.#chunks = [];
    this.bufferedBytes = 0;
    this.#flowing = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || !this.#flowing) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    // Nobody has called `start` yet: everything waits, a close too.
    if (this.#onData === undefined) return;
    while (this.#flowing) {
      const chunk = this.#chunks.shift();
      if (chunk === undefined) break;
      this.bufferedBytes -= chunk.bytes.byteLength;
      chunk.written?.();
      if (chunk.bytes.byteLength > 0) this.#onData(chunk.bytes);
    }
    if (this.#chunks.length > 0) return;
    if (this.#needsDrain && this.#state === 'open') {
      this.#needsDrain = false;
      this.onDrain?.();
    }
    if (this.#state !== 'ending' || !this.#flowing) return;
    this.#state = 'closed';
    this.#onClose?.(this.#error);
  }
}
