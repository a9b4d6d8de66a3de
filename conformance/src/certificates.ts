// SPDX-License-Identifier: Apache-2.0
// Certificates for tests, made when the test starts: nothing expires in the repository and no key is committed.
//
// X.509 needs so little of DER here (RFC 5280 §4.1, P-256 keys, four extensions) that a library with its dozen
// dependencies would be the larger thing to read. OpenSSL, in Node and in Mosquitto, judges the result.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** A certificate and its private key, both PEM: what `node:tls` and Mosquitto's configuration take. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface IssueOptions {
  /** Subject common name. Mosquitto can use it as the user name of a client. */
  commonName: string;
  /** DNS names and IPv4 addresses it is valid for. [none: a client certificate] */
  names?: readonly string[];
  /** Ended yesterday. [false] */
  expired?: boolean;
}

/** A certificate authority that exists for one test. */
export interface TestAuthority {
  /** PEM. */
  readonly ca: string;
  issue(options: IssueOptions): TestCertificate;
}

/** Makes a new authority; two of them do not trust each other. */
export function createAuthority(commonName = 'mqttv5 test authority'): TestAuthority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = distinguishedName(commonName);
  const create = (subject: Uint8Array, publicKey: KeyObject, expired: boolean, extensions: Uint8Array[]): string =>
    certificate({ issuer, subject, publicKey, expired, extensions, signingKey: keys.privateKey });

  return {
    ca: create(issuer, keys.publicKey, false, [
      extension(OID.basicConstraints, true, sequence(boolean(true))),
      extension(OID.keyUsage, true, bitFlags(KEY_CERT_SIGN, 2)),
    ]),
    issue({ commonName: subjectName, names = [], expired = false }) {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const purpose = names.length > 0 ? OID.serverAuth : OID.clientAuth;
      const extensions = [
        extension(OID.basicConstraints, true, sequence()),
        extension(OID.keyUsage, true, bitFlags(DIGITAL_SIGNATURE, 7)),
        extension(OID.extendedKeyUsage, false, sequence(objectIdentifier(purpose))),
      ];
      if (names.length > 0) extensions.push(extension(OID.subjectAltName, false, sequence(...names.map(generalName))));
      return {
        cert: create(distinguishedName(subjectName), own.publicKey, expired, extensions),
        key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
    },
  };
}

const OID = {
  commonName: '2.5.4.3',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
} as const;

// RFC 5280 §4.2.1.3: bit 0 is the most significant one.
const DIGITAL_SIGNATURE = 0x80;
const KEY_CERT_SIGN = 0x04;

interface CertificateFields {
  issuer: Uint8Array;
  subject: Uint8Array;
  publicKey: KeyObject;
  signingKey: KeyObject;
  expired: boolean;
  extensions: readonly Uint8Array[];
}

/** RFC 5280 §4.1. */
function certificate({ issuer, subject, publicKey, signingKey, expired, extensions }: CertificateFields): string {
  const dayMs = 24 * 60 * 60 * 1000;
  // Yesterday and not now: clocks of containers differ, and an expired one must have been valid once.
  const notBefore = new Date(Date.now() - 2 * dayMs);
  const notAfter = new Date(Date.now() + (expired ? -dayMs : 30 * dayMs));
  const algorithm = sequence(objectIdentifier(OID.ecdsaWithSha256));
  const toBeSigned = sequence(
    der(0xa0, integer(Uint8Array.of(2))), // v3
    integer(Uint8Array.of(0x01, ...randomBytes(15))), // the leading byte keeps it positive
    algorithm,
    issuer,
    sequence(utcTime(notBefore), utcTime(notAfter)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', toBeSigned, signingKey);
  return pem('CERTIFICATE', sequence(toBeSigned, algorithm, bitString(signature)));
}

function distinguishedName(commonName: string): Uint8Array {
  const utf8String = der(0x0c, new TextEncoder().encode(commonName));
  return sequence(der(0x31, sequence(objectIdentifier(OID.commonName), utf8String)));
}

/** RFC 5280 §4.2.1.6: an address is compared as bytes, never as a DNS name. */
function generalName(name: string): Uint8Array {
  return /^\d+\.\d+\.\d+\.\d+$/.test(name)
    ? der(0x87, Uint8Array.from(name.split('.'), Number))
    : der(0x82, new TextEncoder().encode(name));
}

function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(objectIdentifier(id), ...(critical ? [boolean(true)] : []), der(0x04, value));
}

function sequence(...items: readonly Uint8Array[]): Uint8Array {
  return der(0x30, concatenate(items));
}

function boolean(value: boolean): Uint8Array {
  return der(0x01, Uint8Array.of(value ? 0xff : 0x00));
}

function integer(bytes: Uint8Array): Uint8Array {
  return der(0x02, bytes);
}

function bitString(bytes: Uint8Array): Uint8Array {
  return der(0x03, concatenate([Uint8Array.of(0), bytes]));
}

/** A one-byte BIT STRING of named flags; DER wants the unused bits counted. */
function bitFlags(flags: number, unusedBits: number): Uint8Array {
  return der(0x03, Uint8Array.of(unusedBits, flags));
}

function utcTime(date: Date): Uint8Array {
  const digits = date.toISOString().replaceAll(/[-:T]/g, '').slice(2, 14);
  return der(0x17, new TextEncoder().encode(`${digits}Z`));
}

function objectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let high = arc >>> 7; high > 0; high >>>= 7) groups.unshift((high & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Uint8Array.from(bytes));
}

function der(tag: number, content: Uint8Array): Uint8Array {
  const length = content.length;
  if (length < 0x80) return concatenate([Uint8Array.of(tag, length), content]);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return concatenate([Uint8Array.of(tag, 0x80 | bytes.length, ...bytes), content]);
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
