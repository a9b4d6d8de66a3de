// SPDX-License-Identifier: Apache-2.0

import { connect as connectSocket } from 'node:net';
import type { Connection, Dial } from '@mqttv5/core';

/** A plain socket, as the client's own dial, which is not exported. */
export function tcp(): Dial {
  return async (url, { signal }) => {
    const socket = connectSocket({ host: url.hostname, port: Number(url.port), noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
      signal.addEventListener('abort', () => socket.destroy(), { once: true });
    });
    const connection: Connection = {
      start: (handlers) => {
        socket.on('data', (chunk) => handlers.data(chunk));
        socket.on('drain', () => handlers.drain());
        socket.on('error', () => {});
        socket.on('close', () => handlers.close());
      },
      write: (bytes, written) => socket.write(bytes, written),
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      end: () => void socket.end(),
      destroy: () => void socket.destroy(),
    };
    return connection;
  };
}
