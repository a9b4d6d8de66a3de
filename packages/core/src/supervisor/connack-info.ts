// SPDX-License-Identifier: Apache-2.0
//
// CONNACK as programs see it: what is in force on this connection, defaults of the standard filled in (§3.2.2.3).

import type { ConnackPacket, ConnectPacket, UserProperties } from '@mqttv5/wire';
import type { ConnackInfo } from '../api/connect.ts';

const NONE: UserProperties = Object.freeze([]);

/** @param broker - Handed on as it is, and so the caller's no more. */
export function connackInfo(broker: URL, connect: ConnectPacket, connack: ConnackPacket): ConnackInfo {
  const said = connack.properties ?? {};
  // Field by field: each client holds one, and V8 keeps what is spread into an object in a second one.
  return Object.freeze({
    broker,
    sessionPresent: connack.sessionPresent,
    clientId: said.assignedClientIdentifier ?? connect.clientId,
    keepAlive: said.serverKeepAlive ?? connect.keepAlive,
    sessionExpiryInterval: said.sessionExpiryInterval ?? connect.properties?.sessionExpiryInterval ?? 0,
    receiveMaximum: said.receiveMaximum ?? 65_535,
    maximumQoS: said.maximumQoS ?? 2,
    retainAvailable: said.retainAvailable ?? true,
    maximumPacketSize: said.maximumPacketSize,
    topicAliasMaximum: said.topicAliasMaximum ?? 0,
    wildcardSubscriptionAvailable: said.wildcardSubscriptionAvailable ?? true,
    subscriptionIdentifierAvailable: said.subscriptionIdentifierAvailable ?? true,
    sharedSubscriptionAvailable: said.sharedSubscriptionAvailable ?? true,
    responseInformation: said.responseInformation,
    serverReference: said.serverReference,
    reasonString: said.reasonString,
    userProperties: said.userProperties ?? NONE,
  });
}
