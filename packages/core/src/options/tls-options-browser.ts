// SPDX-License-Identifier: Apache-2.0
//
// What stands for `tls-options.ts` where core has no TLS of its own: what they mean is for the `dial` that is given them.

import type { TlsOptions } from '../api/options.ts';
import { checkObject } from './check.ts';

/** @throws MqttError `INVALID_OPTION` unless it is an object */
export function resolveTlsOptions(tls: TlsOptions): TlsOptions {
  checkObject(tls, 'tls');
  return Object.freeze({ ...tls });
}
