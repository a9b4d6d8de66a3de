// SPDX-License-Identifier: Apache-2.0
//
// The end of a Network Connection: who ends it and how, what is still sent, and that it is told once.

import type { DisconnectPacket, Packet } from '@mqttv5/wire';
import { describe, expect, test } from 'vitest';
import { mqttError, ProtocolError } from '../errors.ts';
import { settled } from '../virtual-clock.ts';
import { connack, openLink, publish, recorder } from './testing-transport.ts';
import type { OpenLink } from './testing-transport.ts';
import { expectNothingLeft, NORMAL, puback } from '../../test/connection/closed-link.ts';

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
