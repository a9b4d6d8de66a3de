// SPDX-License-Identifier: Apache-2.0

import type { UserProperties } from '@mqttv5/wire';

import type { DisconnectOptions } from '../api/options.ts';
import { hexByte } from '../api/reason-codes.ts';
import { mqttError } from '../errors.ts';
import {
  checkOptions,
  checkSignal,
  checkString,
  checkUserProperties,
  invalidOption,
  MAXIMUM_UINT32,
  shown,
} from './check.ts';
import { duration, integer, resolveOptions } from './rules.ts';
import type { Rules } from './rules.ts';

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

const RULES: Rules<DisconnectOptions, ResolvedDisconnectOptions> = {
  reasonCode: checkReasonCode,
  reasonString: checkString,
  sessionExpiryInterval: integer(0, MAXIMUM_UINT32),
  userProperties: checkUserProperties,
  drainTimeoutMs: duration(0),
  signal: checkSignal,
};
const KNOWN_KEYS = Object.keys(RULES);

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
  checkOptions(options, 'DisconnectOptions', KNOWN_KEYS);
  const resolved = resolveOptions<DisconnectOptions, ResolvedDisconnectOptions>(options, RULES, NORMAL);
  const { sessionExpiryInterval } = resolved;
  if (sessionExpiryInterval !== undefined && sessionExpiryInterval !== 0 && connectExpiryInterval === 0) {
    throw mqttError(
      'INVALID_SESSION_EXPIRY',
      `sessionExpiryInterval cannot become ${sessionExpiryInterval} at DISCONNECT: the session was opened with 0 and ends with its connection`,
    );
  }
  return resolved;
}

function checkReasonCode(reasonCode: unknown): number {
  if (typeof reasonCode === 'number' && CLIENT_REASON_CODES.has(reasonCode)) return reasonCode;
  const code = typeof reasonCode === 'number' ? hexByte(reasonCode) : shown(reasonCode);
  throw invalidOption(
    `reasonCode ${code} is not one a client may send in DISCONNECT; usual are 0x00, and 0x04 to have the will sent`,
  );
}
