// SPDX-License-Identifier: Apache-2.0
// TLS: who is let in, who is refused, and that the reason is said. Certificates are made here and now.
import { connect } from '@mqttv5/core';
import type { ClientOptions, TlsOptions } from '@mqttv5/core';
import { startBroker } from '@mqttv5/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createAuthority } from '@mqttv5/support/certificates';
import type { CertificateAuthority } from '@mqttv5/support/certificates';
import { requireMosquitto, startMosquitto } from '../mosquitto.ts';
import { smoke } from '../runtimes/smoke.ts';

type Outcome = { readonly code: string; readonly message: string } | 'connected';

async function outcome(url: string, options: Omit<ClientOptions, 'brokers'> = {}): Promise<Outcome> {
  try {
    const client = await connect(url, options);
    await client.disconnect();
    return 'connected';
  } catch (error) {
    // connect() rejects with errors of this library.
    return error as Outcome;
  }
}

/** An embedded broker whose every listener speaks TLS, reached as localhost. */
async function secureBroker(tls: TlsOptions): Promise<string> {
  const broker = await startBroker({ tls });
  onTestFinished(() => broker.close());
  return broker.url.replace('127.0.0.1', 'localhost');
}

const localhost = async (authority: CertificateAuthority): Promise<TlsOptions> =>
  await authority.issue({ commonName: 'broker', names: ['localhost'] });

describe("the broker's certificate", () => {
  test('of a public authority is what is trusted: without `ca` a private one is refused', async () => {
    const url = await secureBroker(await localhost(await createAuthority()));
    for (const tls of [undefined, {}]) {
      expect(await outcome(url, { tls })).toMatchObject({
        code: 'DIAL_FAILED',
        message: expect.stringMatching(/certificate.*\bca\b|not trusted|self-signed|issuer/i),
      });
    }
  });

  test('of the authority in `ca` is accepted, also as bytes and in a list', async () => {
    const authority = await createAuthority();
    const url = await secureBroker(await localhost(authority));
    const other = (await createAuthority('another authority')).ca;
    for (const ca of [authority.ca, new TextEncoder().encode(authority.ca), [other, authority.ca]]) {
      expect(await outcome(url, { tls: { ca } })).toBe('connected');
    }
    expect(await outcome(url, { tls: { ca: other } })).toMatchObject({ code: 'DIAL_FAILED' });
  });

  test('for another host is refused, and the message names both', async () => {
    const authority = await createAuthority();
    const url = await secureBroker(await authority.issue({ commonName: 'broker', names: ['broker.example'] }));
    expect(await outcome(url, { tls: { ca: authority.ca } })).toMatchObject({
      code: 'DIAL_FAILED',
      message: expect.stringMatching(/localhost[\s\S]*broker\.example/),
    });
  });

  test('is compared with `servername` where one is given', async () => {
    const authority = await createAuthority();
    const url = await secureBroker(await authority.issue({ commonName: 'broker', names: ['broker.example'] }));
    expect(await outcome(url, { tls: { ca: authority.ca, servername: 'broker.example' } })).toBe('connected');
    expect(await outcome(url, { tls: { ca: authority.ca, servername: 'other.example' } })).toMatchObject({
      code: 'DIAL_FAILED',
      message: expect.stringContaining('other.example'),
    });
  });

  test('that has expired is refused, and the message says so', async () => {
    const authority = await createAuthority();
    const url = await secureBroker(
      await authority.issue({ commonName: 'broker', names: ['localhost'], expired: true }),
    );
    expect(await outcome(url, { tls: { ca: authority.ca } })).toMatchObject({
      code: 'DIAL_FAILED',
      message: expect.stringContaining('expired'),
    });
  });

  test('for an address is compared as an address', async () => {
    const authority = await createAuthority();
    const url = await secureBroker(await authority.issue({ commonName: 'broker', names: ['127.0.0.1'] }));
    expect(await outcome(url.replace('localhost', '127.0.0.1'), { tls: { ca: authority.ca } })).toBe('connected');
    expect(await outcome(url, { tls: { ca: authority.ca } })).toMatchObject({ code: 'DIAL_FAILED' });
  });

  test('is not looked at only where the program says so by name', async () => {
    const url = await secureBroker(await localhost(await createAuthority()));
    expect(await outcome(url, { tls: { rejectUnauthorized: false } })).toBe('connected');
  });

  test('is checked again at every reconnect: a broker that changes to an unknown authority does not get the client back', async () => {
    const authority = await createAuthority();
    const broker = await startBroker({ tls: await localhost(authority) });
    const url = broker.url.replace('127.0.0.1', 'localhost');
    const client = await connect(url, { tls: { ca: authority.ca }, reconnect: () => 5 });
    onTestFinished(() => client.disconnect());
    const failed = new Promise((resolve) => {
      client.on('connectError', ({ error }) => {
        if (/certificate|self-signed|issuer/i.test(error.message)) resolve(error.code);
      });
    });
    await broker.close();
    const impostor = await startBroker({
      tls: await localhost(await createAuthority()),
      port: Number(new URL(url).port),
    });
    onTestFinished(() => impostor.close());
    expect(await failed).toBe('DIAL_FAILED');
    expect(impostor.clients).toEqual([]);
  });
});

describe('there is no silent downgrade', () => {
  test('mqtts to a plain listener fails', async () => {
    const broker = await startBroker();
    onTestFinished(() => broker.close());
    const url = broker.url.replace('mqtt:', 'mqtts:');
    expect(await outcome(url, { connectTimeoutMs: 2_000 })).not.toBe('connected');
    expect(broker.clients).toEqual([]);
  });

  test('mqtt to a TLS listener fails, and says nothing that could be read as success', async () => {
    const url = await secureBroker(await localhost(await createAuthority()));
    expect(await outcome(url.replace('mqtts:', 'mqtt:'), { connectTimeoutMs: 2_000 })).not.toBe('connected');
  });

  test.each(['mqtts', 'ssl', 'tls'])('%s: is TLS', async (scheme) => {
    const authority = await createAuthority();
    const url = await secureBroker(await localhost(authority));
    expect(await outcome(url.replace('mqtts', scheme), { tls: { ca: authority.ca } })).toBe('connected');
  });
});

describe('a client certificate', () => {
  test('lets the client in where the broker asks for one of its authority, and nobody without', async () => {
    const authority = await createAuthority();
    const url = await secureBroker({ ...(await localhost(authority)), ca: authority.ca, rejectUnauthorized: true });
    const own = await authority.issue({ commonName: 'sensor' });
    expect(await outcome(url, { tls: { ca: authority.ca, ...own } })).toBe('connected');
    expect(await outcome(url, { tls: { ca: authority.ca } })).not.toBe('connected');
    const stranger = await (await createAuthority()).issue({ commonName: 'sensor' });
    expect(await outcome(url, { tls: { ca: authority.ca, ...stranger } })).not.toBe('connected');
  });

  test("without its key, or with another's, is an error before anything is sent", async () => {
    const authority = await createAuthority();
    const url = await secureBroker(await localhost(authority));
    const { cert } = await authority.issue({ commonName: 'sensor' });
    const { key } = await authority.issue({ commonName: 'other' });
    for (const tls of [
      { ca: authority.ca, cert, key },
      { ca: authority.ca, cert: 'not a certificate', key },
    ]) {
      expect(await outcome(url, { tls })).toMatchObject({
        code: expect.stringMatching(/^(DIAL_FAILED|INVALID_OPTION)$/),
      });
    }
  });
});

describe.runIf(requireMosquitto())('Mosquitto with require_certificate', { timeout: 20_000 }, () => {
  test('takes a client with a certificate of its authority through every QoS, and no other', async () => {
    await using broker = await startMosquitto({ tls: 'clientCertificate' });
    const { ca } = broker.authority;
    const own = await broker.authority.issue({ commonName: 'sensor' });
    await smoke({ name: 'mtls', url: broker.tlsUrl, tls: { ca, ...own }, foreign: true });
    expect(await outcome(broker.tlsUrl, { tls: { ca } })).toMatchObject({
      code: expect.stringMatching(/^(DIAL_FAILED|CONNECTION_LOST)$/),
      message: expect.stringContaining('certificate'),
    });
    const expired = await broker.authority.issue({ commonName: 'sensor', expired: true });
    expect(await outcome(broker.tlsUrl, { tls: { ca, ...expired } })).not.toBe('connected');
  });
});
