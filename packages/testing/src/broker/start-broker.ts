// SPDX-License-Identifier: Apache-2.0
import type { Broker, BrokerOptions } from './api.ts';
import { EmbeddedBroker } from './embedded-broker.ts';
import { listenTcp } from './listeners.ts';
import type { Listener } from './listeners.ts';
import { resolveSettings } from './settings.ts';

/**
 * Starts an MQTT v5.0 broker in this process, in memory, for tests, demos and development on one machine. It listens when
 * the promise resolves; without options on a free port of the loopback interface.
 *
 * @throws TestingError `INVALID_OPTION` for an unknown key or a value out of range, `LISTEN_FAILED` if a port is taken
 * @see MQTT v5.0 §4
 *
 * @example
 * ```ts
 * const broker = await startBroker({ connackProperties: { receiveMaximum: 1 } });
 * const client = await connect(broker.url);
 * // …
 * await client.disconnect();
 * await broker.close();
 * ```
 */
export function startBroker(
  options: BrokerOptions & { webSocketPort: number },
): Promise<Broker & { readonly webSocketUrl: string }>;
export function startBroker(options?: BrokerOptions): Promise<Broker>;
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const broker = new EmbeddedBroker(resolveSettings(options));
  const { host = '127.0.0.1', port = 0, webSocketPort, tls } = options;
  const tcp = await listenTcp(host, port, tls, (link) => broker.accept(link));
  if (webSocketPort === undefined) {
    broker.listenOn([tcp], undefined);
    return broker;
  }
  let webSocket: Listener;
  try {
    // Loaded only when asked for: most tests need no WebSocket.
    const { listenWebSocket } = await import('./websocket-listener.ts');
    webSocket = await listenWebSocket(host, webSocketPort, tls, (link) => broker.accept(link));
  } catch (error) {
    await tcp.close();
    throw error;
  }
  broker.listenOn([tcp, webSocket], webSocket.url);
  return broker;
}
