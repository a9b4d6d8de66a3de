// SPDX-License-Identifier: Apache-2.0
// `tls.alpnProtocols` over wss: offered as given, and refused by name where the WebSocket could not speak what was selected.
import { once } from 'node:events';
import { Agent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { connect, type TlsOptions } from '@mqttv5/core';
import { createAuthority } from '@mqttv5/support/certificates';
import { startBroker } from '@mqttv5/testing';
import { webSocketDial } from '@mqttv5/transport-ws';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';

describe('alpnProtocols of wss', () => {
  let ca = '';
  let broker: TlsOptions = {};

  beforeAll(async () => {
    const authority = await createAuthority();
    ca = authority.ca;
    broker = await authority.issue({ commonName: 'broker', names: ['localhost'] });
  });

  async function brokerThatTakes(alpnProtocols: readonly string[]): Promise<string> {
    const started = await startBroker({ webSocketPort: 0, tls: { ...broker, alpnProtocols } });
    onTestFinished(() => started.close());
    return started.webSocketUrl.replace('127.0.0.1', 'localhost');
  }

  /** What a server with these protocols selects; it ends the connection then. */
  async function selected(alpnProtocols: readonly string[], dial = webSocketDial()): Promise<unknown> {
    const { cert, key } = broker as { readonly cert: string; readonly key: string };
    const server = createServer({ cert, key, ALPNProtocols: ['x-route', 'http/1.1'] });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo; // a TCP server that listens has one
    const secured = once(server, 'secureConnection') as Promise<[TLSSocket]>;
    const signal = AbortSignal.timeout(5_000);
    const dialling = dial(new URL(`wss://localhost:${port}`), { signal, tls: { ca, alpnProtocols } });
    const [socket] = await secured;
    const protocol: unknown = socket.alpnProtocol;
    socket.destroy();
    await expect(dialling).rejects.toMatchObject({ code: 'DIAL_FAILED' });
    return protocol;
  }

  test('are offered in the TLS handshake, through an agent too', async () => {
    expect(await selected(['http/1.1'])).toBe('http/1.1');
    expect(await selected(['x-route', 'http/1.1'])).toBe('x-route');
    expect(await selected(['x-route'], webSocketDial({ agent: new Agent() }))).toBe('x-route');
  });

  test('with one that the broker takes, the client connects', async () => {
    const url = await brokerThatTakes(['http/1.1']);
    const client = await connect(url, { dial: webSocketDial(), tls: { ca, alpnProtocols: ['mqtt', 'http/1.1'] } });
    expect(client.connected).toBe(true);
    await client.disconnect();
  });

  test('with none that it takes, DIAL_FAILED says why', async () => {
    const url = await brokerThatTakes(['http/1.1']);
    await expect(connect(url, { dial: webSocketDial(), tls: { ca, alpnProtocols: ['mqtt'] } })).rejects.toMatchObject({
      code: 'DIAL_FAILED',
      message: expect.stringContaining('the broker accepts none of `tls.alpnProtocols`'),
    });
  });

  test.each([['h2'], ['h3']])(
    '%s is INVALID_OPTION before anything is sent: this WebSocket speaks HTTP/1.1',
    async (name) => {
      const url = await brokerThatTakes(['http/1.1']);
      for (const alpnProtocols of [[name], ['http/1.1', name]])
        await expect(connect(url, { dial: webSocketDial(), tls: { ca, alpnProtocols } })).rejects.toMatchObject({
          code: 'INVALID_OPTION',
          message: expect.stringContaining(name),
        });
    },
  );
});
