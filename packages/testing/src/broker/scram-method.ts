// SPDX-License-Identifier: Apache-2.0
//
// SCRAM from the broker's side (RFC 5802, RFC 7677), for `enhancedAuth`: the password never crosses the wire, and each
// side proves to the other that it knows it. For tests: passwords are kept as they were given.
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { ReasonCode } from '@mqttv5/wire';
import { assertKnownKeys, invalidOption } from '../errors.ts';
import type { BrokerAuthMethod, BrokerAuthStep } from './api.ts';

/** What {@link scramMethod} takes. */
export interface ScramMethodOptions {
  /** Passwords by user name. */
  users: Readonly<Record<string, string>>;
  /** Has to be the one the method is named after: `SCRAM-SHA-256` and so on. */
  hash: 'SHA-1' | 'SHA-256' | 'SHA-512';
  /**
   * Rounds of PBKDF2. Below 4096 clients refuse, rightly (RFC 7677 §4).
   * @defaultValue 4096
   */
  iterations?: number | undefined;
}

/** What the exchange remembers between the client's two messages. */
interface ScramState {
  readonly password: string | undefined;
  readonly salt: Uint8Array;
  readonly nonce: string;
  readonly header: string;
  /** client-first-bare and server-first, as signed. */
  readonly said: string;
}

/**
 * A SCRAM server, to test clients that use `scramAuthenticator` or another implementation. An unknown user and a wrong
 * password are refused alike, with 0x87, after the same exchange.
 *
 * User names and passwords are normalised with NFKC, which is what SASLprep makes of nearly all of them.
 *
 * @throws TestingError `INVALID_OPTION`
 * @see MQTT v5.0 §4.12; RFC 5802; RFC 7677
 *
 * @example
 * ```ts
 * const broker = await startBroker({
 *   enhancedAuth: { 'SCRAM-SHA-256': scramMethod({ hash: 'SHA-256', users: { ann: 'secret' } }) },
 * });
 * const authenticator = scramAuthenticator({ hash: 'SHA-256', username: 'ann', password: 'secret' });
 * const client = await connect(broker.url, { authenticator });
 * ```
 */
export function scramMethod(options: ScramMethodOptions): BrokerAuthMethod {
  assertKnownKeys('scramMethod', options, ['users', 'hash', 'iterations']);
  const { users, hash, iterations = 4096 } = options;
  if (!['SHA-1', 'SHA-256', 'SHA-512'].includes(hash)) {
    throw invalidOption(`hash has to be SHA-1, SHA-256 or SHA-512, not ${String(hash)}`);
  }
  if (!Number.isInteger(iterations) || iterations < 1) {
    throw invalidOption(`iterations has to be an integer of 1 or more, not ${String(iterations)}`);
  }
  const passwords = new Map(Object.entries(users).map(([name, password]) => [prepare(name), prepare(password)]));
  const algorithm = hash.replace('-', '').toLowerCase();
  return {
    begin(exchange, data) {
      const first = /^(n,(?:a=[^,]*)?,)(n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+))$/.exec(text(data));
      const [, header, bare, name, clientNonce] = first ?? [];
      if (header === undefined || bare === undefined || name === undefined)
        return refuse('not the first message of SCRAM');
      const salt = randomBytes(16);
      const nonce = `${clientNonce}${randomBytes(18).toString('base64')}`;
      const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${iterations}`;
      const username = prepare(name.replaceAll('=2C', ',').replaceAll('=3D', '='));
      const said = `${bare},${serverFirst}`;
      exchange.state = { password: passwords.get(username), salt, nonce, header, said } satisfies ScramState;
      return { type: 'challenge', data: Buffer.from(serverFirst) };
    },
    continue(exchange, data) {
      const state = exchange.state as ScramState; // `begin` put it there
      const [, withoutProof, binding, nonce, proof] = /^(c=([^,]*),r=([^,]*)),p=([^,]*)$/.exec(text(data)) ?? [];
      if (withoutProof === undefined || proof === undefined) return refuse('not the last message of SCRAM');
      if (nonce !== state.nonce || binding !== Buffer.from(state.header).toString('base64')) {
        return refuse('nonce or channel binding of another exchange');
      }
      const signature = verify(algorithm, iterations, state, withoutProof, Buffer.from(proof, 'base64'));
      if (signature === undefined) return refuse('user name or password wrong');
      return { type: 'success', data: Buffer.from(`v=${signature.toString('base64')}`) };
    },
  };
}

/** The server signature if the proof is right (RFC 5802 §3). */
function verify(
  algorithm: string,
  iterations: number,
  state: ScramState,
  withoutProof: string,
  proof: Uint8Array,
): Buffer | undefined {
  const hmac = (key: Uint8Array, message: string): Buffer => createHmac(algorithm, key).update(message).digest();
  const hash = (bytes: Uint8Array): Buffer => createHash(algorithm).update(bytes).digest();
  const length = hash(new Uint8Array(0)).byteLength;
  const said = `${state.said},${withoutProof}`;
  const salted = pbkdf2Sync(state.password ?? '', state.salt, iterations, length, algorithm);
  const storedKey = hash(hmac(salted, 'Client Key'));
  if (proof.byteLength !== length) return undefined;
  // proof = client key XOR client signature; whose hash is the stored key has the password.
  const clientSignature = hmac(storedKey, said);
  const clientKey = proof.map((byte, index) => byte ^ (clientSignature[index] ?? 0));
  const isRight = timingSafeEqual(hash(clientKey), storedKey);
  return isRight && state.password !== undefined ? hmac(hmac(salted, 'Server Key'), said) : undefined;
}

function refuse(reasonString: string): BrokerAuthStep {
  return { type: 'refuse', reasonCode: ReasonCode.NotAuthorized, reasonString };
}

function prepare(value: string): string {
  return value.normalize('NFKC');
}

function text(data: Uint8Array | undefined): string {
  return Buffer.from(data ?? []).toString();
}
