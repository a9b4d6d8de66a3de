// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { createAuthority } from './certificates.ts';
import type { CertificateAuthority, CertificateRequest } from './certificates.ts';

const server = { commonName: 'server', names: ['localhost', '127.0.0.1'] };

/** One handshake on loopback. Resolves to the common name of the client as the server saw it. */
async function handshake(
  serverOptions: CertificateRequest,
  clientOptions: (authority: CertificateAuthority) => ConnectionOptions | Promise<ConnectionOptions>,
): Promise<string | undefined> {
  const authority = await createAuthority();
  const issued = await authority.issue(serverOptions);
  const listener = createServer({ ...issued, ca: authority.ca, requestCert: true, rejectUnauthorized: false });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  // A TCP listener has an address object.
  const { port } = listener.address() as AddressInfo;
  const accepted = once(listener, 'secureConnection') as Promise<[TLSSocket]>;
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ...(await clientOptions(authority)) });
  try {
    await once(socket, 'secureConnect');
    const [peer] = await accepted;
    const subject = peer.authorized ? peer.getPeerCertificate().subject.CN : undefined;
    return Array.isArray(subject) ? subject[0] : subject;
  } finally {
    accepted.catch(() => undefined);
    socket.destroy();
    listener.close();
  }
}

test('OpenSSL reads every field', async () => {
  const authority = await createAuthority('an authority');
  const ca = new X509Certificate(authority.ca);
  const issued = new X509Certificate((await authority.issue(server)).cert);
  expect(ca.ca).toBe(true);
  expect(ca.subject).toBe('CN=an authority');
  expect(issued.ca).toBe(false);
  expect(issued.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1');
  expect(issued.checkIssued(ca)).toBe(true);
  expect(issued.verify(ca.publicKey)).toBe(true);
  expect(issued.checkHost('localhost')).toBe('localhost');
  expect(issued.checkIP('127.0.0.1')).toBe('127.0.0.1');
});

test('server and client verify each other over TLS', async () => {
  const seen = await handshake(server, async (authority) => ({
    ca: authority.ca,
    ...(await authority.issue({ commonName: 'device-1' })),
  }));
  expect(seen).toBe('device-1');
});

test('another authority is not trusted', async () => {
  const attempt = handshake(server, async () => ({ ca: (await createAuthority()).ca }));
  await expect(attempt).rejects.toMatchObject({
    code: expect.stringMatching(/UNABLE_TO_VERIFY|SELF_SIGNED|SIGNATURE/),
  });
});

test('an expired certificate is refused as expired', async () => {
  const attempt = handshake({ ...server, expired: true }, ({ ca }) => ({ ca }));
  await expect(attempt).rejects.toMatchObject({ code: 'CERT_HAS_EXPIRED' });
});

test('a certificate for another host is refused for its name', async () => {
  const attempt = handshake({ commonName: 'server', names: ['elsewhere.example'] }, ({ ca }) => ({ ca }));
  await expect(attempt).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
});
