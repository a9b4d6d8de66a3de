// SPDX-License-Identifier: Apache-2.0
//
// Broker addresses: what a user may write, what a broker may redirect to, and how an address is printed.
//
// A parsed address never holds user info. The credentials stand beside it, so that no event, error or log can show them.

import { schemeProblem } from '#own-transport';
import type { Brokers } from './api/common.ts';
import { mqttError } from './errors.ts';
import type { PlainMqttError } from './errors.ts';

/** A broker of the list: an address without user info, and the credentials that were in it, percent-decoded. */
export interface BrokerAddress {
  /** A `URL` is made of it where one is needed: each takes 300 bytes, and whoever gets one can change it. */
  readonly href: string;
  /** As it may be printed, and what tells one broker from another. */
  readonly shown: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** Schemes over TCP and TLS with their IANA ports; `mqtt`/`mqtts` are what the industry writes, the others its aliases. */
const TCP_PORTS: ReadonlyMap<string, string> = new Map([
  ['mqtt:', '1883'],
  ['tcp:', '1883'],
  ['mqtts:', '8883'],
  ['ssl:', '8883'],
  ['tls:', '8883'],
]);
const UNIX_SCHEME = 'mqtt+unix:';
const SECURE_SCHEMES: ReadonlySet<string> = new Set(['mqtts:', 'ssl:', 'tls:', 'wss:']);
const WEB_SOCKET_SCHEMES: ReadonlySet<string> = new Set(['ws:', 'wss:']);

/** Whether the scheme asks for TLS. */
function isSecureScheme(url: URL): boolean {
  return SECURE_SCHEMES.has(url.protocol);
}

/** Whether the address is a Unix domain socket. */
function isUnixScheme(url: URL): boolean {
  return url.protocol === UNIX_SCHEME;
}

/**
 * The broker list of `brokers`, at least one long.
 *
 * `hasDial`: a `dial` of the user's decides which schemes exist, so only the syntax is checked.
 *
 * @throws MqttError `MISSING_BROKER`, `INVALID_BROKER_URL`, `INVALID_OPTION` (neither string nor URL)
 */
export function parseBrokers(brokers: Brokers | undefined, hasDial: boolean): readonly BrokerAddress[] {
  const list: unknown = brokers;
  if (list === undefined || list === null || list === '') throw missingBroker();
  const entries: readonly unknown[] = Array.isArray(list) ? list : [list];
  if (entries.length === 0) throw missingBroker();
  return Object.freeze(entries.map((entry) => parseBroker(entry, hasDial)));
}

/**
 * The usable servers of a Server Reference, in its order (§4.11, §3.2.2.3.16).
 *
 * A bare `host` or `host:port` keeps the scheme and the path of `current`; a whole URL must use the same kind of
 * transport, and never plain text where `current` has TLS. Left out: `mqtt+unix`, anything with user info, empty and
 * path-only references, and whatever does not parse.
 */
export function resolveServerReferences(reference: string | undefined, current: URL): readonly URL[] {
  if (reference === undefined || isUnixScheme(current)) return [];
  const targets: URL[] = [];
  for (const each of reference.split(/\s+/)) {
    const target = each === '' || each.includes('@') ? undefined : resolveReference(each, current);
    if (target !== undefined) targets.push(target);
  }
  return targets;
}

/**
 * An address as it may be printed: no user info, and no query, where WebSocket brokers put tokens. Also takes what does
 * not parse.
 */
export function redactUrl(url: URL | string): string {
  const parsed = typeof url === 'string' ? tryParse(url) : url;
  // Most have nothing to hide, and then a thousand clients hold no second text each.
  if (parsed !== undefined && parsed.host !== '' && !/[@?#]/.test(parsed.href)) return parsed.href;
  if (parsed === undefined || (parsed.host === '' && parsed.protocol !== UNIX_SCHEME)) {
    // Nothing here can be trusted to be where it belongs: everything up to the last @ may be a password.
    const text = String(url).replace(/[?#].*$/s, '?…');
    const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0] ?? '';
    return text.includes('@') ? `${scheme}${text.slice(text.lastIndexOf('@') + 1)}` : text;
  }
  return `${parsed.protocol}${parsed.host === '' ? '' : `//${parsed.host}`}${parsed.pathname}${parsed.search === '' ? '' : '?…'}`;
}

function parseBroker(entry: unknown, hasDial: boolean): BrokerAddress {
  if (typeof entry !== 'string' && !isUrl(entry)) {
    throw mqttError(
      'INVALID_OPTION',
      `A broker must be a string or a URL, not ${entry === null ? 'null' : `a value of type ${typeof entry}`}`,
    );
  }
  // A copy in either case: the caller's URL object stays as it is.
  const text = typeof entry === 'string' ? entry.trim() : entry.href;
  const url = tryParse(text);
  if (url === undefined || /^\d{1,5}(?:[/?#]|$)/.test(url.pathname)) throw withoutScheme(text);
  // `user:password@host`: what looks like a scheme is a user name, and must not be shown as one.
  if (!hasDial && /^[^/]*@/.test(url.pathname)) throw withoutScheme(text);

  const username = decodeCredential(url.username, text);
  const password = decodeCredential(url.password, text);
  // Each assignment makes Node parse the whole anew, also one of the same value.
  if (url.username !== '') url.username = '';
  if (url.password !== '') url.password = '';
  if (url.href.includes('#')) url.hash = '';
  checkScheme(url, text, hasDial);
  return brokerAddress(url, username, password);
}

export function brokerAddress(url: URL, username: string | undefined, password: string | undefined): BrokerAddress {
  return Object.freeze({ href: url.href, shown: redactUrl(url), username, password });
}

function checkScheme(url: URL, text: string, hasDial: boolean): void {
  const defaultPort = TCP_PORTS.get(url.protocol);
  if (defaultPort !== undefined) {
    completeHost(url, text, defaultPort);
    return;
  }
  const problem = hasDial ? undefined : schemeProblem(url);
  if (problem !== undefined) throw invalidUrl(text, problem);
}

/**
 * Fills in the port and brings the host into the form that names resolve by. To the URL standard `mqtt:` is a scheme like
 * any other, whose host it neither lower-cases nor checks; `http:` has the rules of the network.
 */
function completeHost(url: URL, text: string, defaultPort: string): void {
  if (url.hostname === '') throw invalidUrl(text, 'the host is missing');
  const host = tryParse(`http://${url.hostname}/`)?.hostname;
  if (host === undefined || host === '') throw invalidUrl(text, 'the host is not valid');
  if (url.hostname !== host) url.hostname = host;
  if (url.port === '0') throw invalidUrl(text, 'port 0 cannot be connected to');
  if (url.port === '') url.port = defaultPort;
}

function resolveReference(reference: string, current: URL): URL | undefined {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(reference)) {
    const target = tryParse(reference);
    if (target === undefined || !sameTransport(target, current)) return undefined;
    if (isSecureScheme(current) && !isSecureScheme(target)) return undefined;
    return completed(target, reference);
  }
  // §4.11 shows `[2001:db8::1]:8883`; an address with several colons and no brackets can only be a whole IPv6 address.
  const host = reference.includes('[') || (reference.match(/:/g)?.length ?? 0) < 2 ? reference : `[${reference}]`;
  if (!/^(?:\[[0-9a-f:.]+\]|[^\s/?#:[\]\\]+)(?::\d{1,5})?$/i.test(host)) return undefined;
  const target = tryParse(`${current.protocol}//${host}${current.pathname}`);
  return target === undefined ? undefined : completed(target, reference);
}

function completed(target: URL, reference: string): URL | undefined {
  target.hash = '';
  const defaultPort = TCP_PORTS.get(target.protocol);
  if (target.hostname === '') return undefined;
  if (defaultPort === undefined) return target;
  try {
    completeHost(target, reference, defaultPort);
  } catch {
    // One unusable reference must not cost the usable ones behind it.
    return undefined;
  }
  return target;
}

function sameTransport(target: URL, current: URL): boolean {
  if (TCP_PORTS.has(current.protocol)) return TCP_PORTS.has(target.protocol);
  if (WEB_SOCKET_SCHEMES.has(current.protocol)) return WEB_SOCKET_SCHEMES.has(target.protocol);
  return target.protocol === current.protocol;
}

function decodeCredential(encoded: string, text: string): string | undefined {
  if (encoded === '') return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    // Without the cause: the message of a URIError may one day quote what it could not decode.
    throw invalidUrl(text, 'its user name or password is not percent-encoded UTF-8');
  }
}

function withoutScheme(text: string): PlainMqttError {
  const shown = redactUrl(text);
  // Something that would do as a host, perhaps with a port: the scheme is what is missing.
  const looksLikeHost = /^[\w.-]+(?::\d{1,5})?(?:[/?].*)?$|^\[[0-9a-f:.]+\](?::\d{1,5})?$/i.test(shown);
  return invalidUrl(
    text,
    looksLikeHost ? `the scheme is missing; did you mean "mqtt://${shown}"?` : 'it does not parse',
  );
}

function invalidUrl(text: string, why: string): PlainMqttError {
  return mqttError('INVALID_BROKER_URL', `Broker URL "${redactUrl(text)}": ${why}`);
}

export function missingBroker(): PlainMqttError {
  return mqttError('MISSING_BROKER', 'No broker: `brokers` needs at least one URL, such as "mqtt://localhost:1883"');
}

/** Structural, since a URL may come from another realm. */
function isUrl(value: unknown): value is URL {
  return (
    typeof value === 'object' &&
    value !== null &&
    'href' in value &&
    typeof value.href === 'string' &&
    'protocol' in value
  );
}

function tryParse(text: string): URL | undefined {
  // Not canParse first: it parses as the constructor does, and nearly every address is a good one.
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
