// SPDX-License-Identifier: Apache-2.0

import type { UserProperties } from '../types.ts';

/**
 * Properties of PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK.
 * @see MQTT v5.0 §3.4.2.2
 */
export interface AckProperties {
  /** Human-readable explanation; for logs, not for programs. */
  reasonString?: string;
  userProperties?: UserProperties;
}
