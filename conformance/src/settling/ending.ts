// SPDX-License-Identifier: Apache-2.0

import { isMqttError } from '@mqttv5/core';
import { turn } from './world.ts';

/** What the signals of these tests abort with. */
export const REASON: Error = new Error('given up');

/**
 * How a promise ended, in a word: the code of its rejection and, of a publish, its `delivery`; "reason" is that of the signal;
 * else what it resolved with. "still waiting" only where `mayWait`: otherwise the test hangs, and fails.
 */
export async function describeEnding(promise: Promise<unknown> | undefined, mayWait = false): Promise<string> {
  const waiting = Symbol('waiting');
  try {
    const value = await (mayWait ? Promise.race([promise, turn().then(() => waiting)]) : promise);
    if (value === waiting) return 'still waiting';
    if (value === undefined) return 'done';
    if (Array.isArray(value)) return 'results';
    if (typeof value === 'object' && value !== null) {
      if ('done' in value) return value.done === true ? 'end' : 'message';
      if ('payload' in value) return 'message';
      if ('reasonCode' in value) return 'acknowledged';
      if ('filters' in value) return 'granted';
      if ('delivered' in value) return 'queued';
      if ('sessionPresent' in value) return 'connected';
    }
    return typeof value;
  } catch (error) {
    if (error === REASON) return 'reason';
    if (!isMqttError(error)) return `not an MqttError: ${String(error)}`;
    return error.delivery === undefined ? error.code : `${error.code} ${error.delivery}`;
  }
}
