// SPDX-License-Identifier: Apache-2.0

import type { TlsOptions } from '../api/options.ts';
import { checkBoolean, checkKnownKeys, checkObject, checkOneOf, invalidOption, isBytes, shown } from './check.ts';

const TLS_KEYS: Readonly<Record<keyof TlsOptions, true>> = {
  ca: true,
  cert: true,
  key: true,
  pfx: true,
  passphrase: true,
  servername: true,
  alpnProtocols: true,
  minVersion: true,
  ciphers: true,
  rejectUnauthorized: true,
};
const KNOWN_KEYS: ReadonlySet<string> = new Set(Object.keys(TLS_KEYS));

/**
 * TLS settings, checked for shape; what a certificate is worth shows in the handshake. An unknown key is refused rather than
 * ignored, since it may be the one that was to make the connection safe.
 *
 * @throws MqttError `INVALID_OPTION`
 */
export function resolveTlsOptions(tls: TlsOptions): TlsOptions {
  checkObject(tls, 'tls');
  checkKnownKeys(tls, KNOWN_KEYS, 'tls');
  const resolved: TlsOptions = {};
  if (tls.ca !== undefined) resolved.ca = checkCertificates(tls.ca, 'tls.ca');
  if (tls.cert !== undefined) resolved.cert = checkCertificates(tls.cert, 'tls.cert');
  if (tls.key !== undefined) resolved.key = checkPem(tls.key, 'tls.key');
  if (tls.pfx !== undefined) resolved.pfx = checkPem(tls.pfx, 'tls.pfx');
  if (tls.passphrase !== undefined) resolved.passphrase = checkText(tls.passphrase, 'tls.passphrase');
  if (tls.servername !== undefined) resolved.servername = checkText(tls.servername, 'tls.servername');
  if (tls.alpnProtocols !== undefined) resolved.alpnProtocols = checkProtocols(tls.alpnProtocols);
  if (tls.minVersion !== undefined) {
    resolved.minVersion = checkOneOf(tls.minVersion, 'tls.minVersion', ['TLSv1.2', 'TLSv1.3']);
  }
  if (tls.ciphers !== undefined) resolved.ciphers = checkText(tls.ciphers, 'tls.ciphers');
  if (tls.rejectUnauthorized !== undefined) {
    resolved.rejectUnauthorized = checkBoolean(tls.rejectUnauthorized, 'tls.rejectUnauthorized');
  }
  return Object.freeze(resolved);
}

type Pem = string | Uint8Array;

function checkCertificates(value: Pem | readonly Pem[], name: string): Pem | readonly Pem[] {
  if (typeof value === 'string' || isBytes(value)) return value;
  if (Array.isArray(value)) return Object.freeze(value.map((each: Pem, index) => checkPem(each, `${name}[${index}]`)));
  throw invalidOption(`${name} must be a string, a Uint8Array or an array of them, not ${shown(value)}`);
}

// None of these shows the value: half of them are secrets.
function checkPem(value: Pem, name: string): Pem {
  if (typeof value === 'string' || isBytes(value)) return value;
  throw invalidOption(`${name} must be a string or a Uint8Array, not a value of type ${typeof value}`);
}

function checkText(value: string, name: string): string {
  if (typeof value === 'string') return value;
  throw invalidOption(`${name} must be a string, not a value of type ${typeof value}`);
}

function checkProtocols(value: readonly string[]): readonly string[] {
  if (Array.isArray(value))
    return Object.freeze(value.map((each: string, index) => checkText(each, `tls.alpnProtocols[${index}]`)));
  throw invalidOption(`tls.alpnProtocols must be an array of strings, not ${shown(value)}`);
}
