// SPDX-License-Identifier: Apache-2.0

/**
 * Where the client says what it does; `console` fits, and so do pino and winston behind a line of glue. `debug` for packets and
 * decisions, `info` for connections, `warn` for what it recovers from, `error` for what it does not. Nothing is logged per message
 * above `debug`; payloads, passwords and the user info of URLs never are.
 */
export interface Logger {
  debug(message: string, details?: object): void;
  info(message: string, details?: object): void;
  warn(message: string, details?: object): void;
  error(message: string, details?: object): void;
}

/** Tells of a failure that nobody waits for and that is no event. */
export type Report = (message: string, error: unknown) => void;
