// SPDX-License-Identifier: Apache-2.0
//
// Time, as far as it can be seen without waiting for it. Deadlines themselves are tested in virtual time, beside the code.

import { Client, connect } from '@mqttv5/core';
import { ManualClock, startBroker } from '@mqttv5/testing';
import { describe, expect, test } from 'vitest';
import { connected, next, scripted } from './setup.ts';

describe('keepAlive', () => {
  test('false is 0 in CONNECT: no keep alive, and no PINGREQ but by ping() (T-160) [MQTT-3.1.2-20]', async () => {
    const { broker, client } = scripted({ keepAlive: false });
    const connecting = client.connect();
    expect((await (await broker.accept()).handshake()).keepAlive).toBe(0);
    expect((await connecting).keepAlive).toBe(0);
  });

  test('0 is refused when the client is made: it is written false (T-161)', () => {
    const make = (): Client => new Client({ brokers: 'mqtt://localhost', keepAlive: 0 });
    expect(make).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining('false') }),
    );
  });

  test('Server Keep Alive is in force, and shown (V-072) [MQTT-3.2.2-21]', async () => {
    const { client } = await connected({ keepAlive: 60 }, { properties: { serverKeepAlive: 7 } });
    expect(client.serverInfo?.keepAlive).toBe(7);
  });

  test('one second, over a real socket: PINGREQ comes in time for the broker, whose patience is one and a half (V-072)', async () => {
    const pinged = Promise.withResolvers<void>();
    let pings = 0;
    await using broker = await startBroker({
      connackProperties: { serverKeepAlive: 1 },
      intercept: (_direction, { type }) => {
        if (type === 'pingreq' && (pings += 1) === 2) pinged.resolve();
      },
    });
    await using client = await connect(broker.url, { keepAlive: 60, reconnect: false });
    await pinged.promise;
    expect(client.connected).toBe(true);
  });
});

test('connectTimeoutMs is for the whole attempt, dial and hooks included (S-044)', async () => {
  const silent = scripted({ connectTimeoutMs: 15, dial: () => Promise.withResolvers<never>().promise });
  await expect(silent.client.connect()).rejects.toMatchObject({ code: 'CONNECT_TIMEOUT' });
  const mute = scripted({ connectTimeoutMs: 15 });
  const connecting = mute.client.connect().catch((error: unknown) => error);
  const connection = await mute.broker.accept();
  await connection.expect('connect');
  expect(await connecting).toMatchObject({ code: 'CONNECT_TIMEOUT' });
  await connection.closed;
});

test("a dial of one's own replaces TCP, is given the URL and a signal; null is none (T-143, T-153)", async () => {
  await using broker = await startBroker({ clock: new ManualClock() });
  const dialled: string[] = [];
  await using client = new Client({
    brokers: 'quantum://entangled/pair',
    dial: (url, options) => {
      dialled.push(`${url.href} ${options.signal.aborted}`);
      return broker.dial(url, options);
    },
  });
  await client.connect();
  expect(dialled).toEqual(['quantum://entangled/pair false']);
  const none: unknown = null;
  // What plain JavaScript may hand in.
  expect(
    () =>
      new Client({
        brokers: 'mqtt://localhost',
        dial: none as NonNullable<ConstructorParameters<typeof Client>[0]['dial']>,
      }),
  ).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
});

test('a broker that answers nothing is found out within pingTimeoutMs, and the client goes elsewhere', async () => {
  const { broker, client, connection } = await connected({ pingTimeoutMs: 15 });
  const lost = next(client, 'disconnect');
  const pinging = client.ping().catch((error: unknown) => error);
  await connection.expect('pingreq');
  expect(await lost).toMatchObject({ error: { code: 'PING_TIMEOUT' }, willReconnect: true });
  expect(await pinging).toMatchObject({ code: 'CONNECTION_LOST' });
  await (await broker.accept()).handshake({ sessionPresent: true });
});
