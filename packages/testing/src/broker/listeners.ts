// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Server, Socket } from 'node:net';
import type { TlsOptions as NodeTlsOptions } from 'node:tls';
import type { TlsOptions } from '@mqttv5/core';
import { assertKnownKeys, TestingError } from '../errors.ts';
import type { Link } from '../links/link.ts';
import { SocketLink } from '../links/socket-link.ts';

/** An open port of the broker. */
export interface Listener {
  readonly url: string;
  /** Stops listening; connections are their owner's to close. Resolves when the last of them is gone. */
  close(): Promise<void>;
}

/** @throws TestingError `LISTEN_FAILED`, `INVALID_OPTION` */
export async function listenTcp(
  host: string,
  port: number,
  tls: TlsOptions | undefined,
  onLink: (link: Link) => void,
): Promise<Listener> {
  if (tls === undefined) {
    const plain = createServer((socket) => onLink(new SocketLink(socket)));
    return { url: await listening(plain, host, port, 'mqtt'), close: () => closed(plain) };
  }
  const server = createTlsServer(nodeTlsOptions(tls));
  const newcomers = new Newcomers(server);
  server.on('secureConnection', (socket) => onLink(new SocketLink(socket, newcomers.take(socket))));
  return {
    url: await listening(server, host, port, 'mqtts'),
    close: () => {
      newcomers.destroy();
      return closed(server);
    },
  };
}

/**
 * TCP connections still in their TLS or HTTP handshake: nobody else would close them. Afterwards, under TLS, the socket
 * is needed again, because only it can be reset.
 */
export class Newcomers {
  readonly #sockets = new Map<string, Socket>();

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      const key = peerOf(socket);
      this.#sockets.set(key, socket);
      socket.once('close', () => {
        if (this.#sockets.get(key) === socket) this.#sockets.delete(key);
      });
    });
    // A handshake that fails is the client's to report.
    server.on('tlsClientError', (_error: Error, socket: Socket) => socket.destroy());
  }

  /** The handshake is over: the TCP socket of this one, which belongs to the caller from now on. */
  take(socket: Socket): Socket | undefined {
    const key = peerOf(socket);
    const transport = this.#sockets.get(key);
    this.#sockets.delete(key);
    return transport;
  }

  destroy(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

/** The options as `node:tls` wants them on the server's side. @throws TestingError `INVALID_OPTION` */
export function nodeTlsOptions(tls: TlsOptions): NodeTlsOptions {
  assertKnownKeys('tls', tls, tlsNames);
  const { ca, cert, key, pfx, passphrase, minVersion, ciphers, alpnProtocols, rejectUnauthorized } = tls;
  return {
    ...(ca === undefined ? {} : { ca: pem(ca) }),
    ...(cert === undefined ? {} : { cert: pem(cert) }),
    ...(key === undefined ? {} : { key: pem(key) }),
    ...(pfx === undefined ? {} : { pfx: pem(pfx) }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(ciphers === undefined ? {} : { ciphers }),
    ...(alpnProtocols === undefined ? {} : { ALPNProtocols: [...alpnProtocols] }),
    requestCert: rejectUnauthorized === true,
    rejectUnauthorized: rejectUnauthorized === true,
  };
}

const tlsNames: readonly (keyof TlsOptions)[] = [
  'ca',
  'cert',
  'key',
  'pfx',
  'passphrase',
  'servername',
  'alpnProtocols',
  'minVersion',
  'ciphers',
  'rejectUnauthorized',
];

type NodePem = string | Buffer | (string | Buffer)[];

function pem(value: string | Uint8Array): string | Buffer;
function pem(value: string | Uint8Array | readonly (string | Uint8Array)[]): NodePem;
function pem(value: string | Uint8Array | readonly (string | Uint8Array)[]): NodePem {
  const one = (part: string | Uint8Array): string | Buffer => (typeof part === 'string' ? part : Buffer.from(part));
  return typeof value === 'string' || value instanceof Uint8Array ? one(value) : value.map(one);
}

/** Opens the port; the URL names the one that was given. */
export function listening(server: Server, host: string, port: number, scheme: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      reject(new TestingError('LISTEN_FAILED', `cannot listen on ${host} port ${port}`, { cause: error }));
    };
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      const address = server.address();
      const opened = typeof address === 'object' && address !== null ? address.port : port;
      resolve(`${scheme}://${host.includes(':') ? `[${host}]` : host}:${opened}`);
    });
  });
}

export function closed(server: Server): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()));
}
