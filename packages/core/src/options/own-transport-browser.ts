// SPDX-License-Identifier: Apache-2.0
//
// What stands for `own-transport.ts` where core has no transport of its own.

import type { TlsOptions } from '../api/options.ts';
import { checkObject } from './check.ts';

export function schemeProblem(): string {
  return 'it needs `dial`, such as webSocketDial() of @mqttv5/transport-ws';
}

/** What they mean is for the `dial` that is given them. @throws MqttError `INVALID_OPTION` unless it is an object */
export function resolveTlsOptions(tls: TlsOptions): TlsOptions {
  checkObject(tls, 'tls');
  return Object.freeze({ ...tls });
}
