// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { WebSocketServer } from 'ws';
import type { TlsOptions } from '@mqttv5/core';
import type { Link } from '../links/link.ts';
import { WebSocketLink } from '../links/websocket-link.ts';
import { closed, listening, Newcomers, nodeTlsOptions } from './listeners.ts';
import type { Listener } from './listeners.ts';

/**
 * MQTT over WebSocket, at any path. A client that does not offer the subprotocol `mqtt` is answered with HTTP 400
 * [MQTT-6.0.0-3]; with it, that subprotocol is selected [MQTT-6.0.0-4].
 *
 * @throws TestingError `LISTEN_FAILED`, `INVALID_OPTION`
 */
export async function listenWebSocket(
  host: string,
  port: number,
  tls: TlsOptions | undefined,
  onLink: (link: Link) => void,
): Promise<Listener> {
  const server = tls === undefined ? createServer() : createTlsServer(nodeTlsOptions(tls));
  const newcomers = new Newcomers(server);
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'mqtt', perMessageDeflate: false });
  server.on('upgrade', (request, socket, head) => {
    const offered = request.headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? [];
    if (!offered.includes('mqtt')) {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      onLink(new WebSocketLink(webSocket, request.socket, newcomers.take(request.socket)));
    });
  });
  server.on('request', (_request, response) => {
    response.writeHead(426, { Connection: 'close', Upgrade: 'websocket' }).end();
  });
  const url = await listening(server, host, port, tls === undefined ? 'ws' : 'wss');
  return {
    url: `${url}/mqtt`,
    close: () => {
      newcomers.destroy();
      return closed(server);
    },
  };
}
