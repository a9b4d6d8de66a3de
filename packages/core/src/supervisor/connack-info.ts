// SPDX-License-Identifier: Apache-2.0
//
// CONNACK as programs see it: what is in force on this connection, defaults of the standard filled in (§3.2.2.3).

import type { ConnackPacket, ConnectPacket } from '@mqttv5/wire';
import type { ConnackInfo } from '../api/connect.ts';

/** Receive Maximum of a server that names none. @see MQTT v5.0 §3.2.2.3.3 */
const DEFAULT_RECEIVE_MAXIMUM = 65_535;

export function connackInfo(broker: URL, connect: ConnectPacket, connack: ConnackPacket): ConnackInfo {
  const properties = connack.properties ?? {};
  return Object.freeze({
    // A copy: a URL can be changed, and this one is the supervisor's.
    broker: new URL(broker),
    sessionPresent: connack.sessionPresent,
    clientId: properties.assignedClientIdentifier ?? connect.clientId,
    keepAlive: properties.serverKeepAlive ?? connect.keepAlive,
    sessionExpiryInterval: properties.sessionExpiryInterval ?? connect.properties?.sessionExpiryInterval ?? 0,
    receiveMaximum: properties.receiveMaximum ?? DEFAULT_RECEIVE_MAXIMUM,
    maximumQoS: properties.maximumQoS ?? 2,
    retainAvailable: properties.retainAvailable ?? true,
    maximumPacketSize: properties.maximumPacketSize,
    topicAliasMaximum: properties.topicAliasMaximum ?? 0,
    wildcardSubscriptionAvailable: properties.wildcardSubscriptionAvailable ?? true,
    subscriptionIdentifierAvailable: properties.subscriptionIdentifierAvailable ?? true,
    sharedSubscriptionAvailable: properties.sharedSubscriptionAvailable ?? true,
    responseInformation: properties.responseInformation,
    serverReference: properties.serverReference,
    reasonString: properties.reasonString,
    userProperties: properties.userProperties ?? [],
  });
}
