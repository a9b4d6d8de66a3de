// SPDX-License-Identifier: Apache-2.0
import { ReasonCode } from '@mqttv5/wire';

/** CONNACK codes that refuse a client (§3.2.2.2) [MQTT-3.2.2-8]. */
const connackRefusals: ReadonlySet<number> = new Set([
  0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c,
  0x9d, 0x9f,
]);

/** DISCONNECT codes a server may send (§3.14.2.1) [MQTT-3.14.2-1]. */
const serverDisconnects: ReadonlySet<number> = new Set([
  0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
  0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
]);

/** The code if a CONNACK may refuse with it, else 0x83: the code came from a program, and the standard has no place for it. */
export function connackRefusal(code: number): number {
  return connackRefusals.has(code) ? code : ReasonCode.ImplementationSpecificError;
}

export function isServerDisconnect(code: number): boolean {
  return serverDisconnects.has(code);
}

/** The code if a server's DISCONNECT may carry it, else 0x83. */
export function serverDisconnect(code: number): number {
  return isServerDisconnect(code) ? code : ReasonCode.ImplementationSpecificError;
}
