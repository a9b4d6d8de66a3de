// SPDX-License-Identifier: Apache-2.0
// The brokers that every scenario runs against: the embedded one, and a Mosquitto where it is installed.
import type { ErrorCode } from '@mqttv5/core';
import { startBroker } from '@mqttv5/testing';
import { createAuthority } from '@mqttv5/support/certificates';
import { requireMosquitto, startMosquitto } from './mosquitto.ts';
import { startRelay } from './relay.ts';

/** What a scenario asks of its broker. */
export interface Demands {
  /** Also listens for TLS, and for WebSocket over TLS with `webSocket`. */
  tls?: boolean;
  webSocket?: boolean;
  /** Only these may connect. */
  users?: Readonly<Record<string, string>>;
}

export interface BrokerUnderTest extends AsyncDisposable {
  /** Leads through a relay, so that the connection can be cut. */
  readonly url: string;
  readonly tlsUrl: string;
  readonly webSocketUrl: string;
  readonly secureWebSocketUrl: string;
  /** PEM of the authority that issued the broker's certificate. */
  readonly ca: string;
  /** Ends every connection made through `url`; the broker is not told, sessions stay. */
  cut(): void;
}

export interface BrokerKind {
  readonly name: string;
  readonly available: boolean;
  /** How a client learns that another one took its session: Mosquitto 2.0 closes without the DISCONNECT of 0x8E. */
  readonly codeOfTakeover: ErrorCode;
  start(demands?: Demands): Promise<BrokerUnderTest>;
}

export const brokers: readonly BrokerKind[] = [
  { name: 'the embedded broker', available: true, codeOfTakeover: 'SESSION_TAKEN_OVER', start: startEmbedded },
  { name: 'Mosquitto', available: requireMosquitto(), codeOfTakeover: 'CONNECTION_LOST', start: startReal },
];

async function startEmbedded({ tls = false, webSocket = false, users }: Demands = {}): Promise<BrokerUnderTest> {
  const decoder = new TextDecoder();
  const authenticate = users && {
    authenticate: ({ username, password }: { username: string | undefined; password: Uint8Array | undefined }) =>
      username !== undefined && password !== undefined && users[username] === decoder.decode(password) ? true : 0x87,
  };
  const authority = await createAuthority();
  const plain = await startBroker({ webSocketPort: 0, ...authenticate });
  // Every listener of an embedded broker speaks TLS or none does: two of them make up one Mosquitto.
  const issued = await authority.issue({ commonName: 'broker', names: ['localhost', '127.0.0.1'] });
  const secure = tls ? await startBroker({ webSocketPort: 0, tls: issued, ...authenticate }) : undefined;
  const relay = await startRelay(Number(new URL(plain.url).port));
  const onLocalhost = (url: string | undefined): string => (url ?? '').replace('127.0.0.1', 'localhost');
  return {
    url: `mqtt://127.0.0.1:${relay.port}`,
    tlsUrl: onLocalhost(secure?.url),
    webSocketUrl: webSocket ? plain.webSocketUrl : '',
    secureWebSocketUrl: onLocalhost(secure?.webSocketUrl),
    ca: authority.ca,
    cut: () => relay.cut(),
    async [Symbol.asyncDispose]() {
      await relay.close();
      await Promise.all([plain.close(), secure?.close()]);
    },
  };
}

async function startReal(demands: Demands = {}): Promise<BrokerUnderTest> {
  const mosquitto = await startMosquitto(demands);
  const relay = await startRelay(Number(new URL(mosquitto.url).port));
  return {
    url: `mqtt://127.0.0.1:${relay.port}`,
    tlsUrl: mosquitto.tlsUrl,
    webSocketUrl: mosquitto.webSocketUrl,
    secureWebSocketUrl: mosquitto.secureWebSocketUrl,
    ca: mosquitto.authority.ca,
    cut: () => relay.cut(),
    async [Symbol.asyncDispose]() {
      await relay.close();
      await mosquitto.close();
    },
  };
}
