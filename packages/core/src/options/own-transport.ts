// SPDX-License-Identifier: Apache-2.0
//
// What core's own transport takes, which is TCP, TLS and Unix domain sockets. Where there is none package.json puts
// `own-transport-browser.ts` in its place.

import { isBytes } from '@mqttv5/wire/client-side';
import type { TlsOptions } from '../api/options.ts';
import { checkBoolean, checkOptions, invalidOption, mustBe } from './check.ts';
import { oneOf, resolveOptions } from './rules.ts';
import type { Rules } from './rules.ts';

/** Why a client without `dial` cannot connect to an address that is not TCP's or TLS's; undefined when it can. */
export function schemeProblem(url: URL): string | undefined {
  switch (url.protocol) {
    case 'mqtt+unix:':
      if (url.host !== '') return 'a Unix socket is written mqtt+unix:/absolute/path';
      if (!url.pathname.startsWith('/') || url.pathname === '/') return 'the path of the socket is missing';
      return isDecodable(url.pathname) ? undefined : 'the path of the socket is not percent-encoded UTF-8';
    case 'ws:':
    case 'wss:':
      return 'WebSocket needs `dial: webSocketDial()` of @mqttv5/transport-ws';
    default:
      return `unknown scheme "${url.protocol.slice(0, -1)}"; known are mqtt, tcp, mqtts, ssl, tls and mqtt+unix`;
  }
}

/** As the path of a file, in which there is no NUL. */
function isDecodable(path: string): boolean {
  try {
    return !decodeURIComponent(path).includes('\0');
  } catch {
    return false;
  }
}

const RULES: Rules<TlsOptions, TlsOptions> = {
  ca: checkCertificates,
  cert: checkCertificates,
  key: checkPem,
  pfx: checkPem,
  passphrase: checkText,
  servername: checkText,
  alpnProtocols: checkProtocols,
  minVersion: oneOf('TLSv1.2', 'TLSv1.3'),
  ciphers: checkText,
  rejectUnauthorized: checkBoolean,
};

/**
 * TLS settings, checked for shape; what a certificate is worth shows in the handshake. An unknown key is refused rather than
 * ignored, since it may be the one that was to make the connection safe.
 *
 * @throws MqttError `INVALID_OPTION`
 */
export function resolveTlsOptions(tls: TlsOptions): TlsOptions {
  checkOptions(tls, 'tls', Object.keys(RULES));
  return Object.freeze(resolveOptions<TlsOptions, TlsOptions>(tls, RULES, {}, (key) => `tls.${key}`));
}

type Pem = string | Uint8Array;

function checkCertificates(value: Pem | readonly Pem[], name: string): Pem | readonly Pem[] {
  if (typeof value === 'string' || isBytes(value)) return value;
  if (Array.isArray(value)) return Object.freeze(value.map((each: Pem, index) => checkPem(each, `${name}[${index}]`)));
  throw mustBe(name, 'a string, a Uint8Array or an array of them', value);
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
  throw mustBe('tls.alpnProtocols', 'an array of strings', value);
}
