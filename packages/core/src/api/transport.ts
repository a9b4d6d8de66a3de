// SPDX-License-Identifier: Apache-2.0

import type { TlsOptions } from './options.ts';

/** What a dialer is given beside the address. */
export interface DialOptions {
  /** Ends the attempt: nothing may stay open afterwards. */
  readonly signal: AbortSignal;
  readonly tls?: TlsOptions | undefined;
}

/** Opens a connection. `broker` has no user info. What it rejects with becomes the cause of `DIAL_FAILED`. */
export type Dial = (broker: URL, options: DialOptions) => Promise<Connection>;

/** An ordered, reliable stream of bytes in both directions. @see MQTT v5.0 §4.2 */
export interface Connection {
  /** Called once, before anything else. Nothing may be lost that arrived earlier. */
  start(handlers: ConnectionHandlers): void;
  /**
   * Takes bytes to send, which stay untouched until `written` is called: when the platform has taken them. False when it would rather
   * take no more before `drain`.
   */
  write(bytes: Uint8Array, written?: () => void): boolean;
  /** Stops reading, so that the peer has to wait. Both or neither; without them `overflow: "pause"` is an INVALID_OPTION. */
  pause?(): void;
  resume?(): void;
  /** Closes in good order, once everything is written. */
  end(): void;
  /** Closes now. */
  destroy(): void;
}

/** How a connection talks to the client. Not called after `close`. */
export interface ConnectionHandlers {
  /** In any split. The chunk belongs to the client. */
  data(chunk: Uint8Array): void;
  /** There is room again after `write` returned false. */
  drain(): void;
  /** Exactly once, whoever closed; without an error when it was in good order. */
  close(error?: Error): void;
}
