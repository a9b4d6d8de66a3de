// SPDX-License-Identifier: Apache-2.0

import { isBytes } from '@mqttv5/wire/client-side';
import type { UserProperties } from '@mqttv5/wire';

import type { ConnectCredentials } from '../api/connect.ts';
import {
  checkBinary,
  checkObject,
  checkOptions,
  checkString,
  checkUserProperties,
  fieldTooLong,
  given,
  invalidOption,
  MAXIMUM_FIELD_BYTES,
} from './check.ts';

/** Credentials as CONNECT carries them. */
export interface ResolvedCredentials {
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly userProperties: UserProperties;
}

const KNOWN_KEYS: readonly (keyof ConnectCredentials)[] = ['username', 'password', 'userProperties'];

/**
 * The credentials of one CONNECT: what `prepareConnect` left in `connect`, with what it returned merged over it. A key that
 * is there with undefined takes the field away.
 *
 * @throws MqttError `INVALID_OPTION`, `FIELD_TOO_LONG`; the caller makes `PREPARE_CONNECT_FAILED` of them
 */
export function resolveCredentials(
  connect: ConnectCredentials,
  returned: Partial<ConnectCredentials> | void,
): ResolvedCredentials {
  if (returned !== undefined) {
    checkObject(returned, 'What prepareConnect returned');
    checkOptions(returned, 'prepareConnect', KNOWN_KEYS);
  }
  checkOptions(connect, 'prepareConnect', KNOWN_KEYS);
  const { username, password, userProperties } = { ...connect, ...returned };
  return {
    username: username === undefined ? undefined : checkString(username, 'username'),
    password: password === undefined ? undefined : checkPassword(password),
    // Plain JavaScript may have deleted it.
    userProperties: checkUserProperties(given(userProperties, []), 'userProperties'),
  };
}

/** Binary Data on the wire (§3.1.3.6); a string is sent as UTF-8. Messages about it never show it. */
export function checkPassword(password: string | Uint8Array): Uint8Array {
  if (isBytes(password)) return checkBinary(password, 'password');
  if (typeof password !== 'string')
    throw invalidOption(`password must be a string or a Uint8Array, not a value of type ${typeof password}`);
  const bytes = new TextEncoder().encode(password);
  if (bytes.length > MAXIMUM_FIELD_BYTES) throw fieldTooLong('password', bytes.length);
  return bytes;
}
