// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { scramAuthenticator } from '@mqttv5/core';
import { scramMethod } from '../src/index.ts';
import type { BrokerAuthExchange, BrokerAuthStep } from '../src/index.ts';

const hashes = ['SHA-1', 'SHA-256', 'SHA-512'] as const;
const { signal } = new AbortController();

function exchangeOf(): BrokerAuthExchange {
  return { clientId: 'c', username: undefined, password: undefined, reauthentication: false, state: undefined };
}

/** Client and method talk until the method has decided. */
async function login(hash: (typeof hashes)[number], username: string, password: string): Promise<BrokerAuthStep> {
  const method = scramMethod({ hash, users: { 'änn=,': 'secret ½', bob: 'x' } });
  const client = scramAuthenticator({ hash, username, password });
  const exchange = exchangeOf();
  let step = await method.begin(exchange, await client.begin({ signal }));
  while (step.type === 'challenge') {
    const data = step.data === undefined ? undefined : Uint8Array.from(step.data);
    step = await method.continue(exchange, await client.continue(data, { signal }));
  }
  if (step.type === 'success') await client.verifyServerFinal?.(Uint8Array.from(step.data ?? []));
  return step;
}

describe.each(hashes)('SCRAM-%s', (hash) => {
  test('accepts who knows the password, and proves to know it too', async () => {
    expect(await login(hash, 'änn=,', 'secret ½')).toMatchObject({ type: 'success' });
  });

  test('refuses a wrong password and an unknown user alike', async () => {
    const refused = { type: 'refuse', reasonCode: 0x87, reasonString: 'user name or password wrong' };
    expect(await login(hash, 'bob', 'y')).toEqual(refused);
    expect(await login(hash, 'eve', 'y')).toEqual(refused);
  });
});

test('messages that are none of SCRAM are refused', async () => {
  const method = scramMethod({ hash: 'SHA-256', users: { bob: 'x' } });
  const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
  const refusal = { type: 'refuse', reasonCode: 0x87 };
  for (const data of [
    undefined,
    bytes(''),
    bytes('p=tls-unique,,n=bob,r=abc'),
    bytes('n,,n=bob'),
    bytes('n,,n=bob,r=a c'),
  ]) {
    expect(await method.begin(exchangeOf(), data)).toMatchObject(refusal);
  }
  const answers = ['', 'c=biws,r=other,p=AAAA', 'c=xxxx,r=NONCE,p=AAAA', 'c=biws,r=NONCE,p=AAAA', 'c=biws,r=NONCE'];
  for (const answer of answers) {
    const exchange = exchangeOf();
    const step = await method.begin(exchange, bytes('n,,n=bob,r=abc'));
    const [, nonce = ''] =
      /r=([^,]*)/.exec(Buffer.from(step.type === 'challenge' ? (step.data ?? []) : []).toString()) ?? [];
    expect(nonce).toMatch(/^abc.{10}/);
    expect(await method.continue(exchange, bytes(answer.replace('NONCE', nonce)))).toMatchObject(refusal);
  }
});

test('options are checked', () => {
  const users = { bob: 'x' };
  expect(() => scramMethod({ hash: 'MD5' as 'SHA-1', users })).toThrow(/hash has to be/);
  expect(() => scramMethod({ hash: 'SHA-1', users, iterations: 0 })).toThrow(/iterations has to be/);
  expect(() => scramMethod({ hash: 'SHA-1', user: users } as object as Parameters<typeof scramMethod>[0])).toThrow(
    /did you mean users/,
  );
});
