// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** Where a connection is cut: behind this many bytes of one direction, counted from its beginning. */
export interface Cut {
  /** Up: from the client to the broker. */
  readonly direction: 'up' | 'down';
  readonly behind: number;
  /** RST, as a crash or a pulled cable; or FIN, as an orderly close. */
  readonly how: 'rst' | 'fin';
  /** How many connections end like that; those after them are left alone. */
  readonly connections: number;
}

/** A TCP relay on loopback that passes exactly so many bytes on and then cuts the connection, to both sides. */
export interface CuttingRelay {
  readonly url: string;
  /** How many connections were cut so far. */
  readonly cuts: number;
  close(): Promise<void>;
}

export async function startCuttingRelay(brokerPort: number, cut: Cut): Promise<CuttingRelay> {
  const sockets = new Set<Socket>();
  let left = cut.connections;
  let cuts = 0;
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    // What an error means is for the two ends to say; the relay only passes it on.
    return socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  };
  const server = createServer({ noDelay: true }, (client) => {
    const broker = keep(connect({ port: brokerPort, host: '127.0.0.1', noDelay: true }));
    keep(client);
    const armed = left > 0;
    left -= 1;
    const end = (): void => {
      cuts += 1;
      for (const socket of [client, broker]) {
        socket.removeAllListeners('data').resume();
        if (cut.how === 'rst') socket.resetAndDestroy();
        else socket.end();
      }
    };
    const pass = (from: Socket, to: Socket, direction: Cut['direction']): void => {
      let room = armed && direction === cut.direction ? cut.behind : Number.POSITIVE_INFINITY;
      if (room === 0) queueMicrotask(end);
      from.on('data', (chunk) => {
        const passed = chunk.subarray(0, room);
        const last = passed.length === room;
        room -= passed.length;
        // Into the peer's kernel first: a reset may overtake what is still in this process.
        to.write(passed, () => {
          if (last) end();
        });
        if (last) from.removeAllListeners('data').resume();
      });
    };
    pass(client, broker, 'up');
    pass(broker, client, 'down');
    client.once('close', () => broker.destroy());
    broker.once('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    // A TCP listener has an address object.
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return cuts;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
