// SPDX-License-Identifier: Apache-2.0

import type { DisconnectPacket, DisconnectProperties } from '@mqttv5/wire';
import type { ServerDisconnectInfo } from '../api/connect.ts';
import { type AnyMqttError, isMqttError, mqttError, StoreError } from '../errors.ts';
import type { ResolvedDisconnectOptions } from '../options/disconnect-options.ts';
import type { RestoreReport } from '../session/effects.ts';

/** What an attempt ended with. Anything that is not ours came out of a transport or a hook that broke its contract. */
export function attemptError(cause: unknown): AnyMqttError {
  return isMqttError(cause)
    ? cause
    : mqttError('DIAL_FAILED', `The attempt to connect failed: ${String(cause)}`, { cause });
}

/** What ends with a `connect()` that was aborted: the reason of a signal may be anything. */
export function abortError(reason: unknown): AnyMqttError {
  return isMqttError(reason) ? reason : mqttError('CLOSED', 'connect() was aborted', { cause: reason });
}

/** Records that could not be read back: set aside, and said. */
export function restoreFailure(report: RestoreReport): StoreError | undefined {
  const { damaged, giveUpSession } = report;
  if (damaged.length === 0 && !giveUpSession) return undefined;
  const list = damaged.map(({ key, reason }) => `${key}: ${reason}`).join('; ');
  const outcome = giveUpSession ? 'the session is given up' : 'they are set aside, the rest was loaded';
  return new StoreError(`${damaged.length} records of the session store cannot be read, ${outcome} (${list})`);
}

export function disconnectPacket(options: ResolvedDisconnectOptions): DisconnectPacket {
  const { reasonCode, reasonString, sessionExpiryInterval, userProperties } = options;
  const properties: DisconnectProperties = {};
  if (sessionExpiryInterval !== undefined) properties.sessionExpiryInterval = sessionExpiryInterval;
  if (reasonString !== undefined) properties.reasonString = reasonString;
  if (userProperties.length > 0) properties.userProperties = userProperties;
  return { type: 'disconnect', reasonCode, properties };
}

/** What a broker says when it sends a client away, in DISCONNECT or in CONNACK; what it does not say is absent. */
export function disconnectInfo(
  reasonCode: number,
  said: { [K in 'reasonString' | 'serverReference' | 'userProperties']?: ServerDisconnectInfo[K] | undefined },
): ServerDisconnectInfo {
  const { reasonString, serverReference, userProperties } = said;
  return {
    reasonCode,
    ...(reasonString !== undefined && { reasonString }),
    ...(serverReference !== undefined && { serverReference }),
    ...(userProperties !== undefined && { userProperties }),
  };
}
