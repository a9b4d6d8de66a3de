// SPDX-License-Identifier: Apache-2.0

import type { WaitOptions } from '../api/common.ts';
import { checkOptions, checkSignal } from './check.ts';

/**
 * The signal of an operation that takes nothing else.
 *
 * @throws MqttError `INVALID_OPTION`
 */
export function resolveWaitOptions(options: WaitOptions | undefined, owner = 'options'): AbortSignal | undefined {
  if (options === undefined) return undefined;
  checkOptions(options, owner, ['signal']);
  return checkSignal(options.signal);
}
