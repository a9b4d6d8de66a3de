// SPDX-License-Identifier: Apache-2.0

import type { UserProperties } from '@mqttv5/wire';

import type { DisconnectOptions } from '../api/options.ts';
import { hexByte } from '../api/reason-codes.ts';
import { mqttError } from '../errors.ts';
import {
  checkDuration,
  checkInteger,
  checkKnownKeys,
  checkObject,
  checkSignal,
  checkString,
  checkUserProperties,
  given,
  invalidOption,
  MAXIMUM_UINT32,
  shown,
} from './check.ts';

/** `DisconnectOptions` with every default filled in. */
export interface ResolvedDisconnectOptions {
  readonly reasonCode: number;
  readonly reasonString: string | undefined;
  /** undefined: the interval of CONNECT stays. */
  readonly sessionExpiryInterval: number | undefined;
  readonly userProperties: UserProperties;
  readonly drainTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

const DISCONNECT_KEYS: Readonly<Record<keyof DisconnectOptions, true>> = {
  reasonCode: true,
  reasonString: true,
  sessionExpiryInterval: true,
  userProperties: true,
  drainTimeoutMs: true,
  signal: true,
};
const KNOWN_KEYS: ReadonlySet<string> = new Set(Object.keys(DISCONNECT_KEYS));

/** The codes a client may put into DISCONNECT (table 3-10 of §3.14.2.1) [MQTT-3.14.2-1]. */
const CLIENT_REASON_CODES: ReadonlySet<number> = new Set([
  0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
]);

const NORMAL: ResolvedDisconnectOptions = Object.freeze({
  reasonCode: 0x00,
  reasonString: undefined,
  sessionExpiryInterval: undefined,
  userProperties: Object.freeze([]),
  drainTimeoutMs: 0,
  signal: undefined,
});

/**
 * @param connectExpiryInterval - The Session Expiry Interval of CONNECT, in seconds.
 * @throws MqttError `INVALID_OPTION`, `FIELD_TOO_LONG`; `INVALID_SESSION_EXPIRY` when CONNECT said 0 and this does not
 * [MQTT-3.14.2-2]
 * @see MQTT v5.0 §3.14
 */
export function resolveDisconnectOptions(
  options: DisconnectOptions | undefined,
  connectExpiryInterval: number,
): ResolvedDisconnectOptions {
  if (options === undefined) return NORMAL;
  checkObject(options, 'DisconnectOptions');
  checkKnownKeys(options, KNOWN_KEYS, 'DisconnectOptions');
  const { reasonString, sessionExpiryInterval } = options;
  return {
    reasonCode: checkReasonCode(given(options.reasonCode, NORMAL.reasonCode)),
    reasonString: reasonString === undefined ? undefined : checkString(reasonString, 'reasonString'),
    sessionExpiryInterval:
      sessionExpiryInterval === undefined ? undefined : checkExpiry(sessionExpiryInterval, connectExpiryInterval),
    userProperties: checkUserProperties(given(options.userProperties, []), 'userProperties'),
    drainTimeoutMs: checkDuration(given(options.drainTimeoutMs, NORMAL.drainTimeoutMs), 'drainTimeoutMs', 0),
    signal: checkSignal(options.signal),
  };
}

function checkReasonCode(reasonCode: unknown): number {
  if (typeof reasonCode === 'number' && CLIENT_REASON_CODES.has(reasonCode)) return reasonCode;
  const code = typeof reasonCode === 'number' ? hexByte(reasonCode) : shown(reasonCode);
  throw invalidOption(
    `reasonCode ${code} is not one a client may send in DISCONNECT; usual are 0x00, and 0x04 to have the will sent`,
  );
}

function checkExpiry(sessionExpiryInterval: unknown, connectExpiryInterval: number): number {
  const seconds = checkInteger(sessionExpiryInterval, 'sessionExpiryInterval', 0, MAXIMUM_UINT32);
  if (seconds !== 0 && connectExpiryInterval === 0) {
    throw mqttError(
      'INVALID_SESSION_EXPIRY',
      `sessionExpiryInterval cannot become ${seconds} at DISCONNECT: the session was opened with 0 and ends with its connection`,
    );
  }
  return seconds;
}
