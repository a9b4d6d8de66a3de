// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { settled } from '../virtual-clock.ts';
import { connack, openLink, publish } from './testing-transport.ts';
import type { OpenLink } from './testing-transport.ts';

const PINGREQ = { type: 'pingreq' } as const;
const PINGRESP = { type: 'pingresp' } as const;

function pings(open: OpenLink): number {
  return open.connection.take().filter((packet) => packet.type === 'pingreq').length;
}

test('PINGREQ leaves before the keep alive is over, and again after each answer [MQTT-3.1.2-20] (T-103)', async () => {
  const open = await openLink({ keepAlive: 10 });
  await open.clock.run(9499);
  expect(open.connection.take()).toEqual([]);
  await open.clock.run(1);
  expect(open.connection.take()).toEqual([PINGREQ]);
  open.connection.send(PINGRESP);
  await open.clock.run(9500);
  expect(open.connection.take()).toEqual([PINGREQ]);
  expect(open.counters.pingsSent).toBe(2);
});

test('the gap between sent packets never exceeds the keep alive, whatever is received (T-103, V-074)', async () => {
  const open = await openLink({ keepAlive: 10 });
  let lastSentAt = open.clock.now();
  for (let second = 0; second < 100; second++) {
    open.connection.send(publish('in'));
    await open.clock.run(1000);
    if (open.connection.take().length > 0) lastSentAt = open.clock.now();
    expect(open.clock.now() - lastSentAt).toBeLessThan(10_000);
  }
});

test('PINGREQ leaves when nothing is received, however much is sent', async () => {
  const open = await openLink({ keepAlive: 10 });
  for (let second = 0; second < 10; second++) {
    open.link.send(publish('out'));
    await open.clock.run(1000);
  }
  expect(pings(open)).toBe(1);
});

test('traffic both ways: no PINGREQ (T-104)', async () => {
  const open = await openLink({ keepAlive: 10 });
  for (let second = 0; second < 100; second++) {
    open.link.send(publish('out'));
    open.connection.send(publish('in'));
    await open.clock.run(1000);
  }
  expect(pings(open)).toBe(0);
});

test('a flood from the broker answers, however late PINGRESP comes (T-105, V-073)', async () => {
  const open = await openLink({ keepAlive: 10 });
  for (let second = 0; second < 100; second++) {
    open.connection.send(publish('in'));
    await open.clock.run(1000);
  }
  expect(open.ends).toEqual([]);
});

test('one byte of an unfinished packet answers', async () => {
  const open = await openLink({ keepAlive: 10 });
  await open.clock.run(9500);
  open.connection.send(Uint8Array.of(0x30));
  await open.clock.run(9400);
  expect(open.ends).toEqual([]);
});

test('silence: dead after the ping timeout, without DISCONNECT (T-106)', async () => {
  const open = await openLink({ keepAlive: 10 });
  await open.clock.run(9500 + 4999);
  expect(open.ends).toEqual([]);
  await open.clock.run(1);
  expect(open.ends).toMatchObject([{ error: { code: 'PING_TIMEOUT' }, orderly: false, local: true }]);
  expect(open.connection.take()).toEqual([PINGREQ]);
  expect(open.connection.destroyed).toBe(true);
  expect(open.counters.pingTimeouts).toBe(1);
  expect(open.clock.pending).toBe(0);
});

test('publishing into a dead connection does not hide that it is dead', async () => {
  const open = await openLink({ keepAlive: 10 });
  for (let second = 0; second < 15; second++) {
    open.link.send(publish('out'));
    await open.clock.run(1000);
  }
  expect(open.ends).toMatchObject([{ error: { code: 'PING_TIMEOUT' } }]);
});

test('a stalled broker that takes nothing is dead although PINGREQ never left', async () => {
  const open = await openLink({ keepAlive: 10 });
  open.connection.stalled = true;
  for (let i = 0; i < 10; i++) open.link.send(publish('out', 60_000));
  await open.clock.run(9500 + 5000);
  expect(open.ends).toMatchObject([{ error: { code: 'PING_TIMEOUT' } }]);
});

test('a slow broker that takes a little at a time is not dead before it has had PINGREQ', async () => {
  const open = await openLink({ keepAlive: 10 });
  open.connection.stalled = true;
  for (let i = 0; i < 16; i++) open.link.send(publish('out', 60_000));
  // 60 kB every 4 s: longer than the ping timeout in all, and never silent for as long.
  for (let second = 0; second < 60; second += 4) {
    await open.clock.run(4000);
    open.connection.drain(1);
  }
  expect(open.ends).toEqual([]);
  open.connection.stalled = false;
  open.connection.drain();
  await settled();
  expect(pings(open)).toBe(1);
  await open.clock.run(5000);
  expect(open.ends).toMatchObject([{ error: { code: 'PING_TIMEOUT' } }]);
});

test('after a blocked loop the socket is read once more before the connection is condemned', async () => {
  const open = await openLink({ keepAlive: 10 });
  await open.clock.run(9500);
  open.clock.jump(60_000);
  open.clock.poll = () => open.connection.send(PINGRESP);
  await open.clock.run(0);
  expect(open.ends).toEqual([]);
});

test('after a blocked loop a connection that has nothing to read is condemned', async () => {
  const open = await openLink({ keepAlive: 10 });
  await open.clock.run(9500);
  open.clock.jump(60_000);
  await open.clock.run(0);
  expect(open.ends).toMatchObject([{ error: { code: 'PING_TIMEOUT' } }]);
});

test('a process that was suspended pings first and judges afterwards', async () => {
  const open = await openLink({ keepAlive: 10 });
  open.clock.jump(3_600_000);
  await open.clock.run(0);
  expect(pings(open)).toBe(1);
  expect(open.ends).toEqual([]);
  open.connection.send(PINGRESP);
  await open.clock.run(9499);
  expect(open.ends).toEqual([]);
});

test('a keep alive beyond 2^31 ms does not fire early', async () => {
  const open = await openLink({ keepAlive: 65_535 });
  await open.clock.run(62_258_249);
  expect(pings(open)).toBe(0);
  await open.clock.run(1);
  expect(pings(open)).toBe(1);
});

test('Server Keep Alive wins for its connection [MQTT-3.1.2-21] [MQTT-3.2.2-21] (T-107)', async () => {
  const open = await openLink({ keepAlive: 60, connack: connack({ serverKeepAlive: 4 }) });
  await open.clock.run(3800);
  expect(pings(open)).toBe(1);
  // Half of the four seconds in force.
  await open.clock.run(2000);
  expect(open.ends).toMatchObject([{ error: { code: 'PING_TIMEOUT' } }]);
});

test('Server Keep Alive 0 turns it off, and a given ping timeout never exceeds the one in force', async () => {
  const off = await openLink({ keepAlive: 10, connack: connack({ serverKeepAlive: 0 }) });
  await off.clock.run(1_000_000);
  expect(pings(off)).toBe(0);
  const short = await openLink({ keepAlive: 60, pingTimeoutMs: 20_000, connack: connack({ serverKeepAlive: 4 }) });
  await short.clock.run(3800 + 4000);
  expect(short.ends).toMatchObject([{ error: { code: 'PING_TIMEOUT' } }]);
});

test('without keep alive no PINGREQ is sent and no timer runs (S-043)', async () => {
  const open = await openLink({ keepAlive: 0 });
  expect(open.clock.pending).toBe(0);
  await open.clock.run(10_000_000);
  expect(open.connection.take()).toEqual([]);
});

test('while reading is paused PINGREQ goes out and silence condemns nobody; the deadline starts anew at resume', async () => {
  const open = await openLink({ keepAlive: 10 });
  open.link.pause();
  await open.clock.run(9500 * 4);
  expect(pings(open)).toBe(4);
  expect(open.ends).toEqual([]);
  open.link.resume();
  await open.clock.run(4999);
  expect(open.ends).toEqual([]);
  await open.clock.run(1);
  expect(open.ends).toMatchObject([{ error: { code: 'PING_TIMEOUT' } }]);
});

test('paused before a stalled broker, PINGREQ is asked for once an interval, not in a loop', async () => {
  const open = await openLink({ keepAlive: 10 });
  open.connection.stalled = true;
  for (let i = 0; i < 4; i++) open.link.send(publish('out', 60_000));
  open.link.pause();
  await open.clock.run(9500 * 3);
  expect(open.counters.pingsSent).toBe(3);
});

test('silence from before a pause does not count after it', async () => {
  const open = await openLink({ keepAlive: 10 });
  open.link.pause();
  for (let second = 0; second < 30; second++) {
    await open.clock.run(1000);
    open.link.send(publish('out'));
  }
  open.link.resume();
  await open.clock.run(100);
  expect(pings(open)).toBe(0);
});

test('a pause in the middle of an open PINGREQ stops its deadline', async () => {
  const open = await openLink({ keepAlive: 10 });
  await open.clock.run(9500 + 4000);
  open.link.pause();
  await open.clock.run(5000);
  open.link.resume();
  await open.clock.run(4000);
  expect(open.ends).toEqual([]);
  open.connection.send(PINGRESP);
  await open.clock.run(1001);
  expect(open.ends).toEqual([]);
});

test('between CONNACK and start() PINGREQ goes out and silence condemns nobody', async () => {
  const open = await openLink({ keepAlive: 10, start: false });
  await open.clock.run(20_000);
  expect(pings(open)).toBe(2);
  expect(open.link.closed).toBe(false);
});

test('ping() tells the milliseconds to PINGRESP', async () => {
  const open = await openLink({ keepAlive: 60 });
  const ping = open.link.ping();
  await settled();
  expect(open.connection.take()).toEqual([PINGREQ]);
  await open.clock.run(42);
  open.connection.send(publish('in'), PINGRESP);
  expect(await ping).toBe(42);
});

test('ping() joins one that is open', async () => {
  const open = await openLink({ keepAlive: 60 });
  const first = open.link.ping();
  await open.clock.run(10);
  const second = open.link.ping();
  expect(pings(open)).toBe(1);
  open.connection.send(PINGRESP);
  expect(await Promise.all([first, second])).toEqual([10, 10]);
});

test("ping() joins keep alive's own", async () => {
  const open = await openLink({ keepAlive: 10 });
  await open.clock.run(9510);
  const ping = open.link.ping();
  expect(pings(open)).toBe(1);
  open.connection.send(PINGRESP);
  expect(await ping).toBe(10);
});

test('ping() settles within the ping timeout when other packets answer and PINGRESP never comes', async () => {
  const open = await openLink({ keepAlive: 60 });
  const ping = open.link.ping();
  await open.clock.run(100);
  open.connection.send(publish('in'));
  await open.clock.run(9900);
  expect(await ping).toBe(10_000);
  expect(open.ends).toEqual([]);
});

test('ping() without keep alive finds a dead connection', async () => {
  const open = await openLink({ keepAlive: 0 });
  const failure = open.link.ping().catch((error: unknown) => error);
  await open.clock.run(10_000);
  expect(await failure).toMatchObject({ code: 'CONNECTION_LOST', cause: { code: 'PING_TIMEOUT' } });
  expect(open.clock.pending).toBe(0);
});

test('ping() ends with the connection: CLOSED by disconnect(), else CONNECTION_LOST; afterwards the same', async () => {
  const left = await openLink();
  const first = left.link.ping();
  void left.link.disconnect({ type: 'disconnect', reasonCode: 0 });
  await expect(first).rejects.toMatchObject({ code: 'CLOSED' });
  await expect(left.link.ping()).rejects.toMatchObject({ code: 'CLOSED' });
  const cut = await openLink();
  const second = cut.link.ping();
  cut.connection.close(new Error('reset'));
  await expect(second).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  await expect(cut.link.ping()).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
});

test('a PINGRESP that nobody asked for is harmless', async () => {
  const open = await openLink({ keepAlive: 10 });
  open.connection.send(PINGRESP, PINGRESP);
  const ping = open.link.ping();
  await open.clock.run(5);
  open.connection.send(PINGRESP);
  expect(await ping).toBe(5);
  expect(open.ends).toEqual([]);
});
