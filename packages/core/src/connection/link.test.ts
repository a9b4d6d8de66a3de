// SPDX-License-Identifier: Apache-2.0
//
// Packets over one Network Connection, both ways: order, pause, and what a broker may not send.

import { encode } from '@mqttv5/wire';
import type { Packet } from '@mqttv5/wire';
import { describe, expect, test } from 'vitest';
import { settled } from '../virtual-clock.ts';
import { connack, CONNECT, MemoryConnection, openLink, publish, recorder } from './testing-transport.ts';
import type { OpenLink } from './testing-transport.ts';
import { expectNothingLeft, puback } from '../../test/connection/closed-link.ts';

describe('packets', () => {
  test('come in order, split anywhere', async () => {
    const open = await openLink();
    const sent = [publish('a', 5), puback(1), publish('b', 300)];
    const bytes = sent.map((packet) => encode(packet)).flatMap((each) => [...each]);
    for (const byte of bytes) open.connection.send(Uint8Array.of(byte));
    expect(open.received).toEqual(sent);
    expect(open.counters.packetsReceived).toBe(4);
    expect(open.counters.bytesReceived).toBe(bytes.length + 5);
  });

  test('that came with CONNACK wait for start()', async () => {
    const open = await openLink({ start: false });
    open.connection.send(publish('early'));
    open.connection.send(publish('next'));
    await settled();
    expect(open.connection.paused).toBe(true);
    open.link.start(recorder(open));
    expect(open.received).toEqual([publish('early'), publish('next')]);
    expect(open.connection.paused).toBe(false);
  });

  test('send() is false from the high-water mark on, and room() follows', async () => {
    const open = await openLink({ writeHighWaterMark: 1000 });
    open.connection.stalled = true;
    expect(open.link.hasRoom).toBe(true);
    expect(open.link.send(publish('a', 2000))).toBe(false);
    expect(open.link.hasRoom).toBe(false);
    await settled();
    open.connection.drain();
    expect(open.rooms.count).toBe(1);
    expect(open.link.unsentBytes).toBe(0);
  });

  test('a broker that sends and does not read is given up: CONNECTION_LOST', async () => {
    const open = await openLink({ writeHighWaterMark: 1000 });
    open.connection.stalled = true;
    for (let i = 1; i <= 40_000; i++) {
      open.link.send(puback(i));
      if (i % 1000 === 0) await settled();
    }
    expect(open.ends).toMatchObject([{ error: { code: 'CONNECTION_LOST' }, local: true, orderly: false }]);
    expectNothingLeft(open);
  });
});

describe('pause', () => {
  test('stops reading and decoding, in the middle of a chunk; resume() goes on in order', async () => {
    const open: OpenLink = await openLink({
      onPacket: (packet) => {
        open.received.push(packet);
        if (open.received.length === 2) open.link.pause();
      },
    });
    open.connection.send(publish('1'), publish('2'), publish('3'), publish('4'));
    expect(open.received).toHaveLength(2);
    expect(open.connection.paused).toBe(true);
    open.link.resume();
    // Never inside resume(): the caller may be in the middle of something.
    expect(open.received).toHaveLength(2);
    await settled();
    expect(open.received).toEqual(['1', '2', '3', '4'].map((topic) => publish(topic)));
    expect(open.connection.paused).toBe(false);
  });

  test('taken back in the same turn misses nothing and doubles nothing', async () => {
    const open = await openLink();
    open.link.pause();
    open.link.resume();
    open.link.pause();
    open.link.resume();
    open.connection.send(publish('1'));
    await settled();
    expect(open.received).toEqual([publish('1')]);
  });

  test('what was read before the peer closed is handed out all the same, then the end', async () => {
    const open: OpenLink = await openLink({
      onPacket: (packet) => {
        open.received.push(packet);
        open.link.pause();
      },
    });
    open.connection.send(publish('1'), publish('2'), publish('3'));
    expect(open.received).toHaveLength(1);
    open.connection.close();
    await settled();
    expect(open.received).toHaveLength(3);
    expect(open.ends).toMatchObject([{ error: { code: 'CONNECTION_LOST' }, orderly: true, local: false }]);
    expectNothingLeft(open);
  });

  test('canPause follows the connection', async () => {
    const open = await openLink();
    expect(open.link.canPause).toBe(true);
    const plain = new MemoryConnection();
    Object.assign(plain, { pause: undefined, resume: undefined });
    const other = await openLink({ connection: plain });
    expect(other.link.canPause).toBe(false);
  });

  test('a connection that cannot pause holds back what it reads before start()', async () => {
    const connection = new MemoryConnection();
    Object.assign(connection, { pause: undefined, resume: undefined });
    const open = await openLink({ connection, start: false });
    open.connection.send(publish('1'));
    open.connection.send(publish('2'));
    open.link.start(recorder(open));
    expect(open.received).toEqual([publish('1'), publish('2')]);
  });
});

describe('what a broker may not send ends the connection with the code of the standard', () => {
  const rows: readonly { name: string; part: Packet | Uint8Array; code: number }[] = [
    { name: 'a second CONNACK [MQTT-3.2.0-2]', part: connack(), code: 0x82 },
    {
      name: 'AUTH nobody started [MQTT-4.12.0-6]',
      part: { type: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'M' } },
      code: 0x82,
    },
    {
      name: 'DISCONNECT with Session Expiry Interval [MQTT-3.14.2-2]',
      part: { type: 'disconnect', reasonCode: 0x80, properties: { sessionExpiryInterval: 1 } },
      code: 0x82,
    },
    { name: 'PINGREQ', part: { type: 'pingreq' }, code: 0x82 },
    { name: 'SUBSCRIBE', part: Uint8Array.of(0x82, 7, 0, 1, 0, 0, 1, 0x61, 0), code: 0x82 },
    { name: 'CONNECT', part: CONNECT, code: 0x82 },
    { name: 'packet type 0', part: Uint8Array.of(0x00, 0), code: 0x81 },
    { name: 'a Remaining Length of five bytes', part: Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0xff, 1), code: 0x81 },
    { name: 'reserved PINGRESP flags (T-301)', part: Uint8Array.of(0xd1, 0), code: 0x81 },
  ];
  for (const { name, part, code } of rows) {
    test(name, async () => {
      const open = await openLink();
      open.connection.send(publish('before'), part, publish('behind'));
      await settled();
      expect(open.received).toEqual([publish('before')]);
      expect(open.connection.take()).toEqual([{ type: 'disconnect', reasonCode: code }]);
      expect(open.ends).toMatchObject([{ error: { code: 'PROTOCOL_ERROR', reasonCode: code }, local: true }]);
      expect(open.counters.protocolErrors).toBe(1);
      expectNothingLeft(open);
    });
  }

  test('a packet above our Maximum Packet Size: 0x95 on its fixed header [MQTT-3.1.2-24]', async () => {
    const open = await openLink({ maximumPacketSize: 100 });
    open.connection.send(encode(publish('a', 200)).subarray(0, 3));
    await settled();
    expect(open.connection.take()).toEqual([{ type: 'disconnect', reasonCode: 0x95 }]);
    expectNothingLeft(open);
  });

  test('lenient takes the two harmless violations (T-302, V-083)', async () => {
    const open = await openLink({ lenient: true });
    open.connection.send(Uint8Array.of(0xd1, 0), Uint8Array.of(0xd0, 0x80, 0), publish('a'));
    expect(open.received).toEqual([publish('a')]);
    expect(open.ends).toEqual([]);
  });
});
