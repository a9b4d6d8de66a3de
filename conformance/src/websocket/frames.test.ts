// SPDX-License-Identifier: Apache-2.0
// What the client puts into frames, and what it does about the frames it gets (MQTT v5.0 §6, RFC 6455).
import { connect } from '@mqttv5/core';
import type { Client, ClientOptions } from '@mqttv5/core';
import { webSocketDial } from '@mqttv5/transport-ws';
import type { WebSocketDialOptions } from '@mqttv5/transport-ws';
import { Decoder, encode } from '@mqttv5/wire';
import type { PublishPacket } from '@mqttv5/wire';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CONNACK, frame, Opcode, startRawServer, switchingProtocols } from './raw-websocket.ts';
import type { RawConnection, RawOptions, RawServer } from './raw-websocket.ts';

type Options = Omit<ClientOptions, 'brokers'>;

async function rawServer(options?: RawOptions): Promise<RawServer> {
  const server = await startRawServer(options);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

/** A client whose CONNECT this server has accepted. */
async function joined(
  server: RawServer,
  options: Options = {},
): Promise<{ client: Client; connection: RawConnection }> {
  const connecting = connect(server.url, {
    dial: webSocketDial(),
    reconnect: false,
    disconnectTimeoutMs: 100,
    ...options,
  });
  const connection = await server.accept();
  await connection.frame(Opcode.binary);
  connection.send(Opcode.binary, CONNACK);
  const client = await connecting;
  client.on('close', () => undefined);
  onTestFinished(() => client.disconnect());
  return { client, connection };
}

function publishPacket(topicName: string, payload: Uint8Array): Uint8Array {
  return encode({ type: 'publish', topicName, payload, qos: 0, retain: false, dup: false, packetIdentifier: 0 });
}

function packetsIn(bytes: Uint8Array): readonly { type: string }[] {
  const decoder = new Decoder({ from: 'client' });
  decoder.push(bytes);
  const packets: { type: string }[] = [];
  for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) packets.push(packet);
  return packets;
}

/** Answers SUBSCRIBE, and resolves with the subscription. */
async function subscribed(client: Client, connection: RawConnection, options: Parameters<Client['subscribe']>[1] = {}) {
  const subscribing = client.subscribe('a', options);
  const request = () => packetsIn(connection.bytes).find(({ type }) => type === 'subscribe');
  await connection.until(() => request() !== undefined);
  const { packetIdentifier } = request() as unknown as PublishPacket; // SUBSCRIBE has one too
  connection.send(Opcode.binary, encode({ type: 'suback', packetIdentifier, reasonCodes: [0] }));
  return subscribing;
}

describe('what the client sends', () => {
  test('is whole, masked, binary frames, nothing else [MQTT-6.0.0-1]', async () => {
    const { client, connection } = await joined(await rawServer());
    for (const size of [0, 10, 70_000, 1_000_000]) await client.publish('a', new Uint8Array(size), { qos: 0 });
    await connection.until(() => packetsIn(connection.bytes).length === 5);
    for (const { opcode, isFinal, isMasked } of connection.frames) {
      expect({ opcode, isFinal, isMasked }).toEqual({ opcode: Opcode.binary, isFinal: true, isMasked: true });
    }
  });

  test('asks for the subprotocol mqtt and for no compression [MQTT-6.0.0-3]', async () => {
    const server = await rawServer();
    await joined(server);
    expect(server.requests[0]?.headers['sec-websocket-protocol']).toBe('mqtt');
    expect(server.requests[0]?.headers['sec-websocket-extensions']).toBeUndefined();
  });

  test('a ping is answered with its own payload (T-290)', async () => {
    const { connection } = await joined(await rawServer());
    connection.send(Opcode.ping, Buffer.from('are you there'));
    expect((await connection.frame(Opcode.pong)).payload.toString()).toBe('are you there');
  });

  test('500 pings amid writes tear no frame (V-129, T-291)', { timeout: 20_000 }, async () => {
    const { client, connection } = await joined(await rawServer());
    const payload = new Uint8Array(5_000).fill(7);
    const count = (opcode: number): number => connection.frames.filter((each) => each.opcode === opcode).length;
    for (let number = 0; number < 500; number += 1) {
      connection.send(Opcode.ping, Uint8Array.of(number & 0xff));
      await client.publish('a', payload);
      // `ws` cuts off who sends more than 60 and does not take the answers.
      if (number % 50 === 49) await connection.until(() => count(Opcode.pong) === number + 1);
    }
    await client.disconnect();
    const packets = packetsIn(connection.bytes).slice(1, -1) as unknown as PublishPacket[]; // between CONNECT and DISCONNECT only PUBLISH was sent
    expect(packets).toHaveLength(500);
    expect(packets.every((packet) => packet.payload.length === payload.length)).toBe(true);
  });

  test('disconnect() sends DISCONNECT, then a close frame of 1000 (T-295)', async () => {
    const { client, connection } = await joined(await rawServer());
    const closing = client.disconnect();
    const close = await connection.frame(Opcode.close);
    expect(close.payload.readUInt16BE(0)).toBe(1000);
    expect(packetsIn(connection.bytes).map(({ type }) => type)).toEqual(['connect', 'disconnect']);
    await closing;
  });

  test('disconnect() does not wait for a server that never answers the close frame (V-128)', async () => {
    const { client } = await joined(await rawServer());
    const before = performance.now();
    await client.disconnect();
    expect(performance.now() - before).toBeLessThan(2_000);
  });

  test('disconnect() does not wait for a write that is stuck: 8 MiB to a server that does not read (V-128, T-294)', async () => {
    const { client, connection } = await joined(await rawServer());
    connection.socket.pause();
    await client.publish('a', new Uint8Array(8 * 1024 * 1024));
    const before = performance.now();
    await client.disconnect();
    expect(performance.now() - before).toBeLessThan(2_000);
  });
});

describe('what the client receives', () => {
  test('a packet may come in many frames, and a frame hold many packets [MQTT-6.0.0-2] (T-287)', async () => {
    const { client, connection } = await joined(await rawServer());
    const subscription = await subscribed(client, connection);
    const [one, two, three] = ['1', '2', '3'].map((text) => publishPacket('a', Buffer.from(text)));
    const all = Buffer.concat([one ?? '', two ?? '', three ?? ''].map((each) => Buffer.from(each)));
    connection.send(Opcode.binary, all);
    for (const byte of all) connection.send(Opcode.binary, Uint8Array.of(byte));
    // A fragmented message, with a ping between its fragments.
    connection.socket.write(frame(Opcode.binary, all.subarray(0, 4), false));
    connection.send(Opcode.ping);
    connection.socket.write(frame(Opcode.continuation, all.subarray(4)));
    const texts: (string | undefined)[] = [];
    for (let number = 0; number < 9; number += 1) texts.push((await subscription.receive())?.text());
    expect(texts.join('')).toBe('123123123');
  });

  test('a frame whose bytes come one at a time is one frame (T-287)', async () => {
    const { client, connection } = await joined(await rawServer());
    const subscription = await subscribed(client, connection);
    const bytes = frame(Opcode.binary, publishPacket('a', Buffer.from('slowly')));
    for (const byte of bytes) {
      connection.socket.write(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    expect((await subscription.receive())?.text()).toBe('slowly');
  });

  test('a text frame ends the connection [MQTT-6.0.0-1] (V-130, T-292)', async () => {
    const { client, connection } = await joined(await rawServer());
    const lost = new Promise<unknown>((resolve) => {
      client.on('disconnect', ({ error }) => resolve(error));
    });
    connection.send(Opcode.text, Buffer.from('hello'));
    expect(await lost).toMatchObject({ code: 'CONNECTION_LOST', message: expect.stringContaining('text frame') });
    expect((await connection.frame(Opcode.close)).payload.readUInt16BE(0)).toBe(1003);
  });

  test.each([1000, 1001, 1011])(
    'a close frame of %i ends the connection, also when the server leaves the socket open (T-293)',
    async (code) => {
      const { client, connection } = await joined(await rawServer());
      const lost = new Promise<unknown>((resolve) => {
        client.on('disconnect', ({ error }) => resolve(error));
      });
      const payload = Buffer.alloc(2);
      payload.writeUInt16BE(code);
      connection.send(Opcode.close, payload);
      expect(await lost).toMatchObject({ code: 'CONNECTION_LOST' });
      // RFC 6455 §5.5.1: it is answered.
      expect((await connection.frame(Opcode.close)).opcode).toBe(Opcode.close);
    },
  );

  test('"pause" stops the server: what a full buffer has no room for stays in the network', {
    timeout: 20_000,
  }, async () => {
    const { client, connection } = await joined(await rawServer());
    const subscription = await subscribed(client, connection, { overflow: 'pause', bufferSize: 4 });
    const message = frame(Opcode.binary, publishPacket('a', new Uint8Array(64 * 1024)));
    const total = 1_000;
    let sent = 0;
    const pump = (): void => {
      while (sent < total) {
        sent += 1;
        if (!connection.socket.write(message)) return void connection.socket.once('drain', pump);
      }
    };
    pump();
    // The socket takes no more, for longer than a client that reads would need.
    let before = -1;
    await expect
      .poll(
        () => {
          const same = before === sent;
          before = sent;
          return same;
        },
        { interval: 300, timeout: 10_000 },
      )
      .toBe(true);
    expect(sent).toBeLessThan(total);
    expect(subscription.dropped).toBe(0);
    let received = 0;
    for await (const { payload } of subscription) {
      expect(payload.length).toBe(64 * 1024);
      received += 1;
      if (received === total) break;
    }
    expect(subscription.dropped).toBe(0);
  });
});

describe('the handshake', () => {
  const attempt = (url: string, dialOptions?: WebSocketDialOptions, options: Options = {}): Promise<unknown> =>
    connect(url, { dial: webSocketDial(dialOptions), ...options }).catch((error: unknown) => error);

  test.each([
    ['another subprotocol', (request: Parameters<typeof switchingProtocols>[0]) => switchingProtocols(request, 'soap')],
    ['a refusal', () => 'HTTP/1.1 403 Forbidden\r\n\r\n'],
    ['a redirect, which is not followed', () => 'HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n'],
    ['a wrong key', () => switchingProtocols({ headers: {} } as Parameters<typeof switchingProtocols>[0])],
  ])('with %s fails the attempt with DIAL_FAILED [MQTT-6.0.0-4]', async (_, answer) => {
    const server = await rawServer({ answer });
    expect(await attempt(server.url)).toMatchObject({ code: 'DIAL_FAILED' });
    expect(server.requests).toHaveLength(1);
  });

  test('that is never answered ends with connectTimeoutMs (V-128)', async () => {
    const server = await rawServer({ answer: () => undefined });
    expect(await attempt(server.url, {}, { connectTimeoutMs: 50 })).toMatchObject({ code: 'CONNECT_TIMEOUT' });
  });

  test('ends with its signal', async () => {
    const server = await rawServer({ answer: () => undefined });
    const controller = new AbortController();
    const connecting = connect(server.url, { dial: webSocketDial(), signal: controller.signal });
    const outcome = connecting.catch((error: unknown) => error);
    await expect.poll(() => server.requests.length).toBe(1);
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await outcome).toBe(reason);
  });

  test('asks for headers anew before every attempt, and waits for them (V-131)', async () => {
    const server = await rawServer();
    let token = 0;
    const headers = async () => {
      await Promise.resolve();
      token += 1;
      return { authorization: `Bearer ${token}` };
    };
    const { client, connection } = await joined(server, { dial: webSocketDial({ headers }), reconnect: () => 1 });
    connection.socket.destroy();
    const second = await server.accept();
    await second.frame(Opcode.binary);
    second.send(Opcode.binary, CONNACK);
    await client.awaitConnection();
    expect(server.requests.map((request) => request.headers.authorization)).toEqual(['Bearer 1', 'Bearer 2']);
  });

  test('headers that cannot be had fail that attempt only', async () => {
    const server = await rawServer();
    let asked = 0;
    const headers = () => {
      asked += 1;
      if (asked === 1) throw new Error('the token server is down');
      return { authorization: 'Bearer 2' };
    };
    const errors: unknown[] = [];
    const connecting = joined(server, {
      dial: webSocketDial({ headers }),
      reconnect: () => 1,
      retryInitialConnect: true,
    });
    const { client } = await connecting;
    client.on('connectError', ({ error }) => errors.push(error));
    expect(asked).toBe(2);
    expect(await attempt(server.url, { headers: () => Promise.reject(new Error('down')) })).toMatchObject({
      code: 'DIAL_FAILED',
      cause: { message: 'down' },
    });
  });

  test.each(['mqtt://127.0.0.1:1', 'http://127.0.0.1:1'])('%s is not for it (S-119, T-289)', async (url) => {
    expect(await attempt(url)).toMatchObject({ code: 'INVALID_BROKER_URL' });
  });

  test('path and query of the URL are asked for as they are, credentials are not', async () => {
    const server = await rawServer();
    await joined({ ...server, url: `${server.url.replace('//', '//me:secret@')}/deep?tenant=a%2Fb` });
    expect(server.requests[0]?.url).toBe('/mqtt/deep?tenant=a%2Fb');
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });
});
