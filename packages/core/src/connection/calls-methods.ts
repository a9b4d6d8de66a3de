// SPDX-License-Identifier: Apache-2.0

import type { Connection } from '../api/transport.ts';

/**
 * A connection of this package, which calls its handlers as methods of the object they were given in. A user's may take the
 * functions out of it, and so gets ones that are bound: 250 bytes of every client.
 */
export interface MethodCaller extends Connection {
  readonly callsMethods: true;
}

export function callsMethods(connection: Connection): boolean {
  return 'callsMethods' in connection;
}
