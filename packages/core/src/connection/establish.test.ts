// SPDX-License-Identifier: Apache-2.0

import type { AuthPacket, ConnackProperties, ConnectPacket, Packet } from '@mqttv5/wire';
import { encode } from '@mqttv5/wire';
import { describe, expect, test } from 'vitest';
import type { Authenticator } from '../api/connect.ts';
import type { Connection } from '../api/transport.ts';
import { mqttError } from '../errors.ts';
import { Counters } from '../stats.ts';
import { settled, VirtualClock } from '../virtual-clock.ts';
import { establish } from './establish.ts';
import type { Established, EstablishOptions } from './establish.ts';
import { connack, CONNECT, deferred, establishOptions, MemoryConnection, never, publish } from './testing-transport.ts';

const BROKER = new URL('mqtt://user:secret@broker');

interface Attempt {
  readonly connection: MemoryConnection;
  readonly clock: VirtualClock;
  readonly counters: Counters;
  readonly controller: AbortController;
  readonly result: Promise<Established>;
  /** What `result` ended with; undefined while it has not. */
  readonly outcome: () => unknown;
}

function attempt(overrides: Partial<EstablishOptions> = {}, connect: ConnectPacket = CONNECT): Attempt {
  const connection = new MemoryConnection();
  const clock = new VirtualClock();
  const counters = new Counters();
  const controller = new AbortController();
  const options = { ...establishOptions(connection, clock, counters), signal: controller.signal, ...overrides };
  const result = establish(BROKER, connect, options);
  let outcome: unknown;
  result.then(
    (value) => {
      outcome = value;
    },
    (error: unknown) => {
      outcome = error;
    },
  );
  return { connection, clock, counters, controller, result, outcome: () => outcome };
}

/** An attempt whose CONNECT has been sent. */
async function connecting(overrides: Partial<EstablishOptions> = {}): Promise<Attempt> {
  const open = attempt(overrides);
  await settled();
  open.connection.take();
  return open;
}

function expectNothingLeft(open: Attempt): void {
  expect(open.connection.destroyed).toBe(true);
  expect(open.clock.pending).toBe(0);
}

/** Answers each challenge with itself, and takes notes. */
class EchoAuthenticator implements Authenticator {
  readonly method = 'ECHO';
  readonly challenges: (Uint8Array | undefined)[] = [];
  final: Uint8Array | undefined;
  begin(): Uint8Array {
    return Uint8Array.of(0);
  }
  continue(data: Uint8Array | undefined): Uint8Array | undefined {
    this.challenges.push(data);
    return data;
  }
  verifyServerFinal(data: Uint8Array | undefined): void {
    this.final = data;
  }
}

const auth = (reasonCode: number, ...data: number[]): AuthPacket => ({
  type: 'auth',
  reasonCode,
  properties: { authenticationMethod: 'ECHO', authenticationData: Uint8Array.from(data) },
});
const accepted: ConnackProperties = { authenticationMethod: 'ECHO' };

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

describe('the signal', () => {
  const reason = mqttError('CONNECT_TIMEOUT', 'too late');

  test('aborted before: nothing is dialled', async () => {
    let dialled = false;
    const dial = (): Promise<Connection> => {
      dialled = true;
      return Promise.resolve(new MemoryConnection());
    };
    await expect(attempt({ dial, signal: AbortSignal.abort(reason) }).result).rejects.toBe(reason);
    expect(dialled).toBe(false);
  });

  test('ends a dial that ignores it; the connection that comes too late is closed (V-087)', async () => {
    const connection = new MemoryConnection();
    const { promise, resolve } = deferred<Connection>();
    const open = attempt({ dial: () => promise });
    await settled();
    open.controller.abort(reason);
    await expect(open.result).rejects.toBe(reason);
    resolve(connection);
    await settled();
    expect(connection.destroyed).toBe(true);
  });

  test("a dial that fails after the abort is nobody's unhandled rejection", async () => {
    const { promise, reject } = deferred<Connection>();
    const open = attempt({ dial: () => promise });
    await settled();
    open.controller.abort(reason);
    await expect(open.result).rejects.toBe(reason);
    reject(new Error('late'));
    await settled();
    expect(open.outcome()).toBe(reason);
  });

  const stages: readonly { name: string; overrides: Partial<EstablishOptions>; parts: readonly Packet[] }[] = [
    { name: 'in beforeConnect', overrides: { beforeConnect: () => never() }, parts: [] },
    { name: 'while CONNACK is awaited', overrides: {}, parts: [] },
    {
      name: 'while the authenticator thinks',
      overrides: {
        authenticator: { method: 'ECHO', begin: () => undefined, continue: () => never() },
      },
      parts: [auth(0x18)],
    },
    {
      name: 'while CONNACK is verified',
      overrides: {
        authenticator: {
          method: 'ECHO',
          begin: () => undefined,
          continue: () => undefined,
          verifyServerFinal: () => never(),
        },
      },
      parts: [connack(accepted)],
    },
    { name: 'while a violation is being told', overrides: {}, parts: [publish('a')] },
  ];
  for (const { name, overrides, parts } of stages) {
    test(`ends the attempt ${name}`, async () => {
      const open = await connecting(overrides);
      open.connection.closesOnEnd = false;
      for (const part of parts) open.connection.send(part);
      await settled();
      expect(open.outcome()).toBeUndefined();
      open.controller.abort(reason);
      await settled();
      expect(open.outcome()).toBeInstanceOf(Error);
      expectNothingLeft(open);
    });
  }

  test("aborted between CONNACK and the caller's turn: nothing is left", async () => {
    const open = await connecting();
    open.connection.send(connack());
    open.controller.abort(reason);
    await expect(open.result).rejects.toBe(reason);
    expectNothingLeft(open);
  });

  test('aborted afterwards it does nothing to the link', async () => {
    const open = await connecting();
    open.connection.send(connack());
    const { link } = await open.result;
    open.controller.abort(reason);
    await settled();
    expect(link.closed).toBe(false);
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

describe('enhanced authentication', () => {
  test('several challenges before CONNACK [MQTT-4.12.0-3] [MQTT-4.12.0-5] [MQTT-3.1.2-30] (T-081)', async () => {
    const authenticator = new EchoAuthenticator();
    const open = attempt({ authenticator });
    await settled();
    expect(open.connection.take()).toMatchObject([
      { type: 'connect', properties: { authenticationMethod: 'ECHO', authenticationData: Uint8Array.of(0) } },
    ]);
    for (const step of [1, 2, 3]) {
      open.connection.send(auth(0x18, step));
      await settled();
      expect(open.connection.take()).toEqual([auth(0x18, step)]);
    }
    open.connection.send(connack({ ...accepted, authenticationData: Uint8Array.of(9) }));
    await open.result;
    expect(authenticator.final).toEqual(Uint8Array.of(9));
  });

  test('the properties of CONNECT stay beside method and data', async () => {
    const connect = { ...CONNECT, properties: { receiveMaximum: 7 } };
    const open = attempt(
      { authenticator: { method: 'M', begin: () => undefined, continue: () => undefined } },
      connect,
    );
    await settled();
    expect(open.connection.take()).toEqual([
      { ...CONNECT, properties: { receiveMaximum: 7, authenticationMethod: 'M' } },
    ]);
    open.controller.abort(mqttError('CLOSED', ''));
    await settled();
  });

  test('a challenge outlives the chunk it came in (T-099)', async () => {
    const authenticator = new EchoAuthenticator();
    const open = await connecting({ authenticator });
    const chunk = encode(auth(0x18, 1, 2, 3));
    open.connection.send(chunk);
    chunk.fill(0xff);
    await settled();
    expect(authenticator.challenges).toEqual([Uint8Array.of(1, 2, 3)]);
    open.connection.close();
    await expect(open.result).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });

  const rows: readonly { name: string; part: Packet }[] = [
    { name: 'AUTH 0x00 before CONNACK', part: auth(0x00) },
    { name: 'AUTH 0x19 from the broker [MQTT-4.12.0-2]', part: { ...auth(0x18), reasonCode: 0x19 } },
    {
      name: 'AUTH of another method [MQTT-4.12.0-5]',
      part: { ...auth(0x18), properties: { authenticationMethod: 'OTHER' } },
    },
    { name: 'CONNACK of another method [MQTT-4.12.0-5]', part: connack({ authenticationMethod: 'OTHER' }) },
    { name: 'CONNACK without the method [MQTT-4.12.0-5]', part: connack() },
  ];
  for (const { name, part } of rows) {
    test(`${name} is a protocol error (T-097)`, async () => {
      const open = await connecting({ authenticator: new EchoAuthenticator() });
      open.connection.send(part);
      await expect(open.result).rejects.toMatchObject({ code: 'PROTOCOL_ERROR', reasonCode: 0x82 });
      expect(open.connection.take()).toEqual([{ type: 'disconnect', reasonCode: 0x82 }]);
      expectNothingLeft(open);
    });
  }

  test('AUTH with a Reason String after Request Problem Information 0 [MQTT-3.1.2-29]', async () => {
    const open = await connecting({ authenticator: new EchoAuthenticator(), requestProblemInformation: false });
    open.connection.send({ ...auth(0x18), properties: { authenticationMethod: 'ECHO', reasonString: 'x' } });
    await expect(open.result).rejects.toMatchObject({ code: 'PROTOCOL_ERROR', reasonCode: 0x82 });
  });

  test('a refusing CONNACK needs no method', async () => {
    const open = await connecting({ authenticator: new EchoAuthenticator() });
    open.connection.send(connack(undefined, 0x87));
    await expect(open.result).rejects.toMatchObject({ code: 'CONNECT_REFUSED', reasonCode: 0x87 });
  });

  test('an authenticator that fails ends the attempt with AUTH_FAILED and its error', async () => {
    const cause = new Error('no token');
    const failing = (step: 'begin' | 'continue' | 'verifyServerFinal'): Authenticator => ({
      method: 'ECHO',
      begin: () => (step === 'begin' ? Promise.reject(cause) : undefined),
      continue: () => {
        throw cause;
      },
      verifyServerFinal: () => Promise.reject(cause),
    });
    const begin = attempt({ authenticator: failing('begin') });
    await expect(begin.result).rejects.toMatchObject({ code: 'AUTH_FAILED', cause });
    const proceed = await connecting({ authenticator: failing('continue') });
    proceed.connection.send(auth(0x18));
    await expect(proceed.result).rejects.toMatchObject({ code: 'AUTH_FAILED', cause });
    expect(proceed.connection.take()).toEqual([{ type: 'disconnect', reasonCode: 0x80 }]);
    expectNothingLeft(proceed);
    // T-095
    const verify = await connecting({ authenticator: failing('verifyServerFinal') });
    verify.connection.send(connack(accepted), publish('behind'));
    await expect(verify.result).rejects.toMatchObject({ code: 'AUTH_FAILED', cause });
    expectNothingLeft(verify);
  });

  test("the authenticator's signal ends with the attempt", async () => {
    const seen: AbortSignal[] = [];
    const authenticator: Authenticator = {
      method: 'ECHO',
      begin: () => undefined,
      continue: (_data, { signal }) => {
        seen.push(signal);
        return never();
      },
    };
    const open = await connecting({ authenticator });
    open.connection.send(auth(0x18));
    open.connection.close();
    await expect(open.result).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect(seen[0]?.aborted).toBe(true);
  });

  test('packets behind CONNACK wait while it is verified, and reach the link', async () => {
    const { promise, resolve } = deferred<void>();
    const authenticator: Authenticator = {
      method: 'ECHO',
      begin: () => undefined,
      continue: () => undefined,
      verifyServerFinal: () => promise,
    };
    const open = await connecting({ authenticator });
    open.connection.send(connack(accepted), publish('first'));
    await settled();
    expect(open.outcome()).toBeUndefined();
    resolve();
    const { link } = await open.result;
    const topics: string[] = [];
    link.start({
      packet: (packet) => topics.push(packet.type),
      room: () => undefined,
      closed: () => undefined,
    });
    expect(topics).toEqual(['publish']);
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
