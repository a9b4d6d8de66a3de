// SPDX-License-Identifier: Apache-2.0

import type { Logger } from '../api/logger.ts';

type Line = Parameters<Logger['debug']>;

/**
 * The application's logger. It is called in the middle of packets and of changes of state, where whatever it throws would cut
 * them in half; there is nobody to tell of that, since the logger is who would be told.
 */
export class GuardedLogger implements Logger {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  debug(...line: Line): void {
    this.#write('debug', line);
  }

  info(...line: Line): void {
    this.#write('info', line);
  }

  warn(...line: Line): void {
    this.#write('warn', line);
  }

  error(...line: Line): void {
    this.#write('error', line);
  }

  #write(level: keyof Logger, line: Line): void {
    try {
      this.#logger[level](...line);
    } catch {
      // Above.
    }
  }
}
