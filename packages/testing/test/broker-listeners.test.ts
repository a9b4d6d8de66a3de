// SPDX-License-Identifier: Apache-2.0
//
// How clients reach the broker, and how the program that started it uses it.
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Decoder, encode } from '@mqttv5/wire';
import type { Packet } from '@mqttv5/wire';
import { createAuthority } from '@mqttv5/support/certificates';
import { startBroker } from '../src/index.ts';
import type { Broker, BrokerOptions } from '../src/index.ts';
import { until } from './events.ts';
import { RawClient } from './raw-client.ts';

const connectBytes = encode({ type: 'connect', clientId: 'c', cleanStart: true, keepAlive: 0 });

describe('TCP', () => {
  test('listens on a free loopback port by default', async () => {
    await using one = await startBroker();
    await using two = await startBroker();
    expect(one.url).toMatch(/^mqtt:\/\/127\.0\.0\.1:\d+$/);
    expect(two.url).not.toBe(one.url);
    expect(one.webSocketUrl).toBeUndefined();
  });

  test('listens where it is told to, and says so when it cannot', async () => {
    await using broker = await startBroker({ host: '127.0.0.1', port: 0 });
    const port = Number(new URL(broker.url).port);
    await expect(startBroker({ port })).rejects.toMatchObject({ code: 'LISTEN_FAILED', cause: { code: 'EADDRINUSE' } });
    await expect(startBroker({ webSocketPort: port })).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
    await expect(startBroker({ host: 5 } as object)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });

  test('a packet in single bytes is a packet', async () => {
    await using broker = await startBroker();
    const client = await RawClient.open(broker.url);
    for (const byte of connectBytes) client.sendBytes(Uint8Array.of(byte));
    expect((await client.expect('connack')).reasonCode).toBe(0);
  });
});

describe('memory', () => {
  test('dial reaches the broker without a socket', async () => {
    await using broker = await startBroker();
    const connection = await broker.dial(new URL('mqtt://anywhere'), { signal: new AbortController().signal });
    const packets = collect(connection);
    connection.write(connectBytes);
    await until(() => packets.length === 1);
    expect(packets).toMatchObject([{ type: 'connack', reasonCode: 0 }]);
    expect(broker.clients).toMatchObject([{ clientId: 'c', connected: true }]);
    connection.destroy();
    await until(() => broker.clients.length === 0);
  });

  test('dial rejects once the broker is closed, and when it is aborted', async () => {
    const broker = await startBroker();
    await expect(broker.dial(new URL('mqtt://x'), { signal: AbortSignal.abort('no') })).rejects.toBe('no');
    await broker.close();
    const { signal } = new AbortController();
    await expect(broker.dial(new URL('mqtt://x'), { signal })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('TLS', async () => {
  const authority = await createAuthority();
  const server = await authority.issue({ commonName: 'localhost', names: ['127.0.0.1', 'localhost'] });

  async function handshake(broker: Broker, options: { cert?: string; key?: string } = {}): Promise<Packet[]> {
    const { port } = new URL(broker.url);
    const socket = connectTls({ host: '127.0.0.1', port: Number(port), ca: authority.ca, ...options });
    const decoder = new Decoder({ from: 'server' });
    const packets: Packet[] = [];
    socket.on('data', (chunk: Uint8Array) => {
      decoder.push(chunk);
      for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) packets.push(packet);
      if (packets.length === 1) broker.dropConnections();
    });
    socket.on('error', () => {});
    socket.write(connectBytes);
    await new Promise<void>((resolve) => void socket.once('close', () => resolve()));
    return packets;
  }

  test('clients connect with mqtts, and are cut off like others', async () => {
    await using broker = await startBroker({ tls: server });
    expect(broker.url).toMatch(/^mqtts:\/\/127\.0\.0\.1:\d+$/);
    expect(await handshake(broker)).toMatchObject([{ type: 'connack', reasonCode: 0 }]);
  });

  test('rejectUnauthorized asks for a client certificate that ca vouches for', async () => {
    await using broker = await startBroker({ tls: { ...server, ca: authority.ca, rejectUnauthorized: true } });
    expect(await handshake(broker)).toEqual([]);
    expect(await handshake(broker, await (await createAuthority()).issue({ commonName: 'stranger' }))).toEqual([]);
    expect(await handshake(broker, await authority.issue({ commonName: 'client' }))).toMatchObject([
      { type: 'connack' },
    ]);
  });

  test('a plain client gets nowhere, and the broker lives on', async () => {
    await using broker = await startBroker({ tls: server });
    const plain = await RawClient.open(broker.url);
    plain.sendBytes(connectBytes);
    await plain.closed;
    expect(await handshake(broker)).toHaveLength(1);
  });

  test('WebSocket is wss then', async () => {
    await using broker = await startBroker({ tls: server, webSocketPort: 0 });
    expect(broker.webSocketUrl).toMatch(/^wss:/);
    const socket = new WebSocket(broker.webSocketUrl, 'mqtt', { ca: authority.ca });
    await once(socket, 'open');
    const packets = collectWebSocket(socket);
    socket.send(connectBytes);
    await until(() => packets.length === 1);
    broker.dropConnections();
    await once(socket, 'close');
  });

  test('unknown TLS options are refused', async () => {
    const tls = { certificate: 'x' } as BrokerOptions['tls'];
    await expect(startBroker({ tls })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });
});

describe('WebSocket', () => {
  test('the subprotocol mqtt is selected, and packets need not line up with frames [MQTT-6.0.0-4] [MQTT-6.0.0-2] [MQTT-6.0.0-1]', async () => {
    await using broker = await startBroker({ webSocketPort: 0 });
    expect(broker.webSocketUrl).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/mqtt$/);
    const socket = new WebSocket(broker.webSocketUrl, ['other', 'mqtt']);
    await once(socket, 'open');
    expect(socket.protocol).toBe('mqtt');
    const packets = collectWebSocket(socket);
    for (const byte of connectBytes.subarray(0, 5)) socket.send(Uint8Array.of(byte));
    const pingreq = encode({ type: 'pingreq' });
    socket.send(Buffer.concat([connectBytes.subarray(5), pingreq, pingreq]));
    await until(() => packets.length === 3);
    expect(packets.map((packet) => packet.type)).toEqual(['connack', 'pingresp', 'pingresp']);
    socket.send(encode({ type: 'disconnect', reasonCode: 0 }));
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(1000);
  });

  test('without the subprotocol there is no connection [MQTT-6.0.0-3]', async () => {
    await using broker = await startBroker({ webSocketPort: 0 });
    for (const protocols of [[], ['mqttv3.1']]) {
      const socket = new WebSocket(broker.webSocketUrl, protocols);
      const [error] = (await once(socket, 'error')) as unknown as [Error];
      expect(error.message).toMatch('400');
    }
  });

  test('a text frame closes the connection [MQTT-6.0.0-1]', async () => {
    await using broker = await startBroker({ webSocketPort: 0 });
    const socket = new WebSocket(broker.webSocketUrl, 'mqtt');
    await once(socket, 'open');
    socket.send('hello');
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(1003);
  });

  test('plain HTTP is told to upgrade', async () => {
    await using broker = await startBroker({ webSocketPort: 0 });
    const response = await fetch(broker.webSocketUrl.replace('ws:', 'http:'));
    expect(response.status).toBe(426);
    await response.text();
  });

  test('clients of both kinds share the broker', async () => {
    await using broker = await startBroker({ webSocketPort: 0 });
    const [subscriber] = await RawClient.connect(broker.url, { clientId: 'tcp' });
    await subscriber.subscribe('a');
    const socket = new WebSocket(broker.webSocketUrl, 'mqtt');
    await once(socket, 'open');
    socket.send(connectBytes);
    socket.send(
      encode({
        type: 'publish',
        topicName: 'a',
        payload: Buffer.from('over'),
        qos: 0,
        retain: false,
        dup: false,
        packetIdentifier: 0,
      }),
    );
    expect((await subscriber.expectPublish()).text).toBe('over');
  });
});

describe('options', () => {
  test.each([
    [{ keepAlive: 5 }, /startBroker has no option "keepAlive"/],
    [{ websocketport: 0 }, /did you mean webSocketPort\?/],
    [{ port: -1 }, /port has to be an integer from 0 to 65535, not -1/],
    [{ authenticate: true }, /authenticate has to be a function/],
    [{ connackProperties: { maxQoS: 1 } }, /connackProperties has no option "maxQoS"; did you mean maximumQoS\?/],
    [{ connackProperties: { maximumQoS: 2 } }, /connackProperties.maximumQoS has to be an integer from 0 to 1, not 2/],
    [{ connackProperties: { receiveMaximum: 0 } }, /from 1 to 65535/],
    [{ connackProperties: { retainAvailable: 1 } }, /has to be a boolean/],
    [{ connackProperties: { reasonString: 1 } }, /has to be a string/],
    [{ connackProperties: { userProperties: [['a']] } }, /a list of pairs/],
    [{ connackProperties: { authenticationMethod: 'x' } }, /has no option "authenticationMethod"/],
    [{ enhancedAuth: { X: {} } }, /enhancedAuth.X has to have the functions begin and continue/],
  ])('%j is refused', async (options, message) => {
    await expect(startBroker(options as BrokerOptions)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(message),
    });
  });

  test('undefined is absent', async () => {
    await using broker = await startBroker({
      port: undefined,
      tls: undefined,
      connackProperties: { receiveMaximum: 5 },
    });
    const [, connack] = await RawClient.connect(broker.url);
    expect(connack.properties?.receiveMaximum).toBe(5);
  });
});

describe('the program', () => {
  test('publishes with every property, retained too', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    await client.subscribe('a');
    broker.publish('a', Uint8Array.of(1, 2), {
      qos: 1,
      contentType: 'c',
      payloadFormatIndicator: 0,
      responseTopic: 'r',
      correlationData: Uint8Array.of(3),
      messageExpiryInterval: 9,
      userProperties: { x: 'y' },
      retain: true,
    });
    expect(await client.expectPublish()).toMatchObject({
      payload: Uint8Array.of(1, 2),
      properties: {
        contentType: 'c',
        payloadFormatIndicator: 0,
        responseTopic: 'r',
        correlationData: Uint8Array.of(3),
        messageExpiryInterval: 9,
        userProperties: [['x', 'y']],
      },
    });
  });

  test('is told what is wrong with a publish or a disconnect', async () => {
    const broker = await startBroker({ connackProperties: { retainAvailable: false } });
    expect(() => broker.publish('a/#', '')).toThrow(expect.objectContaining({ code: 'INVALID_TOPIC' }));
    expect(() => broker.publish('a', '', { qos: 3 as 2 })).toThrow(/qos has to be/);
    expect(() => broker.publish('a', '', { retian: true } as object)).toThrow(/did you mean retain/);
    expect(() => broker.publish('a', '', { retain: true })).toThrow(/no retained messages/);
    expect(() => broker.publish('a', 5 as unknown as string)).toThrow(/payload has to be/);
    expect(() => broker.disconnect('a', 0x04)).toThrow(/0x4 is none/);
    broker.disconnect('nobody');
    await broker.close();
    expect(() => broker.publish('a', '')).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });

  test('close says good bye with 0x8B, sends no will, and may be called again', async () => {
    const broker = await startBroker({ webSocketPort: 0 });
    const [watcher] = await RawClient.connect(broker.url, { clientId: 'watcher' });
    await watcher.subscribe('#');
    await RawClient.connect(broker.url, {
      clientId: 'c',
      will: { topicName: 'w', payload: new Uint8Array(1), qos: 0, retain: false },
    });
    const opened = await RawClient.open(broker.url);
    const closing = [broker.close(), broker.close(), broker[Symbol.asyncDispose]()];
    await watcher.expectDisconnect(0x8b);
    await opened.expectEnd();
    await Promise.all(closing);
    expect(broker.clients).toEqual([]);
    await expect(RawClient.open(broker.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

interface Readable {
  start(handlers: { data(chunk: Uint8Array): void; drain(): void; close(): void }): void;
}

function collect(connection: Readable): Packet[] {
  const { packets, push } = collector();
  connection.start({ data: push, drain: () => {}, close: () => {} });
  return packets;
}

function collectWebSocket(socket: WebSocket): Packet[] {
  const { packets, push } = collector();
  socket.on('message', (data: Uint8Array) => push(data));
  return packets;
}

function collector(): { packets: Packet[]; push: (chunk: Uint8Array) => void } {
  const decoder = new Decoder({ from: 'server' });
  const packets: Packet[] = [];
  const push = (chunk: Uint8Array): void => {
    decoder.push(chunk);
    for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) packets.push(packet);
  };
  return { packets, push };
}
