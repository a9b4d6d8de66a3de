// SPDX-License-Identifier: Apache-2.0
//
// What stands for `tcp-dial.ts` where there are no sockets: browsers and runtimes like them.

import type { Dial } from '../api/transport.ts';
import { mqttError } from '../errors.ts';

/** Rejects: there is no TCP here. @throws MqttError `INVALID_OPTION` @internal */
export const tcpDial: Dial = () =>
  Promise.reject(mqttError('INVALID_OPTION', 'TCP is not available here; give `dial`, for example webSocketDial()'));

/** What a transport's error says: there are no system or TLS codes here to explain. @internal */
export function explainFailure(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
