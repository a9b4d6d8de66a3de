// SPDX-License-Identifier: Apache-2.0

import { type DisconnectPacket, type DisconnectProperties, encodedLength } from '@mqttv5/wire';
import { type AnyMqttError, isMqttError, mqttError, StoreError } from '../errors.ts';
import type { ResolvedDisconnectOptions } from '../options/disconnect-options.ts';
import type { RestoreReport } from '../session/effects.ts';

/** What an attempt ended with. Anything that is not ours came out of a transport or a hook that broke its contract. */
export function attemptError(cause: unknown): AnyMqttError {
  return isMqttError(cause)
    ? cause
    : mqttError('DIAL_FAILED', `The attempt to connect failed: ${String(cause)}`, { cause });
}

/** The last error, with all of them in `errors` when there were several. Not enumerable, as it contains itself. */
export function joinErrors(errors: readonly AnyMqttError[]): AnyMqttError {
  const last = errors.at(-1) ?? mqttError('DIAL_FAILED', 'No broker was tried');
  if (errors.length > 1) Object.defineProperty(last, 'errors', { value: [...errors], configurable: true });
  return last;
}

/** Records that could not be read back: set aside, and said. */
export function restoreFailure(report: RestoreReport): StoreError | undefined {
  const { damaged, giveUpSession } = report;
  if (damaged.length === 0 && !giveUpSession) return undefined;
  const list = damaged.map(({ key, reason }) => `${key}: ${reason}`).join('; ');
  const outcome = giveUpSession ? 'the session is given up' : 'they are set aside, the rest was loaded';
  return new StoreError(`${damaged.length} records of the session store cannot be read, ${outcome} (${list})`);
}

/** Reason String and User Properties are explanations: they are dropped where the broker takes no packet so long [MQTT-3.14.2-3, -4]. */
export function disconnectPacket(
  options: ResolvedDisconnectOptions,
  maximumPacketSize: number | undefined,
): DisconnectPacket {
  const { reasonCode, reasonString, sessionExpiryInterval, userProperties } = options;
  const needed: DisconnectProperties = sessionExpiryInterval === undefined ? {} : { sessionExpiryInterval };
  const explained: DisconnectProperties = { ...needed };
  if (reasonString !== undefined) explained.reasonString = reasonString;
  if (userProperties.length > 0) explained.userProperties = userProperties;
  const packet: DisconnectPacket = { type: 'disconnect', reasonCode, properties: explained };
  if (maximumPacketSize === undefined || encodedLength(packet) <= maximumPacketSize) return packet;
  return { type: 'disconnect', reasonCode, properties: needed };
}
