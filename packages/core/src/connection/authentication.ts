// SPDX-License-Identifier: Apache-2.0
//
// Enhanced authentication (§4.12): what an AUTH must say, and how the user's `Authenticator` is called.

import type { AuthPacket, AuthProperties, Bytes } from '@mqttv5/wire';
import { isBytes } from '@mqttv5/wire/client-side';
import type { Authenticator } from '../api/connect.ts';
import type { MaybePromise } from '../api/common.ts';
import { hexByte } from '../api/reason-codes.ts';
import { orAborted } from '../abort.ts';
import { isMqttError, mqttError } from '../errors.ts';
import type { AnyMqttError, ProtocolError } from '../errors.ts';
import { MAXIMUM_FIELD_BYTES } from '../options/check.ts';
import { violation } from './connection-errors.ts';

/** What is wrong with an AUTH from the broker in an exchange of `method`; undefined when nothing is. */
export function authViolation(
  packet: AuthPacket,
  method: string | undefined,
  allowed: ReadonlySet<number>,
  problemInformation: boolean,
): ProtocolError | undefined {
  // [MQTT-4.12.0-6]: none at all without a method in CONNECT.
  if (method === undefined) return violation('AUTH, but CONNECT named no Authentication Method');
  const named = packet.properties?.authenticationMethod;
  // [MQTT-4.12.0-5]
  if (named !== method) return violation(wrongMethod('AUTH', named, method));
  // [MQTT-4.12.0-2]; 0x19 is the client's alone (§3.15.2.1).
  if (!allowed.has(packet.reasonCode)) return violation(`AUTH with code ${hexByte(packet.reasonCode)} at this point`);
  // [MQTT-3.1.2-29]
  const { reasonString, userProperties } = packet.properties ?? {};
  if (!problemInformation && (reasonString !== undefined || userProperties !== undefined))
    return violation('AUTH with Reason String or User Property, which Request Problem Information 0 forbids');
  return undefined;
}

/** In words for an error's `detail`. */
export function wrongMethod(packet: string, named: string | undefined, method: string): string {
  const said = named === undefined ? 'no Authentication Method' : `Authentication Method "${named}"`;
  return `${packet} with ${said}, CONNECT named "${method}"`;
}

export function authPacket(reasonCode: number, method: string, data: Uint8Array | undefined): AuthPacket {
  const properties: AuthProperties = { authenticationMethod: method };
  if (data !== undefined) properties.authenticationData = data;
  return { type: 'auth', reasonCode, properties };
}

/**
 * One exchange with the user's authenticator, on behalf of a CONNECT or of a re-authentication.
 *
 * A step ends as the authenticator's does, or with the error that `cancel` was given, whichever comes first; an
 * authenticator that never answers holds up nothing.
 */
export class AuthenticationExchange {
  readonly #authenticator: Authenticator;
  readonly #controller = new AbortController();

  constructor(authenticator: Authenticator) {
    this.#authenticator = authenticator;
  }

  get method(): string {
    return this.#authenticator.method;
  }

  begin(): Promise<Uint8Array | undefined> {
    const { signal } = this.#controller;
    return this.#step('begin', async () => checked(await this.#authenticator.begin({ signal })));
  }

  continue(packet: AuthPacket): Promise<Uint8Array | undefined> {
    const data = challenge(packet.properties?.authenticationData);
    const { signal } = this.#controller;
    return this.#step('continue', async () => checked(await this.#authenticator.continue(data, { signal })));
  }

  /** The data that concludes the exchange: CONNACK's or the last AUTH's. */
  verify(data: Uint8Array | undefined): Promise<void> {
    const { signal } = this.#controller;
    return this.#step('verifyServerFinal', () => this.#authenticator.verifyServerFinal?.(challenge(data), { signal }));
  }

  get verifies(): boolean {
    return this.#authenticator.verifyServerFinal !== undefined;
  }

  /** Ends the step that runs, and the authenticator's `signal`, with `reason`. */
  cancel(reason: unknown): void {
    this.#controller.abort(reason);
  }

  async #step<T>(name: string, call: () => MaybePromise<T>): Promise<T> {
    const { signal } = this.#controller;
    signal.throwIfAborted();
    try {
      return await orAborted(Promise.resolve(call()), signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw authFailed(`The authenticator's ${name} failed`, error);
    }
  }
}

/** A copy: the chunk it came in is not the authenticator's to keep. */
function challenge(data: Uint8Array | undefined): Bytes | undefined {
  return data === undefined ? undefined : new Uint8Array(data);
}

/** What AUTH and CONNECT can carry (§1.5.6). It may be a secret, so the error does not show it. */
function checked(data: unknown): Uint8Array | undefined {
  if (data === undefined) return undefined;
  if (!isBytes(data)) throw new TypeError('it gave neither a Uint8Array nor undefined');
  if (data.length > MAXIMUM_FIELD_BYTES) throw new RangeError(`it gave ${data.length} bytes, more than AUTH can carry`);
  return data;
}

function authFailed(message: string, cause: unknown): AnyMqttError {
  // An authenticator of this library says it better.
  if (isMqttError(cause) && cause.code === 'AUTH_FAILED') return cause;
  return mqttError('AUTH_FAILED', cause instanceof Error ? `${message}: ${cause.message}` : message, { cause });
}
