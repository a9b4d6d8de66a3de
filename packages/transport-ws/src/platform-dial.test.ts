// SPDX-License-Identifier: Apache-2.0
//
// The platform's WebSocket, here Node's own. Browsers, Deno and Bun run the same client in conformance/.

import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { connect } from '@mqttv5/core';
import { startBroker } from '@mqttv5/testing';
import { type WebSocket as WebSocketOfServer, WebSocketServer } from 'ws';
import { expect, onTestFinished, test } from 'vitest';
import { webSocketDial } from './platform-dial.ts';

async function broker() {
  const started = await startBroker({ webSocketPort: 0 });
  onTestFinished(() => started.close());
  return started;
}

test('messages travel both ways at every QoS, small and large', async () => {
  const { webSocketUrl } = await broker();
  const client = await connect(webSocketUrl, { dial: webSocketDial() });
  onTestFinished(() => client.disconnect());
  const subscription = await client.subscribe('a', { qos: 2 });
  const payloads = [new Uint8Array([1]), new Uint8Array(300_000).fill(7)];
  for (const payload of payloads) for (const qos of [0, 1, 2] as const) await client.publish('a', payload, { qos });
  const sizes: number[] = [];
  for await (const { payload } of subscription) {
    sizes.push(payload.length);
    if (sizes.length === 6) break;
  }
  expect(sizes.sort((a, b) => a - b)).toEqual([1, 1, 1, 300_000, 300_000, 300_000]);
});

test('`written` is told once the platform has let go of the bytes: waitForFlush resolves', async () => {
  const { webSocketUrl } = await broker();
  const client = await connect(webSocketUrl, { dial: webSocketDial(), publishMode: 'waitForFlush' });
  onTestFinished(() => client.disconnect());
  expect(await client.publish('a', new Uint8Array(100_000))).toEqual({ reasonCode: 0 });
});

test('"pause" is refused, not quietly replaced: this WebSocket cannot stop reading', async () => {
  const { webSocketUrl } = await broker();
  await expect(connect(webSocketUrl, { dial: webSocketDial(), overflow: 'pause' })).rejects.toMatchObject({
    code: 'INVALID_OPTION',
  });
  const client = await connect(webSocketUrl, { dial: webSocketDial() });
  onTestFinished(() => client.disconnect());
  await expect(client.subscribe('a', { overflow: 'pause' })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
});

test.each(['headers', 'agent'])('`%s` is refused: there is no place for it', (key) => {
  expect(() => webSocketDial({ [key]: {} })).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(key) }),
  );
});

test('`tls` of the client is refused: the platform has its own', async () => {
  const { webSocketUrl } = await broker();
  await expect(connect(webSocketUrl, { dial: webSocketDial(), tls: {} })).rejects.toMatchObject({
    code: 'INVALID_OPTION',
  });
});

test('nobody there is a DIAL_FAILED; an abort ends the dial with its reason', async () => {
  const started = await startBroker({ webSocketPort: 0 });
  await started.close();
  const url = new URL(started.webSocketUrl);
  await expect(webSocketDial()(url, { signal: AbortSignal.timeout(5_000) })).rejects.toMatchObject({
    code: 'DIAL_FAILED',
  });
  const reason = new Error('enough');
  await expect(webSocketDial()(url, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

test('an abort while the server says nothing ends the dial, and the socket; one that comes later concerns nobody', async () => {
  const server = createServer();
  const upgrades: Duplex[] = [];
  server.on('upgrade', (_request, socket: Duplex) => upgrades.push(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    for (const socket of upgrades) socket.destroy();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const controller = new AbortController();
  const dialling = webSocketDial()(new URL(`ws://127.0.0.1:${port}`), { signal: controller.signal });
  await once(server, 'upgrade');
  const [socket] = upgrades;
  const closed = socket && once(socket.resume(), 'end');
  controller.abort('enough');
  await expect(dialling).rejects.toBe('enough');
  await closed;

  const { webSocketUrl } = await broker();
  const later = new AbortController();
  const connection = await webSocketDial()(new URL(webSocketUrl), { signal: later.signal });
  expect(getEventListeners(later.signal, 'abort')).toHaveLength(0);
  const ended = new Promise((resolve) => {
    connection.start({ data: () => undefined, drain: () => undefined, close: resolve });
  });
  later.abort('too late');
  connection.end();
  expect(await ended).toBeUndefined();
});

test('a server that selects no subprotocol, or another scheme, is refused [MQTT-6.0.0-4]', async () => {
  const { signal } = new AbortController();
  await expect(webSocketDial()(new URL('http://127.0.0.1'), { signal })).rejects.toMatchObject({
    code: 'INVALID_BROKER_URL',
  });
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => false });
  await once(server, 'listening');
  onTestFinished(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  await expect(webSocketDial()(new URL(`ws://127.0.0.1:${port}`), { signal })).rejects.toMatchObject({
    code: 'DIAL_FAILED',
  });
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

/** Why a connection ends to which the server does this. */
async function endOf(onConnection: (socket: WebSocketOfServer) => void): Promise<Error | undefined> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'mqtt' });
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  server.on('connection', onConnection);
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const connection = await webSocketDial()(new URL(`ws://127.0.0.1:${port}`), { signal: AbortSignal.timeout(5_000) });
  return new Promise((resolve) => {
    connection.start({ data: () => undefined, drain: () => undefined, close: resolve });
  });
}

test('a text frame ends the connection with an error [MQTT-6.0.0-1]', async () => {
  const error = await endOf((socket) => socket.send('hello'));
  expect(error?.message).toContain('text frame');
});

test('an orderly close has no error, another one has its code and reason (T-293)', async () => {
  expect(await endOf((socket) => socket.close(1000, 'done'))).toBeUndefined();
  const error = await endOf((socket) => socket.close(1008, 'out of tea'));
  expect(error?.message).toMatch(/1008: out of tea$/);
});
