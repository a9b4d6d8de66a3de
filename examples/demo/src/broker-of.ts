// SPDX-License-Identifier: Apache-2.0

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What the demo needs of a broker. */
export interface DemoBroker {
  readonly url: string;
  dropConnections(): void;
  close(): Promise<void>;
}

/**
 * Somebody's broker, which we cannot ask to drop its clients: reached through a relay on loopback that passes bytes on as they
 * are, and drops them for it.
 */
export async function brokerOf(target: URL): Promise<DemoBroker> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(target.port || 1883), target.hostname);
    join(near, far, sockets);
    join(far, near, sockets);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // a TCP server that listens has one
  // User name and password of the URL go along.
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  const dropConnections = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    url: url.href,
    dropConnections,
    close: async () => {
      dropConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function join(socket: Socket, other: Socket, sockets: Set<Socket>): void {
  sockets.add(socket);
  socket.pipe(other);
  socket.on('error', () => other.destroy());
  socket.on('close', () => {
    sockets.delete(socket);
    other.destroy();
  });
}
