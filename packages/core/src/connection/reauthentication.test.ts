// SPDX-License-Identifier: Apache-2.0

import type { AuthPacket, Packet } from '@mqttv5/wire';
import { expect, test } from 'vitest';
import type { Authenticator } from '../api/connect.ts';
import { settled } from '../virtual-clock.ts';
import { connack, deferred, never, openLink, publish } from './testing-transport.ts';
import type { OpenLink, OpenLinkOptions } from './testing-transport.ts';

/** Counts its beginnings, so that fresh data can be told from old. */
class CountingAuthenticator implements Authenticator {
  readonly method = 'COUNT';
  begun = 0;
  final: Uint8Array | undefined;
  begin(): Uint8Array {
    return Uint8Array.of(this.begun++);
  }
  continue(data: Uint8Array | undefined): Uint8Array | undefined {
    return data;
  }
  verifyServerFinal(data: Uint8Array | undefined): void {
    this.final = data;
  }
}

function auth(reasonCode: number, ...data: number[]): AuthPacket {
  const properties = { authenticationMethod: 'COUNT' };
  if (data.length === 0) return { type: 'auth', reasonCode, properties };
  return { type: 'auth', reasonCode, properties: { ...properties, authenticationData: Uint8Array.from(data) } };
}

const openAuthenticated = (options: OpenLinkOptions = {}): Promise<OpenLink> =>
  openLink({
    authenticator: new CountingAuthenticator(),
    connack: connack({ authenticationMethod: 'COUNT' }),
    ...options,
  });

/** What the client sent since it was last asked. */
async function sent(open: OpenLink): Promise<Packet[]> {
  await settled();
  return open.connection.take();
}

test('0x19 with fresh data, answered by 0x00 [MQTT-4.12.1-1] (T-083, T-090, T-091, T-092)', async () => {
  const open = await openAuthenticated();
  for (const round of [1, 2]) {
    const call = open.link.reauthenticate();
    expect(await sent(open)).toEqual([auth(0x19, round)]);
    open.connection.send(auth(0x00));
    await call;
    expect(open.reauthenticated.count).toBe(round);
  }
  expect(open.ends).toEqual([]);
});

test('0x19, several rounds of 0x18, 0x00; other traffic goes on meanwhile [MQTT-4.12.0-3] (T-084, T-098)', async () => {
  const open = await openAuthenticated();
  const call = open.link.reauthenticate();
  await sent(open);
  for (const step of [7, 8]) {
    open.connection.send(auth(0x18, step), publish('meanwhile'));
    expect(await sent(open)).toEqual([auth(0x18, step)]);
  }
  open.connection.send(auth(0x00));
  await call;
  expect(open.received).toHaveLength(2);
});

test('the concluding data reaches the verifier (T-093)', async () => {
  const authenticator = new CountingAuthenticator();
  const open = await openAuthenticated({ authenticator });
  const call = open.link.reauthenticate();
  await sent(open);
  open.connection.send(auth(0x00, 42));
  await call;
  expect(authenticator.final).toEqual(Uint8Array.of(42));
});

test('a verifier that refuses ends the call and the connection [MQTT-4.12.1-2] (T-094)', async () => {
  const cause = new Error('not the broker it claims to be');
  let refuse = false;
  const authenticator: Authenticator = {
    method: 'COUNT',
    begin: () => undefined,
    continue: () => undefined,
    verifyServerFinal: () => {
      if (refuse) throw cause;
    },
  };
  const open = await openAuthenticated({ authenticator });
  refuse = true;
  const call = open.link.reauthenticate();
  await sent(open);
  open.connection.send(auth(0x00));
  await expect(call).rejects.toMatchObject({ code: 'AUTH_FAILED', cause });
  await settled();
  expect(open.connection.take()).toEqual([{ type: 'disconnect', reasonCode: 0x80 }]);
  expect(open.ends).toMatchObject([{ error: { code: 'AUTH_FAILED' }, local: true }]);
  expect(open.reauthenticated.count).toBe(0);
});

test('DISCONNECT in answer: REAUTH_REJECTED for the call, SERVER_DISCONNECTED for the connection (T-085)', async () => {
  const open = await openAuthenticated();
  const call = open.link.reauthenticate();
  await sent(open);
  open.connection.send({ type: 'disconnect', reasonCode: 0x87, properties: { reasonString: 'expired' } });
  await expect(call).rejects.toMatchObject({ code: 'REAUTH_REJECTED', reasonCode: 0x87, reasonString: 'expired' });
  await settled();
  expect(open.ends).toMatchObject([{ error: { code: 'SERVER_DISCONNECTED', reasonCode: 0x87 } }]);
});

test('without an authenticator: NO_AUTHENTICATOR, nothing on the wire [MQTT-4.12.0-7] (T-086)', async () => {
  const open = await openLink();
  await expect(open.link.reauthenticate()).rejects.toMatchObject({ code: 'NO_AUTHENTICATOR' });
  expect(await sent(open)).toEqual([]);
});

test('on a connection that is over: CONNECTION_LOST or CLOSED (T-087)', async () => {
  const open = await openAuthenticated();
  open.connection.close();
  await settled();
  await expect(open.link.reauthenticate()).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  const left = await openAuthenticated();
  await left.link.disconnect({ type: 'disconnect', reasonCode: 0 });
  await expect(left.link.reauthenticate()).rejects.toMatchObject({ code: 'CLOSED' });
});

test('one at a time: REAUTH_IN_PROGRESS (T-089)', async () => {
  const open = await openAuthenticated();
  const first = open.link.reauthenticate();
  await expect(open.link.reauthenticate()).rejects.toMatchObject({ code: 'REAUTH_IN_PROGRESS' });
  await sent(open);
  open.connection.send(auth(0x00));
  await first;
});

test('abort ends the call; connection and slot stay until the broker ends the exchange (T-088)', async () => {
  const open = await openAuthenticated();
  const controller = new AbortController();
  const call = open.link.reauthenticate(controller.signal);
  await sent(open);
  const reason = new Error('enough');
  controller.abort(reason);
  await expect(call).rejects.toBe(reason);
  await expect(open.link.reauthenticate()).rejects.toMatchObject({ code: 'REAUTH_IN_PROGRESS' });
  open.connection.send(auth(0x18, 5));
  expect(await sent(open)).toEqual([auth(0x18, 5)]);
  open.connection.send(auth(0x00));
  await settled();
  expect(open.reauthenticated.count).toBe(1);
  expect(open.ends).toEqual([]);
  const next = open.link.reauthenticate();
  await sent(open);
  open.connection.send(auth(0x00));
  await next;
});

test('abort before anything was sent sends nothing and frees the slot', async () => {
  const gate = deferred<Uint8Array>();
  let waits = false;
  const authenticator: Authenticator = {
    method: 'COUNT',
    begin: () => (waits ? gate.promise : undefined),
    continue: () => undefined,
  };
  const open = await openAuthenticated({ authenticator });
  waits = true;
  const controller = new AbortController();
  const call = open.link.reauthenticate(controller.signal);
  controller.abort(new Error('enough'));
  await expect(call).rejects.toThrow('enough');
  gate.resolve(Uint8Array.of(1));
  expect(await sent(open)).toEqual([]);
  waits = false;
  const next = open.link.reauthenticate();
  expect(await sent(open)).toEqual([auth(0x19)]);
  open.connection.send(auth(0x00));
  await next;
  await expect(open.link.reauthenticate(AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
});

test('a begin() that fails sends nothing and leaves the connection as it was', async () => {
  let failing = false;
  const authenticator: Authenticator = {
    method: 'COUNT',
    begin: () => (failing ? Promise.reject(new Error('no token')) : undefined),
    continue: () => undefined,
  };
  const open = await openAuthenticated({ authenticator });
  failing = true;
  await expect(open.link.reauthenticate()).rejects.toMatchObject({ code: 'AUTH_FAILED' });
  expect(await sent(open)).toEqual([]);
  expect(open.ends).toEqual([]);
  failing = false;
  const next = open.link.reauthenticate();
  await sent(open);
  open.connection.send(auth(0x00));
  await next;
});

test('a continue() that fails ends call and connection: AUTH_FAILED', async () => {
  const authenticator: Authenticator = {
    method: 'COUNT',
    begin: () => undefined,
    continue: () => Promise.reject(new Error('what?')),
  };
  const open = await openAuthenticated({ authenticator });
  const call = open.link.reauthenticate();
  await sent(open);
  open.connection.send(auth(0x18));
  await expect(call).rejects.toMatchObject({ code: 'AUTH_FAILED' });
  await settled();
  expect(open.ends).toMatchObject([{ error: { code: 'AUTH_FAILED' } }]);
});

test('the call ends with the connection, and so does the signal of the authenticator', async () => {
  const signals: AbortSignal[] = [];
  const authenticator: Authenticator = {
    method: 'COUNT',
    begin: () => undefined,
    continue: (_data, { signal }) => {
      signals.push(signal);
      return never();
    },
  };
  const open = await openAuthenticated({ authenticator });
  const call = open.link.reauthenticate();
  await sent(open);
  open.connection.send(auth(0x18));
  await settled();
  open.connection.close();
  await expect(call).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  expect(signals[0]?.aborted).toBe(true);
  const left = await openAuthenticated();
  const ended = left.link.reauthenticate();
  const done = left.link.disconnect({ type: 'disconnect', reasonCode: 0 });
  await expect(ended).rejects.toMatchObject({ code: 'CLOSED' });
  await done;
});

test('an AUTH larger than the broker takes is not sent: AUTH_FAILED', async () => {
  const authenticator: Authenticator = {
    method: 'COUNT',
    begin: () => new Uint8Array(200),
    continue: () => undefined,
  };
  const open = await openAuthenticated({
    authenticator,
    connack: connack({ authenticationMethod: 'COUNT', maximumPacketSize: 100 }),
  });
  await expect(open.link.reauthenticate()).rejects.toMatchObject({ code: 'AUTH_FAILED' });
  expect((await sent(open)).map((packet) => packet.type)).toEqual(['disconnect']);
});

const violations: readonly { name: string; begun: boolean; parts: readonly AuthPacket[] }[] = [
  { name: 'AUTH 0x18 outside an exchange', begun: false, parts: [auth(0x18)] },
  { name: 'AUTH 0x00 outside an exchange', begun: false, parts: [auth(0x00)] },
  { name: 'AUTH 0x19 from the broker', begun: false, parts: [auth(0x19)] },
  { name: 'AUTH 0x19 inside an exchange', begun: true, parts: [auth(0x19)] },
  { name: 'a changed method', begun: true, parts: [{ ...auth(0x18), properties: { authenticationMethod: 'OTHER' } }] },
  { name: 'a challenge before the last one is answered', begun: true, parts: [auth(0x18, 1), auth(0x18, 2)] },
];
for (const { name, begun, parts } of violations) {
  test(`${name}: 0x82, before anything behind it (T-096, T-098, V-079)`, async () => {
    const open = await openAuthenticated();
    const call = begun ? open.link.reauthenticate().catch((error: unknown) => error) : undefined;
    await sent(open);
    open.connection.send(...parts, publish('behind'));
    expect(await call).toEqual(begun ? expect.objectContaining({ code: 'CONNECTION_LOST' }) : undefined);
    await settled();
    expect(open.connection.take().at(-1)).toEqual({ type: 'disconnect', reasonCode: 0x82 });
    expect(open.ends).toMatchObject([{ error: { code: 'PROTOCOL_ERROR', reasonCode: 0x82 } }]);
    expect(open.received).toEqual([]);
  });
}
