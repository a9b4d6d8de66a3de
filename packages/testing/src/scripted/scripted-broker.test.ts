// SPDX-License-Identifier: Apache-2.0
import { encode } from '@mqttv5/wire';
import { describe, expect, test } from 'vitest';
import type { Connection } from '@mqttv5/core';
import type { ConnectPacket, Packet } from '@mqttv5/wire';
import { RawClient } from '../../test/raw-client.ts';
import { ScriptedBroker } from './scripted-broker.ts';

const connectPacket: ConnectPacket = { type: 'connect', clientId: 'c', cleanStart: true, keepAlive: 0 };
const pingreq: Packet = { type: 'pingreq' };
const pingresp: Packet = { type: 'pingresp' };

describe('over a socket', () => {
  test('a script of handshake, packets and an abrupt end runs as written', async () => {
    await using broker = await ScriptedBroker.listen();
    expect(broker.url).toMatch(/^mqtt:\/\/127\.0\.0\.1:\d+$/);
    const client = await RawClient.open(broker.url);
    const connection = await broker.accept();
    client.send(connectPacket);
    expect(await connection.expect('connect')).toMatchObject({ clientId: 'c' });
    connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0 });
    await client.expect('connack');
    client.send(pingreq);
    await connection.expect('pingreq');
    expect(connection.received.map((packet) => packet.type)).toEqual(['connect', 'pingreq']);
    expect(connection.ended).toBe(false);
    connection.drop();
    await client.closed;
    await connection.closed;
    expect(connection.ended).toBe(true);
  });

  test('connections are accepted in order, also those that came before', async () => {
    await using broker = await ScriptedBroker.listen();
    const first = await RawClient.open(broker.url);
    first.send({ ...connectPacket, clientId: 'first' });
    const second = await RawClient.open(broker.url);
    second.send({ ...connectPacket, clientId: 'second' });
    expect((await (await broker.accept()).handshake()).clientId).toBe('first');
    expect((await (await broker.accept()).handshake()).clientId).toBe('second');
    await Promise.all([first.expect('connack'), second.expect('connack')]);
  });

  test('end closes in order, after what was sent', async () => {
    await using broker = await ScriptedBroker.listen();
    const client = await RawClient.open(broker.url);
    const connection = await broker.accept();
    connection.send(pingresp);
    connection.end();
    await client.expect('pingresp');
    await client.expectEnd();
  });

  test('close cuts every connection, rejects what waits, and may be called again', async () => {
    const broker = await ScriptedBroker.listen();
    const client = await RawClient.open(broker.url);
    const connection = await broker.accept();
    const waits = [broker.accept(), connection.expect('connect')];
    const ends = [broker.close(), broker.close(), client.closed];
    expect(await Promise.allSettled(waits)).toMatchObject([
      { reason: { code: 'CLOSED' } },
      { reason: { code: 'CLOSED' } },
    ]);
    await Promise.all(ends);
    await expect(broker.accept()).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(RawClient.open(broker.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('in memory', () => {
  async function pair(broker: ScriptedBroker) {
    const chunks: Uint8Array[] = [];
    const client = await broker.dial(new URL(broker.url), { signal: new AbortController().signal });
    const closes: (Error | undefined)[] = [];
    let drains = 0;
    client.start({
      data: (chunk) => void chunks.push(chunk),
      drain: () => void drains++,
      close: (error) => void closes.push(error),
    });
    return { client, connection: await broker.accept(), chunks, closes, drains: () => drains };
  }
  const write = (client: Connection, packet: Packet): boolean => client.write(encode(packet));
  /** Lets the microtasks of the pipe run, and nothing else. */
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  };

  test('another packet than the expected one fails the wait, names both, and stays next', async () => {
    const broker = ScriptedBroker.inMemory();
    const { client, connection } = await pair(broker);
    write(client, connectPacket);
    write(client, pingreq);
    await settle();
    await expect(connection.expect('subscribe')).rejects.toMatchObject({
      code: 'UNEXPECTED_PACKET',
      message: 'expected subscribe, received connect "c" cleanStart true; after it: pingreq',
    });
    await connection.expect('connect');
    await connection.expect('pingreq');
    await broker.close();
  });

  test('bytes no client may send fail the wait with the WireError as cause', async () => {
    await using broker = ScriptedBroker.inMemory();
    const { client, connection } = await pair(broker);
    write(client, { type: 'pingresp' });
    await expect(connection.expect('connect')).rejects.toMatchObject({
      code: 'UNEXPECTED_PACKET',
      cause: { name: 'WireError' },
    });
  });

  test('signal ends a wait with its reason, and the packet that comes later is for the next wait', async () => {
    await using broker = ScriptedBroker.inMemory();
    const { client, connection } = await pair(broker);
    const controller = new AbortController();
    const waiting = connection.expect('connect', { signal: controller.signal });
    controller.abort('enough');
    await expect(waiting).rejects.toBe('enough');
    await expect(connection.expect('connect', { signal: controller.signal })).rejects.toBe('enough');
    write(client, connectPacket);
    expect((await connection.expect('connect')).clientId).toBe('c');
  });

  test('expectClose resolves at the end, and fails at a packet', async () => {
    await using broker = ScriptedBroker.inMemory();
    const { client, connection } = await pair(broker);
    write(client, pingreq);
    await expect(connection.expectClose()).rejects.toMatchObject({ code: 'UNEXPECTED_PACKET' });
    await connection.expect('pingreq');
    client.end();
    await connection.expectClose();
    await expect(connection.expect('pingreq')).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test('chunks arrive as they were sent: one per packet, merged, or split', async () => {
    await using broker = ScriptedBroker.inMemory();
    const { connection, chunks } = await pair(broker);
    connection.send(pingresp);
    connection.sendMerged(pingresp, pingresp);
    connection.sendSplit(pingresp);
    connection.sendSplit(Uint8Array.of(1, 2, 3), 2);
    expect(chunks).toEqual([]);
    await settle();
    expect(chunks.map((chunk) => [...chunk])).toEqual([[0xd0, 0], [0xd0, 0, 0xd0, 0], [0xd0], [0], [1, 2], [3]]);
    expect(() => connection.sendSplit(pingresp, 0)).toThrow(/size of 1 or more/);
  });

  test('drop is a reset for the client: no data after it, an error at its close', async () => {
    await using broker = ScriptedBroker.inMemory();
    const { connection, chunks, closes } = await pair(broker);
    connection.send(pingresp);
    connection.drop();
    await settle();
    expect(chunks).toEqual([]);
    expect(closes).toMatchObject([{ code: 'ECONNRESET' }]);
    await connection.closed;
  });

  test('end closes without an error, after the data', async () => {
    await using broker = ScriptedBroker.inMemory();
    const { connection, chunks, closes } = await pair(broker);
    connection.send(pingresp);
    connection.end();
    await settle();
    expect(chunks).toHaveLength(1);
    expect(closes).toEqual([undefined]);
    await connection.closed;
  });

  test('a stalled broker is back-pressure: write says false, written waits, drain follows resume', async () => {
    await using broker = ScriptedBroker.inMemory();
    const { client, connection, drains } = await pair(broker);
    connection.stall();
    let written = 0;
    expect(client.write(new Uint8Array(1000), () => void written++)).toBe(true);
    expect(client.write(new Uint8Array(100_000), () => void written++)).toBe(false);
    await settle();
    expect([written, drains()]).toEqual([0, 0]);
    connection.resume();
    await settle();
    expect([written, drains()]).toEqual([2, 1]);
  });

  test('a paused client gets nothing until it resumes', async () => {
    await using broker = ScriptedBroker.inMemory();
    const { client, connection, chunks } = await pair(broker);
    client.pause?.();
    connection.send(pingresp);
    await settle();
    expect(chunks).toEqual([]);
    client.resume?.();
    await settle();
    expect(chunks).toHaveLength(1);
  });

  test('a closed broker refuses to be dialled, and an aborted dial rejects with its reason', async () => {
    const broker = ScriptedBroker.inMemory();
    const url = new URL(broker.url);
    await expect(broker.dial(url, { signal: AbortSignal.abort('no') })).rejects.toBe('no');
    await broker.close();
    const { signal } = new AbortController();
    await expect(broker.dial(url, { signal })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('timeouts', () => {
  test('a wait without signal lists what came instead', async () => {
    const broker = ScriptedBroker.inMemory({ timeoutMs: 20 });
    const client = await broker.dial(new URL(broker.url), { signal: new AbortController().signal });
    client.start({ data: () => {}, drain: () => {}, close: () => {} });
    const connection = await broker.accept();
    client.write(encode(connectPacket));
    await connection.expect('connect');
    await Promise.all([
      expect(connection.expect('pingreq')).rejects.toMatchObject({
        code: 'TIMEOUT',
        message: 'expected pingreq, received nothing new; before: connect "c" cleanStart true',
      }),
      expect(broker.accept()).rejects.toMatchObject({ code: 'TIMEOUT' }),
    ]);
    await broker.close();
  });
});
