// SPDX-License-Identifier: Apache-2.0

import { getEventListeners, once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { type Client, connect, type ClientOptions } from '@mqttv5/core';
import { type Broker, startBroker } from '@mqttv5/testing';
import { WebSocketServer, type WebSocket } from 'ws';
import { describe, expect, onTestFinished, test } from 'vitest';
import { webSocketDial } from './ws-dial.ts';

const MEBIBYTE = 1024 * 1024;

async function broker(): Promise<Broker & { readonly webSocketUrl: string }> {
  const started = await startBroker({ webSocketPort: 0 });
  onTestFinished(() => started.close());
  return started;
}

async function connected(url: string, options: Partial<ClientOptions> = {}): Promise<Client> {
  const client = await connect(url, { dial: webSocketDial(), ...options });
  onTestFinished(() => client.disconnect());
  return client;
}

/** A WebSocket server that does what the test says, and what it saw of the upgrade. */
async function server(onSocket: (socket: WebSocket) => void, protocols: 'mqtt' | false = 'mqtt') {
  const http = createServer();
  const sockets = new WebSocketServer({ server: http, handleProtocols: () => protocols });
  const upgrades: IncomingMessage[] = [];
  http.on('upgrade', (request) => upgrades.push(request));
  sockets.on('connection', onSocket);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets.clients) socket.terminate();
    http.close();
    await once(http, 'close');
  });
  const { port } = http.address() as AddressInfo; // a TCP server that listens has one
  return { url: `ws://127.0.0.1:${port}/mqtt`, upgrades };
}

describe('over ws', () => {
  test('messages travel both ways at every QoS (T-286)', async () => {
    const { webSocketUrl } = await broker();
    const client = await connected(webSocketUrl);
    const subscription = await client.subscribe('a/#', { qos: 2 });
    for (const qos of [0, 1, 2] as const) await client.publish(`a/${qos}`, `QoS ${qos}`, { qos });
    const received: string[] = [];
    for await (const message of subscription) {
      received.push(message.text());
      if (received.length === 3) break;
    }
    expect(received.sort()).toEqual(['QoS 0', 'QoS 1', 'QoS 2']);
  });

  test('a packet of a megabyte crosses in frames of any size [MQTT-6.0.0-2]', async () => {
    const { webSocketUrl } = await broker();
    const client = await connected(webSocketUrl);
    const subscription = await client.subscribe('large', { qos: 1 });
    const payload = new Uint8Array(1_048_576).map((_, index) => index);
    await client.publish('large', payload, { qos: 1 });
    const message = await subscription.receive();
    expect(message?.payload).toEqual(payload);
    message?.ack();
  });

  test('a dropped connection is made again', async () => {
    const started = await broker();
    const client = await connected(started.webSocketUrl, { reconnect: () => 1 });
    const back = new Promise((resolve) => {
      client.on('connect', resolve);
    });
    started.dropConnections();
    await back;
    expect(client.connected).toBe(true);
  });

  test('"pause" is accepted, for it is real back-pressure here', async () => {
    const { webSocketUrl } = await broker();
    const client = await connected(webSocketUrl, { overflow: 'pause', bufferSize: 2 });
    const subscription = await client.subscribe('a');
    const sender = await connected(webSocketUrl);
    for (let number = 0; number < 50; number += 1) await sender.publish('a', String(number));
    await sender.ping();
    const received: string[] = [];
    for await (const message of subscription) {
      received.push(message.text());
      if (received.length === 50) break;
    }
    expect(received).toEqual(Array.from({ length: 50 }, (_, number) => String(number)));
  });
});

describe('the upgrade request', () => {
  test('offers the subprotocol mqtt and no compression [MQTT-6.0.0-3]', async () => {
    const { url, upgrades } = await server(() => undefined);
    const dialled = await webSocketDial()(new URL(url), { signal: AbortSignal.timeout(5_000) });
    dialled.destroy();
    expect(upgrades[0]?.headers).toMatchObject({ 'sec-websocket-protocol': 'mqtt' });
    expect(upgrades[0]?.headers).not.toHaveProperty('sec-websocket-extensions');
  });

  test('carries headers, from a function anew for every attempt (V-131)', async () => {
    const { url, upgrades } = await server(() => undefined);
    let token = 0;
    const dial = webSocketDial({
      headers: async (target) => {
        token += 1;
        return { authorization: `Bearer ${token}`, 'x-host': target.hostname };
      },
    });
    for (let attempt = 0; attempt < 2; attempt += 1)
      (await dial(new URL(url), { signal: AbortSignal.timeout(5_000) })).destroy();
    expect(upgrades.map(({ headers }) => [headers['authorization'], headers['x-host']])).toEqual([
      ['Bearer 1', '127.0.0.1'],
      ['Bearer 2', '127.0.0.1'],
    ]);
  });

  test.each([5, null, ['a'], { a: 5 }, { a: undefined }, 'a: b'])(
    'headers are not %j: that attempt fails',
    async (wrong) => {
      const { url, upgrades } = await server(() => undefined);
      const dial = webSocketDial({ headers: () => wrong as unknown as Record<string, string> });
      await expect(dial(new URL(url), { signal: AbortSignal.timeout(5_000) })).rejects.toMatchObject({
        code: 'INVALID_OPTION',
      });
      expect(upgrades).toEqual([]);
    },
  );

  test('headers that HTTP cannot carry are refused before anything is sent, without showing them', async () => {
    const { url, upgrades } = await server(() => undefined);
    for (const headers of [{ authorization: 'a\nsecret' }, { 'b ad': 'secret' }]) {
      const failure: unknown = await webSocketDial({ headers })(new URL(url), {
        signal: AbortSignal.timeout(5_000),
      }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'INVALID_OPTION' });
      expect(String(failure)).not.toContain('secret');
    }
    expect(upgrades).toEqual([]);
  });

  test('headers are those of the call, whatever becomes of the object', async () => {
    const { url, upgrades } = await server(() => undefined);
    const headers: Record<string, string> = { 'x-a': '1' };
    const dial = webSocketDial({ headers });
    headers['x-a'] = '2';
    (await dial(new URL(url), { signal: AbortSignal.timeout(5_000) })).destroy();
    expect(upgrades[0]?.headers).toMatchObject({ 'x-a': '1' });
  });

  test.each([
    ['nobody', '', 'nothing listens there'],
    ['a broker of MQTT over TCP', '\x20\x03\x00\x00\x00', 'does not speak HTTP'],
    ['a server that hangs up', '', 'instead of answering'],
  ])('%s: the message says what is wrong', async (who, answer, said) => {
    const tcp = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(answer);
    }).listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    onTestFinished(() => void tcp.close());
    const { port } = tcp.address() as AddressInfo; // a TCP server that listens has one
    const url = new URL(`ws://127.0.0.1:${who === 'nobody' ? 1 : port}/mqtt?token=secret`);
    const failure: unknown = await webSocketDial()(url, { signal: AbortSignal.timeout(5_000) }).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: 'DIAL_FAILED', message: expect.stringContaining(said) });
    expect(String(failure)).not.toContain('secret');
  });

  test('a server that selects no subprotocol is refused [MQTT-6.0.0-4]', async () => {
    const { url } = await server(() => undefined, false);
    await expect(webSocketDial()(new URL(url), { signal: AbortSignal.timeout(5_000) })).rejects.toMatchObject({
      code: 'DIAL_FAILED',
      message: expect.stringContaining('subprotocol'),
    });
  });

  test('a refused upgrade is a DIAL_FAILED that names the status', async () => {
    const http = createServer().listen(0, '127.0.0.1');
    http.on('upgrade', (_, socket) => socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n'));
    await once(http, 'listening');
    onTestFinished(() => void http.close());
    const { port } = http.address() as AddressInfo; // a TCP server that listens has one
    await expect(
      webSocketDial()(new URL(`ws://127.0.0.1:${port}`), { signal: AbortSignal.timeout(5_000) }),
    ).rejects.toMatchObject({
      code: 'DIAL_FAILED',
      message: expect.stringContaining('401'),
    });
  });

  test('signal ends it with its reason', async () => {
    const http = createServer().listen(0, '127.0.0.1');
    http.on('upgrade', () => undefined);
    await once(http, 'listening');
    onTestFinished(() => {
      http.closeAllConnections();
      http.close();
    });
    const { port } = http.address() as AddressInfo; // a TCP server that listens has one
    const controller = new AbortController();
    const dialling = webSocketDial()(new URL(`ws://127.0.0.1:${port}`), { signal: controller.signal });
    const reason = new Error('enough');
    queueMicrotask(() => controller.abort(reason));
    await expect(dialling).rejects.toBe(reason);
  });

  test('signal ends it while the server says nothing, and the socket with it; a later abort concerns nobody', async () => {
    const silent = createServer();
    const upgraded = new Promise<Socket>((resolve) => {
      silent.on('upgrade', (_request, socket: Socket) => resolve(socket));
    });
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(async () => {
      (await upgraded).destroy();
      silent.close();
    });
    const { port } = silent.address() as AddressInfo; // a TCP server that listens has one
    const controller = new AbortController();
    const dialling = webSocketDial()(new URL(`ws://127.0.0.1:${port}`), { signal: controller.signal });
    const ended = once((await upgraded).resume(), 'end');
    controller.abort('enough');
    await expect(dialling).rejects.toBe('enough');
    await ended;

    const { signal } = new AbortController();
    const { url } = await server((socket) => socket.close(1000));
    const connection = await webSocketDial()(new URL(url), { signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await new Promise<unknown>((resolve) => {
      connection.start({ data: () => undefined, drain: () => undefined, close: resolve });
    });
    const nobody = new URL('ws://127.0.0.1:1');
    await expect(webSocketDial()(nobody, { signal })).rejects.toMatchObject({ code: 'DIAL_FAILED' });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test.each(['http://localhost', 'mqtt://localhost'])('%s is not for it (S-119, T-289)', async (url) => {
    await expect(webSocketDial()(new URL(url), { signal: AbortSignal.timeout(5_000) })).rejects.toMatchObject({
      code: 'INVALID_BROKER_URL',
    });
  });

  test.each([
    { protocols: ['mqtt'] },
    null,
    'wss://localhost',
    { headers: null },
    { headers: ['a'] },
    { headers: { a: 5 } },
    { agent: 'x' },
  ])('options are refused: %j', (options) => {
    // What a program without types may pass.
    expect(() => webSocketDial(options as object)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});

describe('the connection', () => {
  async function open(onSocket: (socket: WebSocket) => void) {
    const { url } = await server(onSocket);
    return webSocketDial()(new URL(url), { signal: AbortSignal.timeout(5_000) });
  }

  test('a text frame ends it with an error (V-130, T-292) [MQTT-6.0.0-1]', async () => {
    const connection = await open((socket) => socket.send('hello'));
    const data: Uint8Array[] = [];
    const error = await new Promise<Error | undefined>((resolve) => {
      connection.start({ data: (chunk) => data.push(chunk), drain: () => undefined, close: resolve });
    });
    expect(error?.message).toContain('text frame');
    expect(data).toEqual([]);
  });

  test('an orderly close has no error, another code has one (T-293)', async () => {
    for (const [code, expected] of [
      [1000, undefined],
      [1011, expect.objectContaining({ message: expect.stringMatching(/1011: out of tea$/) })],
    ] as const) {
      const connection = await open((socket) => socket.close(code, 'out of tea'));
      const error = await new Promise<Error | undefined>((resolve) => {
        connection.start({ data: () => undefined, drain: () => undefined, close: resolve });
      });
      expect(error).toEqual(expected);
    }
  });

  test('end sends a close frame (T-295); destroy does not wait for one (T-294, V-128)', async () => {
    const codes: number[] = [];
    const seen = new Promise<void>((resolve) => {
      void open((socket) => {
        socket.on('close', (code) => {
          codes.push(code);
          resolve();
        });
      }).then((connection) => connection.end());
    });
    await seen;
    const cut = new Promise<void>((resolve) => {
      void open((socket) => {
        socket.pause();
        socket.once('close', (code) => {
          codes.push(code);
          resolve();
        });
        setImmediate(() => socket.resume());
      }).then((connection) => {
        connection.write(new Uint8Array(8 * 1024 * 1024));
        connection.destroy();
      });
    });
    await cut;
    expect(codes).toEqual([1000, 1006]);
  });

  test('pause() stops the reading, resume() goes on where it was', async () => {
    let serving: WebSocket | undefined;
    const connection = await open((socket) => (serving = socket));
    let received = 0;
    const count = (expected: number): Promise<void> =>
      new Promise((resolve) => {
        check = () => {
          if (received >= expected) resolve();
        };
        check();
      });
    let check: () => void = () => undefined;
    connection.start({
      data: (bytes) => {
        received += bytes.length;
        check();
      },
      drain: () => undefined,
      close: () => undefined,
    });
    serving?.send(new Uint8Array(10));
    await count(10);
    connection.pause?.();
    // More than both ends' buffers hold: the last one has left only when somebody reads.
    let left = false;
    for (let sent = 1; sent < 512; sent += 1) serving?.send(new Uint8Array(MEBIBYTE / 16));
    const sent = new Promise<void>((resolve) => {
      serving?.send(new Uint8Array(MEBIBYTE / 16), () => {
        left = true;
        resolve();
      });
    });
    // Long enough for what is read to arrive.
    for (let trip = 0; trip < 10; trip += 1) {
      const echoed = serving && once(serving, 'message');
      connection.write(new Uint8Array(1));
      await echoed;
    }
    expect([received, left]).toEqual([10, false]);
    connection.resume?.();
    await count(10 + 32 * MEBIBYTE);
    await sent;
    expect(received).toBe(10 + 32 * MEBIBYTE);
    connection.destroy();
  });

  test('write() says false from a mebibyte unsent on, and drain comes once when there is less', async () => {
    let serving: WebSocket | undefined;
    const connection = await open((socket) => {
      serving = socket;
      socket.pause();
    });
    let drains = 0;
    const drained = new Promise<void>((resolve) => {
      connection.start({
        data: () => undefined,
        drain: () => {
          drains += 1;
          resolve();
        },
        close: () => undefined,
      });
    });
    expect(connection.write(new Uint8Array(10))).toBe(true);
    expect(connection.write(new Uint8Array(32 * MEBIBYTE))).toBe(false);
    expect(connection.write(new Uint8Array(10))).toBe(false);
    expect(drains).toBe(0);
    serving?.resume();
    await drained;
    await new Promise<void>((resolve) => {
      expect(connection.write(new Uint8Array(10), resolve)).toBe(true);
    });
    expect(drains).toBe(1);
    connection.destroy();
  });

  test('bytes may be changed once `written` has been called, and arrive as they were', async () => {
    let received = 0;
    let sum = 0;
    const all = new Promise<void>((resolve) => {
      void open((socket) => {
        socket.on('message', (data: Buffer) => {
          received += data.length;
          for (const byte of data) sum += byte;
          if (received === 100 * 1024) resolve();
        });
      }).then(async (connection) => {
        const bytes = new Uint8Array(1024);
        for (let round = 0; round < 100; round += 1) {
          bytes.fill(1);
          await new Promise<void>((written) => {
            connection.write(bytes, written);
          });
          bytes.fill(2);
        }
      });
    });
    await all;
    expect(sum).toBe(100 * 1024);
  });
});
