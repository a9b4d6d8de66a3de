// SPDX-License-Identifier: Apache-2.0

/**
 * The broker's end of one Network Connection, whatever carries it (TCP, TLS, WebSocket, memory).
 * An ordered byte stream both ways; `close` is reported exactly once, also after our own `end` or `destroy`.
 */
export interface Link {
  /** Begins delivery; nothing is read before. */
  start(handlers: LinkHandlers): void;
  /** Takes the bytes over: the caller does not touch them again. */
  write(bytes: Uint8Array): void;
  /** Bytes written here that the peer's system has not taken yet. */
  readonly unsentBytes: number;
  /** Calls back once everything written so far is with the peer's system; never, if the connection ends before. */
  flushed(callback: () => void): void;
  /** Stops and continues reading; the peer feels it as back-pressure. */
  pause(): void;
  resume(): void;
  /** Sends what was written, then closes in order (FIN). A peer that does not close in turn is cut off. */
  end(): void;
  /** Cuts the connection at once and abruptly (RST where there is one); what was not sent is lost. */
  destroy(): void;
}

/** What a link tells its owner. */
export interface LinkHandlers {
  data(chunk: Uint8Array): void;
  close(error?: Error): void;
}
