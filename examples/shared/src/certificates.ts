// SPDX-License-Identifier: Apache-2.0
//
// Certificates made when an example starts, so that no key is ever written down and nothing expires. X.509 needs so little of
// DER here (RFC 5280 §4.1, P-256 keys, four extensions) that it fits into this file. For examples: real ones come from an
// authority.

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A certificate and its private key, as PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateAuthority {
  /** What those who trust it need, as PEM. */
  readonly ca: string;
  /** With `hosts` (DNS names, IPv4 addresses) a server's certificate, without them a client's. */
  issue(commonName: string, hosts?: readonly string[]): Certificate;
}

export function createAuthority(commonName: string): CertificateAuthority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certify = (subject: string, publicKey: KeyObject, extensions: readonly Uint8Array[]): string =>
    certificate({ issuer: commonName, subject, publicKey, extensions, signingKey: keys.privateKey });
  return {
    ca: certify(commonName, keys.publicKey, [
      extension(BASIC_CONSTRAINTS, true, der(SEQUENCE, TRUE)),
      extension(KEY_USAGE, true, bits(0x04, 2)), // keyCertSign
    ]),
    issue(subject, hosts = []) {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const extensions = [
        extension(BASIC_CONSTRAINTS, true, der(SEQUENCE)),
        extension(KEY_USAGE, true, bits(0x80, 7)), // digitalSignature
        extension(EXTENDED_KEY_USAGE, false, der(SEQUENCE, identifier(hosts.length > 0 ? SERVER_AUTH : CLIENT_AUTH))),
      ];
      if (hosts.length > 0) extensions.push(extension(ALTERNATIVE_NAME, false, der(SEQUENCE, ...hosts.map(hostName))));
      return {
        cert: certify(subject, own.publicKey, extensions),
        key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
    },
  };
}

const SEQUENCE = 0x30;
const TRUE = Uint8Array.of(0x01, 0x01, 0xff);
const BASIC_CONSTRAINTS = '2.5.29.19';
const KEY_USAGE = '2.5.29.15';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const ALTERNATIVE_NAME = '2.5.29.17';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const DAY_MS = 24 * 60 * 60 * 1000;

interface Fields {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly signingKey: KeyObject;
  readonly extensions: readonly Uint8Array[];
}

function certificate({ issuer, subject, publicKey, signingKey, extensions }: Fields): string {
  const algorithm = der(SEQUENCE, identifier('1.2.840.10045.4.3.2')); // ecdsa-with-SHA256
  const toBeSigned = der(
    SEQUENCE,
    der(0xa0, der(0x02, Uint8Array.of(2))), // v3
    der(0x02, Uint8Array.of(0x01, ...randomBytes(15))), // the leading byte keeps it positive
    algorithm,
    name(issuer),
    // From yesterday: clocks of containers differ.
    der(SEQUENCE, time(Date.now() - DAY_MS), time(Date.now() + DAY_MS)),
    name(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(SEQUENCE, ...extensions)),
  );
  const signature = sign('sha256', toBeSigned, signingKey);
  const whole = Buffer.from(der(SEQUENCE, toBeSigned, algorithm, der(0x03, Uint8Array.of(0), signature)));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function name(commonName: string): Uint8Array {
  const value = der(0x0c, new TextEncoder().encode(commonName));
  return der(SEQUENCE, der(0x31, der(SEQUENCE, identifier('2.5.4.3'), value)));
}

/** An address is compared as bytes, never as a name (RFC 5280 §4.2.1.6). */
function hostName(host: string): Uint8Array {
  return /^\d+\.\d+\.\d+\.\d+$/.test(host)
    ? der(0x87, Uint8Array.from(host.split('.'), Number))
    : der(0x82, new TextEncoder().encode(host));
}

function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return der(SEQUENCE, identifier(id), ...(critical ? [TRUE] : []), der(0x04, value));
}

function bits(flags: number, unused: number): Uint8Array {
  return der(0x03, Uint8Array.of(unused, flags));
}

function time(ms: number): Uint8Array {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14);
  return der(0x17, new TextEncoder().encode(`${digits}Z`));
}

function identifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let high = arc >>> 7; high > 0; high >>>= 7) groups.unshift((high & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Uint8Array.from(bytes));
}

function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  const length: number[] = [];
  for (let rest = content.length; rest > 0; rest >>>= 8) length.unshift(rest & 0xff);
  const header = content.length < 0x80 ? [content.length] : [0x80 | length.length, ...length];
  return Buffer.concat([Uint8Array.of(tag, ...header), content]);
}
