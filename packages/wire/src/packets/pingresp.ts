// SPDX-License-Identifier: Apache-2.0

/**
 * Server to client: yes.
 * @see MQTT v5.0 §3.13
 */
export interface PingrespPacket {
  type: 'pingresp';
}
