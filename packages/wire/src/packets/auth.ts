// SPDX-License-Identifier: Apache-2.0

import type { UserProperties } from '../types.ts';

/** @see MQTT v5.0 §3.15.2.2 */
export interface AuthProperties {
  authenticationMethod?: string;
  authenticationData?: Uint8Array;
  reasonString?: string;
  userProperties?: UserProperties;
}

/**
 * One step of enhanced authentication.
 * @see MQTT v5.0 §3.15, §4.12
 */
export interface AuthPacket {
  type: 'auth';
  /** 0x00 Success, 0x18 Continue authentication, 0x19 Re-authenticate. */
  reasonCode: number;
  /** `authenticationMethod` is mandatory (§3.15.2.2.2), but for the empty AUTH of code 0x00. */
  properties?: AuthProperties;
}
