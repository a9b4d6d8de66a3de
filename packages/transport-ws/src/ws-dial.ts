// SPDX-License-Identifier: Apache-2.0
//
// Node: the `ws` package, which has what the platform's WebSocket lacks: headers, agents, TLS options, and back-pressure.

import { createSecureContext, type SecureContext } from 'node:tls';
import type { Connection, Dial, DialOptions, TlsOptions } from '@mqttv5/core';
import { MqttError } from '@mqttv5/core';
import { type ClientOptions, WebSocket } from 'ws';
import { dialFailed } from './dial-error.ts';
import { checkHeaders, checkOptions, checkScheme, SUBPROTOCOL, type WebSocketDialOptions } from './options.ts';
import { WsConnection } from './ws-connection.ts';

/** A frame may hold the largest packet there is (§2.1.4); the client's Maximum Packet Size is checked on what is inside. */
const MAXIMUM_FRAME_BYTES = 268_435_460;

/**
 * How long the other end may take to close the TCP connection once close frames were exchanged: `ws` waits for it, 30 seconds by
 * default, before it says that the connection has ended.
 */
const CLOSE_TIMEOUT_MS = 1_000;

/** With what its declarations do not have yet. */
type SocketOptions = ClientOptions & {
  readonly closeTimeout: number;
  readonly secureContext?: SecureContext;
  readonly ALPNProtocols?: readonly string[];
};

/**
 * A dial for `ws:` and `wss:` brokers: `connect('wss://broker.example/mqtt', { dial: webSocketDial() })`.
 *
 * TLS options come from the client's option `tls`; certificates are verified with the system's roots by default. The
 * subprotocol `mqtt` is required, compression of messages is off, and `overflow: "pause"` is real back-pressure.
 *
 * @throws MqttError `INVALID_OPTION`; from the dial itself `INVALID_BROKER_URL` for another scheme, `INVALID_OPTION` for headers,
 * TLS material and `alpnProtocols` that cannot be used, and `DIAL_FAILED`
 * @see MQTT v5.0 §6
 */
export function webSocketDial(options: WebSocketDialOptions = {}): Dial {
  checkOptions(options);
  const { headers, agent } = options;
  const fixed = headers !== undefined && typeof headers !== 'function' ? checkHeaders(headers) : undefined;
  if (agent !== undefined && (typeof agent !== 'object' || agent === null)) {
    throw new MqttError('INVALID_OPTION', 'agent must be an http.Agent or https.Agent');
  }
  return async (broker, dialOptions) => {
    checkScheme(broker);
    const given: unknown = typeof headers === 'function' ? await headers(new URL(broker)) : fixed;
    dialOptions.signal.throwIfAborted();
    const own = given === undefined ? undefined : checkHeaders(given);
    return open(broker, socketOptions(agent, own, dialOptions.tls), dialOptions);
  };
}

function open(broker: URL, options: SocketOptions, { signal }: DialOptions): Promise<Connection> {
  return new Promise((resolve, reject) => {
    let socket: WebSocket;
    try {
      socket = new WebSocket(broker, [SUBPROTOCOL], options);
    } catch (error) {
      reject(unusable('address or the headers', error));
      return;
    }
    const abort = (): void => {
      socket.terminate();
      reject(signal.reason);
    };
    const failed = (error: Error): void => {
      signal.removeEventListener('abort', abort);
      reject(dialFailed(broker, error));
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.once('error', failed);
    socket.once('open', () => {
      signal.removeEventListener('abort', abort);
      // In this order: there must be no moment without a listener for 'error'.
      const connection = new WsConnection(socket);
      socket.off('error', failed);
      resolve(connection);
    });
    // `terminate` before 'open' reports an error of its own, which nobody waits for any more.
    socket.on('error', () => undefined);
  });
}

function socketOptions(
  agent: object | undefined,
  headers: Readonly<Record<string, string>> | undefined,
  tls: TlsOptions | undefined,
): SocketOptions {
  const { alpnProtocols, ...rest } = tls ?? {};
  const ALPNProtocols = checkProtocols(alpnProtocols);
  // Only what was given: an explicit undefined would replace a default of node:tls.
  const given = Object.fromEntries(
    Object.entries({ ...rest, ALPNProtocols, agent, headers }).filter(([, value]) => value !== undefined),
  );
  return {
    // Not left to Node, where an environment variable can turn verification off for the whole process.
    rejectUnauthorized: true,
    ...given,
    ...(tls && { secureContext: secureContextOf(tls, given) }),
    perMessageDeflate: false,
    maxPayload: MAXIMUM_FRAME_BYTES,
    followRedirects: false,
    closeTimeout: CLOSE_TIMEOUT_MS,
  };
}

/** A broker that selects one of these waits for an upgrade (RFC 8441, RFC 9220) that `ws` does not know. */
const NOT_SPOKEN: ReadonlySet<string> = new Set(['h2', 'h3']);

function checkProtocols(alpnProtocols: readonly string[] | undefined): string[] | undefined {
  const wrong = alpnProtocols?.find((name) => NOT_SPOKEN.has(name));
  if (wrong === undefined) return alpnProtocols && [...alpnProtocols];
  throw new MqttError(
    'INVALID_OPTION',
    `\`tls.alpnProtocols\` must not offer "${wrong}": this WebSocket is opened over HTTP/1.1 ("http/1.1")`,
  );
}

/** Read here: where `ws` does, a certificate that nobody can read looks like a network that fails. */
function secureContextOf(tls: TlsOptions, given: object): SecureContext {
  try {
    for (const name of ['ca', 'cert', 'key'] as const) checkPem(tls[name], name);
    return createSecureContext(given);
  } catch (error) {
    throw unusable('TLS options', error);
  }
}

/** OpenSSL passes over a `ca` without a certificate in it, and the broker's would be blamed for not being known. */
function checkPem(value: TlsOptions['ca'], name: string): void {
  const blocks = typeof value === 'string' || value instanceof Uint8Array ? [value] : (value ?? []);
  const isPem = (block: string | Uint8Array): boolean => Buffer.from(block).includes('-----BEGIN ');
  if (!blocks.every(isPem))
    throw new TypeError(`\`${name}\` holds no PEM; it takes the contents of a file, not its path`);
}

/** What `ws`, `http` and `tls` refuse before anything is sent. */
function unusable(what: string, cause: unknown): MqttError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new MqttError('INVALID_OPTION', `The ${what} cannot be used: ${why}`, {
    cause,
  });
}
