// SPDX-License-Identifier: Apache-2.0

import type { TlsOptions } from './options.ts';

export interface DialOptions {
  readonly signal: AbortSignal;
  readonly tls?: TlsOptions | undefined;
}

export type Dial = (broker: URL, options: DialOptions) => Promise<Connection>;

export interface Connection {
  start(handlers: ConnectionHandlers): void;
  write(bytes: Uint8Array, written?: () => void): boolean;
  /** Both or neither; without them `overflow: "pause"` is an INVALID_OPTION. */
  pause?(): void;
  resume?(): void;
  end(): void;
  destroy(): void;
}

export interface ConnectionHandlers {
  data(chunk: Uint8Array): void;
  drain(): void;
  close(error?: Error): void;
}
