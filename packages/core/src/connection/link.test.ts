// SPDX-License-Identifier: Apache-2.0

import { encode } from '@mqttv5/wire';
import type { DisconnectPacket, Packet } from '@mqttv5/wire';
import { describe, expect, test } from 'vitest';
import { mqttError, ProtocolError } from '../errors.ts';
import { settled } from '../virtual-clock.ts';
import { connack, CONNECT, MemoryConnection, openLink, publish, recorder } from './testing-transport.ts';
import type { OpenLink } from './testing-transport.ts';

const NORMAL: DisconnectPacket = { type: 'disconnect', reasonCode: 0 };
const puback = (packetIdentifier: number): Packet => ({ type: 'puback', packetIdentifier, reasonCode: 0 });

/** What a closed link leaves: nothing. */
function expectNothingLeft(open: OpenLink): void {
  expect(open.connection.destroyed).toBe(true);
  expect(open.clock.pending).toBe(0);
  expect(open.ends).toHaveLength(1);
  expect(open.link.closed).toBe(true);
  expect(open.link.send(publish('late'))).toBe(false);
}

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

describe('the end', () => {
  test('orderly close of the peer', async () => {
    const open = await openLink();
    open.connection.close();
    expect(open.ends).toEqual([]);
    await settled();
    expect(open.ends).toMatchObject([{ error: { code: 'CONNECTION_LOST' }, orderly: true, local: false }]);
    expectNothingLeft(open);
  });

  test('reset: the system error is the cause', async () => {
    const open = await openLink();
    const cause = new Error('read ECONNRESET');
    open.connection.close(cause);
    await settled();
    expect(open.ends).toMatchObject([{ error: { code: 'CONNECTION_LOST', cause }, orderly: false, local: false }]);
    expectNothingLeft(open);
  });

  test('before start() is told after it', async () => {
    const open = await openLink({ start: false });
    open.connection.send(publish('last words'));
    open.connection.close();
    await settled();
    open.link.start(recorder(open));
    await settled();
    expect(open.received).toEqual([publish('last words')]);
    expectNothingLeft(open);
  });

  test('disconnect(): what was sent, DISCONNECT, FIN; nothing after it [MQTT-3.14.4-1] [MQTT-3.14.4-2]', async () => {
    const open = await openLink();
    open.link.send(publish('last'));
    const done = open.link.disconnect(NORMAL);
    expect(open.link.send(publish('late'))).toBe(false);
    open.connection.send(publish('in'));
    await done;
    expect(open.connection.take()).toEqual([publish('last'), NORMAL]);
    expect(open.connection.ended).toBe(true);
    expect(open.received).toEqual([]);
    expect(open.ends).toMatchObject([{ error: { code: 'CLOSED' }, local: true, orderly: false }]);
    expectNothingLeft(open);
  });

  test('disconnect() reads on although paused, so that the FIN of the peer arrives', async () => {
    const open = await openLink();
    open.link.pause();
    open.connection.closesOnEnd = false;
    const done = open.link.disconnect(NORMAL);
    expect(open.connection.paused).toBe(false);
    open.connection.close();
    await done;
    expectNothingLeft(open);
  });

  test('disconnect() to a peer that neither reads nor closes ends after disconnectTimeoutMs', async () => {
    const open = await openLink();
    open.connection.stalled = true;
    open.connection.closesOnEnd = false;
    let settledAt = 0;
    const begun = open.clock.now();
    const done = open.link.disconnect(NORMAL).then(() => {
      settledAt = open.clock.now();
    });
    await open.clock.run(499);
    expect(settledAt).toBe(0);
    await open.clock.run(1);
    await done;
    expect(settledAt - begun).toBe(500);
    expectNothingLeft(open);
  });

  test('disconnect() settles however often, before, during and after the end', async () => {
    const open = await openLink();
    await Promise.all([open.link.disconnect(NORMAL), open.link.disconnect(NORMAL)]);
    await open.link.disconnect(NORMAL);
    expect(open.connection.take()).toEqual([NORMAL]);
    const cut = await openLink();
    cut.connection.close();
    await cut.link.disconnect(NORMAL);
    await settled();
    expectNothingLeft(cut);
    const unstarted = await openLink({ start: false });
    await unstarted.link.disconnect(NORMAL);
    await unstarted.link.disconnect(NORMAL);
    expect(unstarted.connection.destroyed).toBe(true);
  });

  test('disconnect() answers flushed(): written when the peer took it, CONNECTION_LOST when not', async () => {
    const outcomes: (string | undefined)[] = [];
    const open = await openLink();
    open.link.send(publish('a'));
    open.link.flushed((error) => outcomes.push(error?.code));
    await open.link.disconnect(NORMAL);
    const stalled = await openLink();
    stalled.connection.stalled = true;
    stalled.link.send(publish('a'));
    stalled.link.flushed((error) => outcomes.push(error?.code));
    const done = stalled.link.disconnect(NORMAL);
    await stalled.clock.run(500);
    await done;
    stalled.link.flushed((error) => outcomes.push(error?.code));
    await settled();
    expect(outcomes).toEqual([undefined, 'CONNECTION_LOST', 'CONNECTION_LOST']);
  });

  test("DISCONNECT leaves out what would exceed the broker's limit [MQTT-3.14.2-3] [MQTT-3.14.2-4]", async () => {
    const packet: DisconnectPacket = {
      type: 'disconnect',
      reasonCode: 4,
      properties: { reasonString: 'because', sessionExpiryInterval: 5, userProperties: [['name', 'x'.repeat(100)]] },
    };
    const sent = async (maximumPacketSize: number): Promise<Packet[]> => {
      const open = await openLink({ connack: connack({ maximumPacketSize }) });
      await open.link.disconnect(packet);
      return open.connection.take();
    };
    expect(await sent(1000)).toEqual([packet]);
    expect(await sent(100)).toEqual([{ ...packet, properties: { reasonString: 'because', sessionExpiryInterval: 5 } }]);
    expect(await sent(10)).toEqual([{ ...packet, properties: { sessionExpiryInterval: 5 } }]);
  });

  test('fail(): DISCONNECT with the code, then closed with the error', async () => {
    const open = await openLink();
    const error = new ProtocolError(0x93, 'too many');
    open.link.fail(0x93, error);
    expect(open.ends).toEqual([]);
    await settled();
    expect(open.connection.take()).toEqual([{ type: 'disconnect', reasonCode: 0x93 }]);
    expect(open.ends).toEqual([{ error, orderly: false, local: true }]);
    expect(open.counters.protocolErrors).toBe(1);
    expectNothingLeft(open);
  });

  test('fail() inside a packet handler: nothing behind that packet is handed out', async () => {
    const open: OpenLink = await openLink({
      onPacket: (packet) => {
        open.received.push(packet);
        open.link.fail(0x82, new ProtocolError(0x82, 'no'));
      },
    });
    open.connection.send(publish('1'), publish('2'), puback(1));
    await settled();
    expect(open.received).toEqual([publish('1')]);
    expectNothingLeft(open);
  });

  test('destroy(): at once, without DISCONNECT, also in the middle of disconnect()', async () => {
    const open = await openLink();
    open.link.destroy(mqttError('CONNECTION_LOST', 'cut'));
    await settled();
    expect(open.connection.take()).toEqual([]);
    expect(open.ends).toMatchObject([{ error: { message: 'cut' }, local: true }]);
    expectNothingLeft(open);
    const closing = await openLink();
    closing.connection.closesOnEnd = false;
    const done = closing.link.disconnect(NORMAL);
    closing.link.destroy(mqttError('CONNECTION_LOST', 'cut'));
    await done;
    expectNothingLeft(closing);
  });
});

describe('the broker ends it with DISCONNECT', () => {
  test('everything it says is in the error and in the end; no DISCONNECT answers it', async () => {
    const open = await openLink();
    const packet: DisconnectPacket = {
      type: 'disconnect',
      reasonCode: 0x9d,
      properties: { reasonString: 'moved', serverReference: 'other:1883', userProperties: [['a', 'b']] },
    };
    open.connection.send(packet, publish('behind it'));
    await settled();
    expect(open.received).toEqual([]);
    expect(open.connection.take()).toEqual([]);
    expect(open.ends).toMatchObject([{ orderly: false, local: false, serverDisconnect: packet }]);
    expect(open.ends[0]?.error).toMatchObject({
      code: 'SERVER_DISCONNECTED',
      reasonCode: 0x9d,
      reasonString: 'moved',
      serverReference: 'other:1883',
      userProperties: [['a', 'b']],
    });
    expectNothingLeft(open);
  });

  test('0x8E is SESSION_TAKEN_OVER', async () => {
    const open = await openLink();
    open.connection.send({ type: 'disconnect', reasonCode: 0x8e });
    await settled();
    expect(open.ends[0]?.error).toMatchObject({ code: 'SESSION_TAKEN_OVER', reasonCode: 0x8e });
  });

  test('one that was read while paused is the reason, not the close behind it', async () => {
    const open = await openLink();
    open.link.pause();
    open.connection.send({ type: 'disconnect', reasonCode: 0x8b });
    open.connection.close();
    await settled();
    expect(open.ends).toMatchObject([{ error: { code: 'SERVER_DISCONNECTED', reasonCode: 0x8b } }]);
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

describe("a connection of a user's dial that misbehaves", () => {
  test('closes inside write(): the end comes afterwards, once', async () => {
    const open = await openLink();
    open.connection.onWrite = () => open.connection.close(new Error('inside'));
    open.link.send(publish('a'));
    await settled();
    expect(open.ends).toMatchObject([{ error: { code: 'CONNECTION_LOST' } }]);
    expectNothingLeft(open);
  });

  test('closes inside the write() of an answer to a packet: the rest of the chunk is handed out', async () => {
    const open: OpenLink = await openLink({
      onPacket: (packet) => {
        open.received.push(packet);
        open.link.send(publish('answer', 100_000));
      },
    });
    open.connection.onWrite = () => open.connection.close();
    open.connection.send(publish('1'), publish('2'));
    expect(open.ends).toEqual([]);
    await settled();
    expect(open.received).toHaveLength(2);
    expectNothingLeft(open);
  });

  test('throws in write(), pause(), resume() or end()', async () => {
    const boom = (): never => {
      throw new Error('broken');
    };
    const actions: [keyof MemoryConnection, (open: OpenLink) => unknown][] = [
      ['write', (open) => open.link.send(publish('a'))],
      ['pause', (open) => open.link.pause()],
      ['end', (open) => open.link.disconnect(NORMAL)],
    ];
    for (const [method, act] of actions) {
      const open = await openLink();
      Object.assign(open.connection, { [method]: boom });
      act(open);
      await settled();
      expectNothingLeft(open);
    }
    const open = await openLink();
    Object.assign(open.connection, { resume: boom });
    open.link.pause();
    open.link.resume();
    await settled();
    expectNothingLeft(open);
  });

  test('throws in destroy(), or reports its close only then', async () => {
    const open = await openLink();
    open.connection.destroy = () => {
      open.connection.destroyed = true;
      open.connection.close();
      throw new Error('broken');
    };
    open.link.destroy(mqttError('CONNECTION_LOST', 'cut'));
    await settled();
    expectNothingLeft(open);
  });

  test('hands over data and closes again after its end', async () => {
    const connection = new MemoryConnection();
    let handlers: Parameters<MemoryConnection['start']>[0] | undefined;
    const start = connection.start.bind(connection);
    connection.start = (given) => {
      handlers = given;
      start(given);
    };
    const open = await openLink({ connection });
    handlers?.close();
    handlers?.data(encode(publish('late')));
    await settled();
    handlers?.data(encode(publish('later')));
    handlers?.close(new Error('again'));
    await settled();
    expect(open.received).toEqual([]);
    expectNothingLeft(open);
  });

  test('never calls `written`: disconnect() ends all the same', async () => {
    const open = await openLink();
    open.connection.stalled = true;
    open.link.send(publish('a', 1_000_000));
    const done = open.link.disconnect(NORMAL);
    await settled();
    await done;
    expect(open.connection.take().at(-1)).toEqual(NORMAL);
    expectNothingLeft(open);
  });

  test('hands over data inside write(): packets stay in order', async () => {
    const connection = new MemoryConnection();
    const open: OpenLink = await openLink({
      connection,
      onPacket: (packet) => {
        open.received.push(packet);
        if (open.received.length === 1) open.link.send(publish('out', 100_000));
      },
    });
    connection.onWrite = () => {
      connection.onWrite = undefined;
      connection.send(publish('3'));
    };
    connection.send(publish('1'), publish('2'));
    await settled();
    expect(open.received).toEqual(['1', '2', '3'].map((topic) => publish(topic)));
  });
});
