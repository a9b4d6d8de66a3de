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
  const server = tls === undefined ? plainServer(onLink) : tlsServer(tls, onLink);
  const url = await listening(server, host, port, tls === undefined ? 'mqtt' : 'mqtts');
  return { url, close: () => closed(server) };
}

function plainServer(onLink: (link: Link) => void): Server {
  return createServer((socket) => onLink(new SocketLink(socket)));
}

function tlsServer(tls: TlsOptions, onLink: (link: Link) => void): Server {
  const server = createTlsServer(nodeTlsOptions(tls));
  // The TCP socket below each TLS socket, until its handshake is over: only it can be reset.
  const transports = new Map<number | undefined, Socket>();
  server.on('connection', (socket: Socket) => {
    transports.set(socket.remotePort, socket);
    socket.once('close', () => transports.delete(socket.remotePort));
  });
  server.on('secureConnection', (socket) => onLink(new SocketLink(socket, transports.get(socket.remotePort))));
  // A handshake that fails is the client's to report.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
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
