// SPDX-License-Identifier: Apache-2.0
//
// From dial to CONNACK: what the broker answers, what it may not send, and how a dial fails.

import type { Packet } from '@mqttv5/wire';
import { describe, expect, test } from 'vitest';
import type { Connection } from '../api/transport.ts';
import { mqttError } from '../errors.ts';
import { Counters } from '../stats.ts';
import { settled, VirtualClock } from '../virtual-clock.ts';
import { establish } from './establish.ts';
import type { EstablishOptions } from './establish.ts';
import { connack, CONNECT, establishOptions, MemoryConnection, never, publish } from './testing-transport.ts';
import { accepted, attempt, auth, BROKER, connecting, expectNothingLeft } from '../../test/connection/attempt.ts';

describe('CONNECT and CONNACK', () => {
  test('CONNACK 0x00 gives a link (T-133)', async () => {
    const open = attempt();
    await settled();
    expect(open.connection.take()).toEqual([CONNECT]);
    open.connection.send(connack({ receiveMaximum: 5 }));
    const { link, connack: received } = await open.result;
    expect(received).toEqual(connack({ receiveMaximum: 5 }));
    expect(link.closed).toBe(false);
    expect(open.counters).toMatchObject({ packetsSent: 1, packetsReceived: 1 });
  });

  test('hooks: beforeConnect before the first byte, connectWritten after it', async () => {
    const log: string[] = [];
    const connection = new MemoryConnection();
    connection.onWrite = () => log.push('write');
    const open = attempt({
      dial: () => Promise.resolve(connection),
      beforeConnect: async () => {
        await settled();
        log.push('before');
      },
      connectWritten: () => log.push('written'),
    });
    await settled();
    await settled();
    expect(log).toEqual(['before', 'write', 'written']);
    connection.send(connack());
    await open.result;
  });

  test('what beforeConnect throws ends the attempt, nothing sent', async () => {
    const failure = new Error('store');
    const open = attempt({ beforeConnect: () => Promise.reject(failure) });
    await expect(open.result).rejects.toBe(failure);
    expect(open.connection.packets).toEqual([]);
    expectNothingLeft(open);
  });

  test('CONNACK 0x80 and above: CONNECT_REFUSED with everything it said [MQTT-4.13.2-1] (T-134)', async () => {
    const open = await connecting();
    open.connection.send(
      connack({ reasonString: 'go away', serverReference: 'other:1883', userProperties: [['a', 'b']] }, 0x9c),
    );
    await expect(open.result).rejects.toMatchObject({
      code: 'CONNECT_REFUSED',
      reasonCode: 0x9c,
      reasonString: 'go away',
      serverReference: 'other:1883',
      userProperties: [['a', 'b']],
    });
    expect(open.connection.take()).toEqual([]);
    expectNothingLeft(open);
  });

  test('the peer closes before CONNACK: CONNECTION_LOST', async () => {
    const orderly = await connecting();
    orderly.connection.close();
    await expect(orderly.result).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expectNothingLeft(orderly);
    const reset = await connecting();
    const cause = new Error('reset');
    reset.connection.close(cause);
    await expect(reset.result).rejects.toMatchObject({ code: 'CONNECTION_LOST', cause });
    expectNothingLeft(reset);
  });

  test('a connection that closes inside start() or inside the write of CONNECT', async () => {
    for (const method of ['start', 'write'] as const) {
      const connection = new MemoryConnection();
      const original = connection[method].bind(connection) as (...args: unknown[]) => boolean;
      const broken = (...args: unknown[]): boolean => {
        const result = original(...args);
        connection.close();
        return result;
      };
      Object.assign(connection, { [method]: broken });
      const open = attempt({ dial: () => Promise.resolve(connection) });
      await expect(open.result).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
      expect(connection.destroyed).toBe(true);
    }
  });
});

describe('what a broker may not send before CONNACK', () => {
  const rows: readonly { name: string; part: Packet | Uint8Array; code: number }[] = [
    { name: 'PUBLISH [MQTT-3.2.0-1]', part: publish('a'), code: 0x82 },
    { name: 'PINGRESP [MQTT-3.2.0-1]', part: { type: 'pingresp' }, code: 0x82 },
    { name: 'AUTH without an authenticator [MQTT-4.12.0-6] (T-082)', part: auth(0x18), code: 0x82 },
    { name: 'CONNACK with an Authentication Method [MQTT-4.12.0-6]', part: connack(accepted), code: 0x82 },
    {
      name: 'a refusal with Session Present 1 [MQTT-3.2.2-6]',
      part: Uint8Array.of(0x20, 3, 1, 0x87, 0),
      code: 0x82,
    },
    { name: 'reserved CONNACK flags [MQTT-3.2.2-1]', part: Uint8Array.of(0x20, 3, 2, 0, 0), code: 0x81 },
    { name: 'CONNACK without property length', part: Uint8Array.of(0x20, 2, 0, 0), code: 0x81 },
  ];
  for (const { name, part, code } of rows) {
    test(name, async () => {
      const open = await connecting();
      open.connection.send(part, connack());
      await expect(open.result).rejects.toMatchObject({ code: 'PROTOCOL_ERROR', reasonCode: code });
      expect(open.connection.take()).toEqual([{ type: 'disconnect', reasonCode: code }]);
      expect(open.counters.protocolErrors).toBe(1);
      expectNothingLeft(open);
    });
  }

  test('DISCONNECT [MQTT-3.14.0-1]: the attempt fails, and no DISCONNECT answers it', async () => {
    const open = await connecting();
    open.connection.send({ type: 'disconnect', reasonCode: 0x8b });
    await expect(open.result).rejects.toMatchObject({ code: 'PROTOCOL_ERROR', reasonCode: 0x82 });
    expect(open.connection.take()).toEqual([]);
    expectNothingLeft(open);
  });

  test('CONNACK before CONNECT', async () => {
    const open = attempt({ beforeConnect: () => never() });
    await settled();
    open.connection.send(connack());
    await expect(open.result).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
    expect(open.connection.packets).toEqual([]);
    expectNothingLeft(open);
  });

  test('a broker that does not close after the violation is cut off in disconnectTimeoutMs', async () => {
    const open = await connecting();
    open.connection.closesOnEnd = false;
    open.connection.send(publish('a'));
    await open.clock.run(499);
    expect(open.outcome()).toBeUndefined();
    await open.clock.run(1);
    expect(open.outcome()).toMatchObject({ code: 'PROTOCOL_ERROR' });
    expectNothingLeft(open);
  });
});

describe('dial', () => {
  test('its failure is DIAL_FAILED with the cause, without credentials in the message (T-142)', async () => {
    const cause = new Error('nothing there');
    const open = attempt({ dial: () => Promise.reject(cause) });
    await expect(open.result).rejects.toMatchObject({ code: 'DIAL_FAILED', cause });
    expect((open.outcome() as Error).message).not.toMatch(/user|secret/);
  });

  test('its own MqttError is passed on', async () => {
    const error = mqttError('INVALID_OPTION', 'no');
    await expect(attempt({ dial: () => Promise.reject(error) }).result).rejects.toBe(error);
  });

  test('one that throws at once fails like one that rejects', async () => {
    const dial = (): Promise<Connection> => {
      throw new Error('at once');
    };
    await expect(attempt({ dial }).result).rejects.toMatchObject({ code: 'DIAL_FAILED' });
  });

  test('it is given signal and TLS options', async () => {
    const seen: unknown[] = [];
    const tls = { servername: 'x' };
    const dial: EstablishOptions['dial'] = (url, options) => {
      seen.push(url.hostname, options.tls, options.signal.aborted);
      return Promise.reject(new Error('enough'));
    };
    await expect(attempt({ dial, tls }).result).rejects.toThrow('enough');
    expect(seen).toEqual(['broker', tls, false]);
  });
});

test('a connection of a user may take the handlers out of their object', async () => {
  const connection = new MemoryConnection();
  const taken: Connection = {
    start: ({ data, drain, close }) => connection.start({ data, drain, close }),
    write: (bytes, written) => connection.write(bytes, written),
    end: () => connection.end(),
    destroy: () => connection.destroy(),
  };
  const ends: unknown[] = [];
  const result = establish(BROKER, CONNECT, establishOptions(taken, new VirtualClock(), new Counters()));
  await settled();
  connection.send(connack());
  const { link } = await result;
  link.start({ packet: () => undefined, room: () => undefined, closed: ({ orderly }) => ends.push(orderly) });
  connection.close();
  await settled();
  expect(ends).toEqual([true]);
});
