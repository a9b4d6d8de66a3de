// SPDX-License-Identifier: Apache-2.0
//
// Enhanced authentication between CONNECT and CONNACK (§4.12).

import type { Packet } from '@mqttv5/wire';
import { encode } from '@mqttv5/wire';
import { describe, expect, test } from 'vitest';
import type { Authenticator } from '../api/connect.ts';
import { mqttError } from '../errors.ts';
import { settled } from '../virtual-clock.ts';
import { connack, CONNECT, deferred, never, publish } from './testing-transport.ts';
import { accepted, attempt, auth, connecting, expectNothingLeft } from '../../test/connection/attempt.ts';

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
