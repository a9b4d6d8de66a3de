// SPDX-License-Identifier: Apache-2.0
//
// Certificates for tests and examples, made when the program starts: nothing expires in the repository and no key is
// committed.

// What the library asks for; it has to come first.
import 'reflect-metadata';

import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';

/** A certificate and its private key, both PEM: what `node:tls` and Mosquitto's configuration take. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  /** Subject common name. Mosquitto can use it as the user name of a client. */
  readonly commonName: string;
  /** DNS names and IP addresses it is valid for. [none: a client's certificate] */
  readonly names?: readonly string[];
  /** Ended yesterday. [false] */
  readonly expired?: boolean;
}

/** Signs for whoever trusts it. Two of them do not trust each other. */
export interface CertificateAuthority {
  /** What those who trust it need, as PEM. */
  readonly ca: string;
  issue(request: CertificateRequest): Promise<Certificate>;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const KEYS = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNATURES = { name: 'ECDSA', hash: 'SHA-256' } as const;

export async function createAuthority(commonName = 'mqttv5 test authority'): Promise<CertificateAuthority> {
  const keys = await newKeys();
  const ca = await certify({ commonName }, keys, { commonName, keys }, [
    new BasicConstraintsExtension(true, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
  ]);
  return { ca, issue: async (request) => await issue(request, { commonName, keys }) };
}

/** One that nobody has signed but its owner. */
export async function selfSigned(request: CertificateRequest): Promise<Certificate> {
  return await issue(request, undefined);
}

interface Signer {
  readonly commonName: string;
  readonly keys: Keys;
}

type Keys = Pick<webcrypto.CryptoKeyPair, 'publicKey' | 'privateKey'>;

async function newKeys(): Promise<Keys> {
  return await crypto.subtle.generateKey(KEYS, true, ['sign', 'verify']);
}

async function issue(request: CertificateRequest, signer: Signer | undefined): Promise<Certificate> {
  const { names = [] } = request;
  const keys = await newKeys();
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([names.length > 0 ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth]),
  ];
  const alternatives = names.map((value) => ({ type: isIP(value) > 0 ? ('ip' as const) : ('dns' as const), value }));
  if (alternatives.length > 0) extensions.push(new SubjectAlternativeNameExtension(alternatives));
  return {
    cert: await certify(request, keys, signer ?? { commonName: request.commonName, keys }, extensions),
    key: PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY'),
  };
}

async function certify(
  { commonName, expired = false }: CertificateRequest,
  { publicKey }: Keys,
  signer: Signer,
  extensions: Extension[],
): Promise<string> {
  const certificate = await X509CertificateGenerator.create({
    subject: distinguishedName(commonName),
    publicKey,
    issuer: distinguishedName(signer.commonName),
    signingKey: signer.keys.privateKey,
    signingAlgorithm: SIGNATURES,
    // Yesterday and not now: clocks of containers differ, and an expired one must have been valid once.
    notBefore: new Date(Date.now() - 2 * DAY_MS),
    notAfter: new Date(Date.now() + (expired ? -DAY_MS : 30 * DAY_MS)),
    extensions,
  });
  return `${certificate.toString('pem')}\n`;
}

/** RFC 4514 §2.4: quoted, so that no character of it means anything. */
function distinguishedName(commonName: string): string {
  return `CN="${commonName}"`;
}
