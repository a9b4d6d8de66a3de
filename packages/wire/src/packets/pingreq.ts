// SPDX-License-Identifier: Apache-2.0

/**
 * Client to server: are you there.
 * @see MQTT v5.0 §3.12
 */
export interface PingreqPacket {
  type: 'pingreq';
}
