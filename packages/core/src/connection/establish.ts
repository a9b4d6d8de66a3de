// SPDX-License-Identifier: Apache-2.0
//
// One attempt at a Network Connection, from the broker's address to CONNACK 0x00.

import type { ConnackPacket, ConnectPacket } from '@mqttv5/wire';
import type { Authenticator } from '../api/connect.ts';
import type { MaybePromise } from '../api/common.ts';
import type { Logger } from '../api/logger.ts';
import type { TlsOptions } from '../api/options.ts';
import type { Connection, Dial } from '../api/transport.ts';
import { onAbort } from '../abort.ts';
import { redactUrl } from '../broker-url.ts';
import type { Clock } from '../clock.ts';
import { isMqttError, mqttError } from '../errors.ts';
import type { Counters } from '../stats.ts';
import { AuthenticationExchange } from './authentication.ts';
import { Handshake } from './handshake.ts';
import { Link } from './link.ts';
import { PacketConnection } from './packet-connection.ts';

export interface EstablishOptions {
  readonly dial: Dial;
  readonly tls: TlsOptions | undefined;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly logger: Logger | undefined;
  readonly lenient: boolean;
  readonly maximumPacketSize: number | undefined;
  readonly writeHighWaterMark: number;
  /** Undefined: 10 s, or half the keep alive in force if that is shorter. */
  readonly pingTimeoutMs: number | undefined;
  readonly disconnectTimeoutMs: number;
  /** Seconds; 0 for none. Server Keep Alive replaces it. */
  readonly keepAlive: number;
  readonly authenticator: Authenticator | undefined;
  readonly requestProblemInformation: boolean;
  /** Ends the attempt at once; the deadline is the caller's, who aborts with the error to report. */
  readonly signal: AbortSignal;
  /** Called right before CONNECT is written. */
  readonly beforeConnect?: (() => MaybePromise<void>) | undefined;
  /** CONNECT was handed to the connection. */
  readonly connectWritten?: (() => void) | undefined;
}

export interface Established {
  readonly link: Link;
  readonly connack: ConnackPacket;
}

/**
 * Dials, sends CONNECT, runs the AUTH rounds and waits for CONNACK 0x00. On rejection nothing is left open.
 *
 * @throws MqttError `DIAL_FAILED`, `CONNECT_REFUSED` (with everything the CONNACK said), `AUTH_FAILED`, `PROTOCOL_ERROR`,
 * `CONNECTION_LOST`; what `beforeConnect` throws; the signal's reason once it aborts
 * @internal
 */
export async function establish(broker: URL, connect: ConnectPacket, options: EstablishOptions): Promise<Established> {
  const { signal, authenticator } = options;
  signal.throwIfAborted();
  const exchange = authenticator && new AuthenticationExchange(authenticator);
  const forget = exchange && onAbort(signal, (reason) => exchange.cancel(reason));
  try {
    // Before the dial: a broker gives a connection little time for its CONNECT, and a token may take a while.
    const packet = exchange ? withAuthentication(connect, exchange.method, await exchange.begin()) : connect;
    // The authenticator may have been done in the very turn in which the attempt was aborted.
    signal.throwIfAborted();
    const connection = await dial(broker, options);
    const established = await shakeHands(connection, packet, options, exchange);
    if (!signal.aborted) return established;
    // Aborted between the CONNACK and this line.
    established.link.destroy(mqttError('CLOSED', 'The attempt to connect was aborted'));
    throw signal.reason;
  } finally {
    forget?.();
  }
}

function shakeHands(
  connection: Connection,
  connect: ConnectPacket,
  options: EstablishOptions,
  exchange: AuthenticationExchange | undefined,
): Promise<Established> {
  const packets = new PacketConnection(connection, options);
  const accept = (connack: ConnackPacket): Established => ({
    link: new Link(packets, connack, options),
    connack,
  });
  return new Handshake(packets, connect, options, exchange, accept).run();
}

function withAuthentication(connect: ConnectPacket, method: string, data: Uint8Array | undefined): ConnectPacket {
  const properties = { ...connect.properties, authenticationMethod: method };
  return { ...connect, properties: data === undefined ? properties : { ...properties, authenticationData: data } };
}

/** A dial may ignore its signal: then a connection that comes too late is closed. */
function dial(broker: URL, options: EstablishOptions): Promise<Connection> {
  const { signal, tls, logger } = options;
  logger?.debug('dial', { broker: redactUrl(broker) });
  return new Promise((resolve, reject) => {
    const forget = onAbort(signal, reject);
    const settle = async (): Promise<void> => {
      try {
        const connection = await options.dial(broker, { signal, tls });
        if (signal.aborted) connection.destroy();
        else resolve(connection);
      } catch (error) {
        reject(signal.aborted ? signal.reason : dialError(broker, error));
      } finally {
        forget();
      }
    };
    void settle();
  });
}

function dialError(broker: URL, error: unknown): unknown {
  if (isMqttError(error)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return mqttError('DIAL_FAILED', `Cannot connect to ${redactUrl(broker)}: ${reason}`, { cause: error });
}
