// SPDX-License-Identifier: Apache-2.0

import type { WaitOptions } from '../api/common.ts';
import { checkKnownKeys, checkObject, checkSignal } from './check.ts';

const KNOWN_KEYS: ReadonlySet<string> = new Set<keyof WaitOptions>(['signal']);

/**
 * The signal of an operation that takes nothing else.
 *
 * @throws MqttError `INVALID_OPTION`
 */
export function resolveWaitOptions(options: WaitOptions | undefined, owner = 'options'): AbortSignal | undefined {
  if (options === undefined) return undefined;
  checkObject(options, owner);
  checkKnownKeys(options, KNOWN_KEYS, owner);
  return checkSignal(options.signal);
}
