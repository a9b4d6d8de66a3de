// SPDX-License-Identifier: Apache-2.0

import type { AuthPacket } from './packets/auth.ts';
import type { ConnackPacket } from './packets/connack.ts';
import type { ConnectPacket } from './packets/connect.ts';
import type { DisconnectPacket } from './packets/disconnect.ts';
import type { PingreqPacket } from './packets/pingreq.ts';
import type { PingrespPacket } from './packets/pingresp.ts';
import type { PubackPacket } from './packets/puback.ts';
import type { PubcompPacket } from './packets/pubcomp.ts';
import type { PublishPacket } from './packets/publish.ts';
import type { PubrecPacket } from './packets/pubrec.ts';
import type { PubrelPacket } from './packets/pubrel.ts';
import type { SubackPacket } from './packets/suback.ts';
import type { SubscribePacket } from './packets/subscribe.ts';
import type { UnsubackPacket } from './packets/unsuback.ts';
import type { UnsubscribePacket } from './packets/unsubscribe.ts';

/**
 * Quality of Service: 0 at most once, 1 at least once, 2 exactly once.
 * @see MQTT v5.0 §4.3
 */
export type QoS = 0 | 1 | 2;

/**
 * When a SUBSCRIBE is answered with retained messages: 0 always, 1 only if the subscription is new, 2 never.
 * @see MQTT v5.0 §3.8.3.1
 */
export type RetainHandling = 0 | 1 | 2;

/**
 * User Properties: pairs of strings. Order and repeats are kept.
 * @see MQTT v5.0 §2.2.2.2, §3.3.2.3.7
 */
export type UserProperties = readonly (readonly [name: string, value: string])[];

/**
 * Bytes handed out by the library: a `Uint8Array` over an `ArrayBuffer`, never over a `SharedArrayBuffer`, so that
 * WebCrypto, Blob, Response and WebSocket accept them. With TypeScript before 5.7 it is plain `Uint8Array`.
 */
export type Bytes = ReturnType<typeof Uint8Array.of>;

/**
 * Any MQTT v5.0 Control Packet as a plain object; `type` tells them apart.
 *
 * Field names are the standard's, units the wire's (seconds for intervals). A packet without properties has no
 * `properties` key when decoded; when encoded, `undefined`, `{}` and no key are the same.
 * @see MQTT v5.0 §2.1.2
 */
export type Packet =
  | ConnectPacket
  | ConnackPacket
  | PublishPacket
  | PubackPacket
  | PubrecPacket
  | PubrelPacket
  | PubcompPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | PingreqPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket;
