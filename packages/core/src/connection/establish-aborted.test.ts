// SPDX-License-Identifier: Apache-2.0
//
// The signal of an attempt, at every stage of it: it ends at once and leaves nothing.

import type { Packet } from '@mqttv5/wire';
import { describe, expect, test } from 'vitest';
import type { Connection } from '../api/transport.ts';
import { mqttError } from '../errors.ts';
import { settled } from '../virtual-clock.ts';
import type { EstablishOptions } from './establish.ts';
import { connack, deferred, MemoryConnection, never, publish } from './testing-transport.ts';
import { accepted, attempt, auth, connecting, expectNothingLeft } from '../../test/connection/attempt.ts';

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
