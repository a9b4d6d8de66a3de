// SPDX-License-Identifier: Apache-2.0

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A broker that can go away and come back, although it is somebody else's: bytes pass through it as they are. */
export interface Relay {
  readonly url: string;
  /** Cuts every connection and refuses new ones. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
}

/** Listens on loopback in front of a broker. */
export async function relayTo(broker: string): Promise<Relay> {
  const target = new URL(broker);
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let port = 0;
  const comeBack = async (): Promise<void> => {
    server = createServer((near) => {
      const far = connect(Number(target.port || 1883), target.hostname);
      join(near, far, sockets);
      join(far, near, sockets);
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port; // a TCP server that listens has one
  };
  await comeBack();
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return {
    url: url.href,
    comeBack,
    goAway: async () => {
      const closing = server;
      server = undefined;
      if (closing === undefined) return;
      const closed = once(closing, 'close');
      closing.close();
      for (const socket of sockets) socket.resetAndDestroy();
      await closed;
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
