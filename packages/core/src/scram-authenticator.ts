// SPDX-License-Identifier: Apache-2.0
//
// SCRAM (RFC 5802, RFC 7677) as an MQTT Authenticator (§4.12). Neither side ever sends the password, and each proves to the other
// that it knows it:
//
//   CONNECT       n,,n=user,r=C                client-first
//   AUTH 0x18     r=CS,s=salt,i=iterations     server-first
//   AUTH 0x18     c=biws,r=CS,p=proof          client-final
//   CONNACK       v=signature                  server-final (AUTH 0x00 when authenticating again)

import type { Bytes } from '@mqttv5/wire';

import type { Authenticator } from './api/connect.ts';
import { mqttError } from './errors.ts';
import type { PlainMqttError } from './errors.ts';
import { checkObject, checkOneOf, checkOptions, invalidOption } from './options/check.ts';
import { saslprep } from './saslprep.ts';

/** Who logs in, and with which of the three registered hash functions. */
export interface ScramOptions {
  /** Both are normalised with SASLprep (RFC 4013). */
  username: string;
  /** Never sent, and never part of an error or a log. */
  password: string;
  /** Part of the method name the broker knows: `SCRAM-SHA-256` and so on. */
  hash: 'SHA-1' | 'SHA-256' | 'SHA-512';
}

const KNOWN_KEYS: readonly (keyof ScramOptions)[] = ['username', 'password', 'hash'];

/** Bits of each hash, which is also the length of the salted password (RFC 5802 §2.2, Hi). */
const HASH_BITS = { 'SHA-1': 160, 'SHA-256': 256, 'SHA-512': 512 } as const;

/** RFC 7677 §4. A broker that asks for less may be somebody who wants to try passwords afterwards. */
const MINIMUM_ITERATIONS = 4096;

/** A few seconds of work on a small machine; without a bound a broker could keep a client busy for days. */
const MAXIMUM_ITERATIONS = 10_000_000;

/** Exchanges that have begun and not ended: those of pool members that connect at once, and of attempts that were cut off. */
const MAXIMUM_PENDING = 64;

/** No channel binding: `n,,` in base64 (RFC 5802 §7). */
const GS2_HEADER = 'n,,';
const CHANNEL_BINDING = 'biws';

/**
 * Password authentication that neither shows the password to the broker nor trusts a broker that does not know it.
 *
 * Uses Web Crypto (`globalThis.crypto.subtle`), which browsers have on secure pages only. One authenticator may serve several
 * connections, one after the other or at once, and re-authentication.
 *
 * @throws MqttError `INVALID_OPTION` for unknown options and for a name or password that SASLprep prohibits; from the exchange
 * `AUTH_FAILED`, in particular when the broker's own proof is missing or wrong
 * @see MQTT v5.0 §4.12; RFC 5802; RFC 7677
 */
export function scramAuthenticator(options: ScramOptions): Authenticator {
  return createScramAuthenticator(options, randomNonce);
}

/** With a nonce of the caller's, for the examples of the RFCs. @internal */
export function createScramAuthenticator(options: ScramOptions, nonce: () => string): Authenticator {
  checkObject(options, 'scramAuthenticator options');
  checkOptions(options, 'scramAuthenticator', KNOWN_KEYS);
  const hash = checkOneOf(options.hash, 'hash', ['SHA-1', 'SHA-256', 'SHA-512']);
  const username = saslprep(checkText(options.username, 'username'), 'username');
  const password = saslprep(checkText(options.password, 'password'), 'password');
  return new ScramAuthenticator(hash, username, password, nonce);
}

/** One exchange: what was said so far, then the signature the broker has to answer with. */
interface Exchange {
  /** The same in every step of one exchange. */
  readonly signal: AbortSignal;
  readonly nonce: string;
  readonly clientFirstBare: string;
  serverSignature: Uint8Array | undefined;
}

class ScramAuthenticator implements Authenticator {
  readonly method: string;
  readonly #hash: keyof typeof HASH_BITS;
  readonly #username: string;
  readonly #password: string;
  readonly #makeNonce: () => string;
  /**
   * Oldest first. The broker's challenge names the exchange it belongs to by its nonce, so connections that authenticate at
   * the same time do not mix. Its signature proves it on one connection only: whoever has passed on the messages of another
   * one knows a right signature, and not the password.
   */
  readonly #pending: Set<Exchange> = new Set();

  constructor(hash: keyof typeof HASH_BITS, username: string, password: string, makeNonce: () => string) {
    this.method = `SCRAM-${hash}`;
    this.#hash = hash;
    this.#username = username;
    this.#password = password;
    this.#makeNonce = makeNonce;
  }

  begin({ signal }: { signal: AbortSignal }): Uint8Array {
    const nonce = this.#makeNonce();
    const name = this.#username.replaceAll('=', '=3D').replaceAll(',', '=2C');
    const exchange: Exchange = { signal, nonce, clientFirstBare: `n=${name},r=${nonce}`, serverSignature: undefined };
    this.#pending.add(exchange);
    for (const oldest of this.#pending) {
      if (this.#pending.size <= MAXIMUM_PENDING) break;
      this.#pending.delete(oldest);
    }
    return encodeText(`${GS2_HEADER}${exchange.clientFirstBare}`);
  }

  async continue(data: Bytes | undefined): Promise<Uint8Array | undefined> {
    const message = decodeText(data);
    const server = parseServerFirst(message);
    const exchange = this.#find((each) => each.serverSignature === undefined && server.nonce.startsWith(each.nonce));
    // RFC 5802 §5.1: the broker has to add to our nonce, else it could replay an old answer.
    if (exchange === undefined || server.nonce.length <= exchange.nonce.length) {
      throw authFailed('the broker answered with a nonce that is not ours');
    }
    const withoutProof = `c=${CHANNEL_BINDING},r=${server.nonce}`;
    const authMessage = encodeText(`${exchange.clientFirstBare},${message},${withoutProof}`);
    const { proof, serverSignature } = await this.#sign(server, authMessage);
    exchange.serverSignature = serverSignature;
    return encodeText(`${withoutProof},p=${encodeBase64(proof)}`);
  }

  verifyServerFinal(data: Bytes | undefined, options?: { signal: AbortSignal }): void {
    if (data === undefined || data.length === 0)
      throw authFailed('the broker did not prove that it knows the password');
    const [attribute = ''] = decodeText(data).split(',');
    if (attribute.startsWith('e=')) throw authFailed(`the broker says "${attribute.slice(2, 80)}"`);
    const signature = attribute.startsWith('v=') ? decodeBase64(attribute.slice(2)) : undefined;
    if (signature === undefined) throw authFailed('the last message of the broker is not one of SCRAM');
    const exchange = this.#find(
      (each) =>
        (options === undefined || options.signal === each.signal) &&
        each.serverSignature !== undefined &&
        equalBytes(each.serverSignature, signature),
    );
    if (exchange === undefined) throw authFailed('the broker does not know the password: its signature is wrong');
    this.#pending.delete(exchange);
  }

  #find(matches: (exchange: Exchange) => boolean): Exchange | undefined {
    for (const exchange of this.#pending) {
      if (matches(exchange)) return exchange;
    }
    return undefined;
  }

  /** RFC 5802 §3: the two proofs. */
  async #sign(server: ServerFirst, authMessage: Uint8Array<ArrayBuffer>) {
    const subtle = webCrypto();
    const saltedPassword = await this.#hi(subtle, server);
    const clientKey = await this.#hmac(subtle, saltedPassword, encodeText('Client Key'));
    const storedKey = new Uint8Array(await subtle.digest(this.#hash, clientKey));
    const clientSignature = await this.#hmac(subtle, storedKey, authMessage);
    const serverKey = await this.#hmac(subtle, saltedPassword, encodeText('Server Key'));
    return {
      proof: clientKey.map((byte, index) => byte ^ (clientSignature[index] ?? 0)),
      serverSignature: await this.#hmac(subtle, serverKey, authMessage),
    };
  }

  /** `Hi`, which is PBKDF2 with the length of the hash. */
  async #hi(subtle: SubtleCrypto, { salt, iterations }: ServerFirst): Promise<Uint8Array<ArrayBuffer>> {
    const key = await subtle.importKey('raw', encodeText(this.#password), 'PBKDF2', false, ['deriveBits']);
    const parameters = { name: 'PBKDF2', hash: this.#hash, salt, iterations };
    return new Uint8Array(await subtle.deriveBits(parameters, key, HASH_BITS[this.#hash]));
  }

  async #hmac(
    subtle: SubtleCrypto,
    key: Uint8Array<ArrayBuffer>,
    message: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const hmacKey = await subtle.importKey('raw', key, { name: 'HMAC', hash: this.#hash }, false, ['sign']);
    return new Uint8Array(await subtle.sign('HMAC', hmacKey, message));
  }
}

type SubtleCrypto = typeof globalThis.crypto.subtle;

interface ServerFirst {
  readonly nonce: string;
  readonly salt: Uint8Array<ArrayBuffer>;
  readonly iterations: number;
}

/** `r=nonce,s=salt,i=iterations`, then extensions, which RFC 5802 §5.1 lets a client ignore unless they are mandatory. */
function parseServerFirst(message: string): ServerFirst {
  if (message.startsWith('m=')) throw authFailed('the broker asks for a SCRAM extension this client does not have');
  const match = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9]\d{0,9})(?:,|$)/.exec(message);
  const [, nonce, encodedSalt, count] = match ?? [];
  const salt = encodedSalt === undefined ? undefined : decodeBase64(encodedSalt);
  if (nonce === undefined || salt === undefined)
    throw authFailed('the first message of the broker is not one of SCRAM');
  const iterations = Number(count);
  if (iterations < MINIMUM_ITERATIONS || iterations > MAXIMUM_ITERATIONS) {
    throw authFailed(
      `the broker asks for ${iterations} iterations; allowed are ${MINIMUM_ITERATIONS} to ${MAXIMUM_ITERATIONS}`,
    );
  }
  return { nonce, salt, iterations };
}

function webCrypto(): SubtleCrypto {
  // Typed as always there; on an http: page it is not.
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  if (subtle === undefined)
    throw authFailed('there is no Web Crypto here; browsers have it on secure (https:) pages only');
  return subtle;
}

/** 144 random bits in printable characters without a comma (RFC 5802 §5.1). */
function randomNonce(): string {
  return encodeBase64(globalThis.crypto.getRandomValues(new Uint8Array(18)));
}

function checkText(value: unknown, name: string): string {
  if (typeof value !== 'string') throw invalidOption(`${name} must be a string`);
  return value;
}

function encodeText(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function decodeText(data: Uint8Array | undefined): string {
  if (data === undefined) throw authFailed('the broker sent no authentication data');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  } catch (cause) {
    throw authFailed('the authentication data of the broker is not UTF-8', cause);
  }
}

function encodeBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  // `atob` also takes white space and missing padding.
  if (text === '' || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** In constant time, so that a wrong signature cannot be improved byte by byte. */
function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (const [index, byte] of a.entries()) difference |= byte ^ (b[index] ?? 0);
  return difference === 0;
}

function authFailed(why: string, cause?: unknown): PlainMqttError {
  return mqttError('AUTH_FAILED', `SCRAM authentication failed: ${why}`, cause === undefined ? undefined : { cause });
}
