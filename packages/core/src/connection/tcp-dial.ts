// SPDX-License-Identifier: Apache-2.0
//
// TCP, TLS and Unix domain sockets by the runtime's own `net` and `tls`. The only file of core that imports `node:` modules;
// package.json puts `tcp-dial-browser.ts` in its place where there are none.

import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import type { TlsOptions } from '../api/options.ts';
import type { Connection, Dial, DialOptions } from '../api/transport.ts';
import { isMqttError, mqttError } from '../errors.ts';
import { dialFailed } from './dial-error.ts';
import { SocketConnection } from './socket-connection.ts';

export { explainFailure } from './dial-error.ts';

type Target =
  | { readonly type: 'tcp' | 'tls'; readonly host: string; readonly port: number }
  | { readonly type: 'unix'; readonly path: string };

const PLAIN_PORT = 1883;
const SECURE_PORT = 8883;

/**
 * Opens `mqtt:`/`tcp:`, `mqtts:`/`ssl:`/`tls:` and `mqtt+unix:` addresses. User info in the address is not used.
 *
 * @throws MqttError `DIAL_FAILED` with the socket's error as `cause`; `INVALID_BROKER_URL` for another scheme;
 * `INVALID_OPTION` for TLS material that cannot be read; the signal's reason once it aborts. Nothing is left open then.
 * @internal
 */
export const tcpDial: Dial = async (broker: URL, options: DialOptions): Promise<Connection> => {
  const target = parseTarget(broker);
  options.signal.throwIfAborted();
  const socket = openSocket(target, options.tls);
  await connected(socket, target, options.signal);
  return new SocketConnection(socket);
};

function parseTarget(broker: URL): Target {
  switch (broker.protocol) {
    case 'mqtt:':
    case 'tcp:':
      return { type: 'tcp', host: hostOf(broker), port: portOf(broker, PLAIN_PORT) };
    case 'mqtts:':
    case 'ssl:':
    case 'tls:':
      return { type: 'tls', host: hostOf(broker), port: portOf(broker, SECURE_PORT) };
    case 'mqtt+unix:':
      return { type: 'unix', path: decodeURIComponent(broker.pathname) };
    default:
      throw mqttError('INVALID_BROKER_URL', `TCP cannot open ${broker.protocol}//…; give \`dial\` for this scheme`);
  }
}

function hostOf(broker: URL): string {
  // Schemes unknown to WHATWG keep their host percent-encoded, and IPv6 addresses stand in brackets.
  const host = decodeURIComponent(broker.hostname);
  if (host === '') throw mqttError('INVALID_BROKER_URL', `A ${broker.protocol} address needs a host`);
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

function portOf(broker: URL, standard: number): number {
  return broker.port === '' ? standard : Number(broker.port);
}

function openSocket(target: Target, tls: TlsOptions | undefined): Socket {
  if (target.type === 'unix') return connectTcp({ path: target.path });
  const { host, port } = target;
  // Nagle's algorithm would hold back the last packet of every turn until the broker's TCP has acknowledged the others.
  if (target.type === 'tcp') return connectTcp({ host, port, noDelay: true });
  try {
    // The option of that name is not for TLS sockets.
    return connectTls({ ...tlsOptions(host, tls), host, port }).setNoDelay(true);
  } catch (error) {
    throw mqttError('INVALID_OPTION', `The TLS options cannot be used: ${messageOf(error)}`, { cause: error });
  }
}

/** Ours by name, so that nothing else that a caller's object carries can weaken the verification. */
function tlsOptions(host: string, tls: TlsOptions = {}): ConnectionOptions {
  const options: ConnectionOptions = {};
  // RFC 6066, section 3: no IP address in the Server Name Indication.
  if (tls.servername !== undefined) options.servername = tls.servername;
  else if (isIP(host) === 0) options.servername = host;
  if (tls.alpnProtocols !== undefined) options.ALPNProtocols = [...tls.alpnProtocols];
  if (tls.ca !== undefined) options.ca = pemBlocks(tls.ca, 'ca');
  if (tls.cert !== undefined) options.cert = pemBlocks(tls.cert, 'cert');
  if (tls.key !== undefined) options.key = pemBlocks(tls.key, 'key');
  if (tls.pfx !== undefined) options.pfx = asBuffer(tls.pfx);
  if (tls.passphrase !== undefined) options.passphrase = tls.passphrase;
  if (tls.minVersion !== undefined) options.minVersion = tls.minVersion;
  if (tls.ciphers !== undefined) options.ciphers = tls.ciphers;
  options.rejectUnauthorized = tls.rejectUnauthorized ?? true;
  return options;
}

type Pem = string | Uint8Array;

/** OpenSSL passes over a `ca` without a certificate in it, and the broker's would be blamed for not being known. */
function pemBlocks(value: Pem | readonly Pem[], name: string): Array<string | Buffer> {
  const blocks = (typeof value === 'string' || value instanceof Uint8Array ? [value] : value).map((each) =>
    asBuffer(each),
  );
  if (blocks.every((block) => block.includes('-----BEGIN '))) return blocks;
  throw new TypeError(`\`${name}\` holds no PEM; it takes the contents of a file, not its path`);
}

function asBuffer(value: Pem): string | Buffer {
  return typeof value === 'string' ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** Settles when the socket can be used or never will be. */
function connected(socket: Socket, target: Target, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const ready = target.type === 'tls' ? 'secureConnect' : 'connect';
    const cleanUp = (): void => {
      socket.off(ready, onReady);
      socket.off('error', onError);
      socket.off('close', onClose);
      signal.removeEventListener('abort', onAbort);
    };
    const fail = (reason: unknown): void => {
      cleanUp();
      // A destroyed socket may still have an error to report, which nobody else waits for.
      socket.on('error', () => undefined);
      socket.destroy();
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- an AbortSignal's reason is passed on as it is.
      reject(reason);
    };
    const onReady = (): void => {
      cleanUp();
      resolve();
    };
    const onError = (error: Error): void => fail(isMqttError(error) ? error : dialFailed(describe(target), error));
    const onClose = (): void => fail(dialFailed(describe(target), undefined));
    const onAbort = (): void => fail(signal.reason);
    socket.on(ready, onReady);
    socket.on('error', onError);
    socket.on('close', onClose);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function describe(target: Target): string {
  if (target.type === 'unix') return `mqtt+unix:${target.path}`;
  const host = target.host.includes(':') ? `[${target.host}]` : target.host;
  return `${target.type === 'tls' ? 'mqtts' : 'mqtt'}://${host}:${target.port}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
