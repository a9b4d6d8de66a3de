// SPDX-License-Identifier: Apache-2.0
// The whole client over ws and wss, against the embedded broker and Mosquitto.
import { connect } from '@mqttv5/core';
import type { Client, ClientOptions } from '@mqttv5/core';
import { webSocketDial } from '@mqttv5/transport-ws';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { brokers } from '../brokers.ts';
import type { BrokerUnderTest, Demands } from '../brokers.ts';
import { createAuthority } from '@mqttv5/support/certificates';
import { smoke } from '../runtimes/smoke.ts';

for (const kind of brokers) {
  describe.runIf(kind.available)(`against ${kind.name}`, { timeout: 20_000 }, () => {
    const start = async (demands: Demands): Promise<BrokerUnderTest> => {
      const broker = await kind.start(demands);
      onTestFinished(async () => broker[Symbol.asyncDispose]());
      return broker;
    };
    const join = async (url: string, options: Omit<ClientOptions, 'brokers'> = {}): Promise<Client> => {
      const client = await connect(url, { dial: webSocketDial(), reconnect: () => 10, ...options });
      onTestFinished(() => client.disconnect());
      return client;
    };
    const refused = (url: string, options: Omit<ClientOptions, 'brokers'> = {}): Promise<unknown> =>
      connect(url, { dial: webSocketDial(), ...options }).then(
        (client) => client.disconnect(),
        (error: unknown) => error,
      );

    test('every QoS, request and response, over ws (S-117, T-286)', async () => {
      const { webSocketUrl: url } = await start({ webSocket: true });
      await expect(smoke({ name: 'ws', url, dial: webSocketDial(), foreign: true })).resolves.toBeUndefined();
    });

    test('every QoS, request and response, over wss, whose authority the client was given', async () => {
      const { secureWebSocketUrl: url, ca } = await start({ webSocket: true, tls: true });
      await expect(
        smoke({ name: 'wss', url, dial: webSocketDial(), tls: { ca }, foreign: true }),
      ).resolves.toBeUndefined();
    });

    test('wss verifies by default: a certificate of an unknown authority is refused (S-118, V-127, T-288)', async () => {
      const { secureWebSocketUrl } = await start({ webSocket: true, tls: true });
      expect(await refused(secureWebSocketUrl)).toMatchObject({
        code: 'DIAL_FAILED',
        message: expect.stringMatching(/certificate/),
      });
    });

    test('wss refuses the certificate of another authority, and one for another host', async () => {
      const { secureWebSocketUrl, ca } = await start({ webSocket: true, tls: true });
      expect(await refused(secureWebSocketUrl, { tls: { ca: (await createAuthority()).ca } })).toMatchObject({
        code: 'DIAL_FAILED',
      });
      expect(await refused(secureWebSocketUrl, { tls: { ca, servername: 'elsewhere.example' } })).toMatchObject({
        code: 'DIAL_FAILED',
        message: expect.stringContaining('elsewhere.example'),
      });
    });

    test('wss never falls back to plain text: a plain listener is an error', async () => {
      const { webSocketUrl, ca } = await start({ webSocket: true });
      expect(await refused(webSocketUrl.replace('ws:', 'wss:'), { tls: { ca } })).toMatchObject({
        code: 'DIAL_FAILED',
        message: expect.stringContaining('is this a ws: port?'),
      });
    });

    test('wss verifies also where the environment turns verification off; `rejectUnauthorized: false` is what does', async () => {
      const { secureWebSocketUrl } = await start({ webSocket: true, tls: true });
      vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
      onTestFinished(() => void vi.unstubAllEnvs());
      expect(await refused(secureWebSocketUrl)).toMatchObject({ code: 'DIAL_FAILED' });
      expect(await refused(secureWebSocketUrl, { tls: { rejectUnauthorized: false } })).toBeUndefined();
    });

    test('TLS material that cannot be read is an INVALID_OPTION, as over TCP', async () => {
      const { secureWebSocketUrl, ca } = await start({ webSocket: true, tls: true });
      for (const tls of [
        { ca, cert: 'x', key: 'y' },
        { ca, pfx: Uint8Array.of(1) },
        { ca, ciphers: 'NONE' },
      ])
        expect(await refused(secureWebSocketUrl, { tls })).toMatchObject({ code: 'INVALID_OPTION' });
    });

    test('"pause" loses nothing that a slow consumer was sent at QoS 0', async () => {
      const { webSocketUrl, url } = await start({ webSocket: true });
      const slow = await join(webSocketUrl, { overflow: 'pause', bufferSize: 8 });
      const subscription = await slow.subscribe('a');
      const sender = await join(url, { dial: undefined });
      for (let number = 0; number < 500; number += 1) await sender.publish('a', String(number));
      await sender.ping();
      const received: string[] = [];
      for await (const message of subscription) {
        received.push(message.text());
        if (received.length === 500) break;
      }
      expect(received).toEqual(Array.from({ length: 500 }, (_, number) => String(number)));
      expect(subscription.dropped).toBe(0);
    });
  });
}
