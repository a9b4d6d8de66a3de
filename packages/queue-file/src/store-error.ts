// SPDX-License-Identifier: Apache-2.0

import { StoreError, isMqttError } from '@mqttv5/core';

/** What the disk says, as an error of ours; what is ours already stays as it is. */
export function asStoreError(action: string, directory: string, error: unknown): unknown {
  if (isMqttError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new StoreError(`Cannot ${action} the queue in ${directory}: ${message}`, { cause: error });
}
