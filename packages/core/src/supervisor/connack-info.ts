// SPDX-License-Identifier: Apache-2.0
//
// CONNACK as programs see it: what is in force on this connection, defaults of the standard filled in (§3.2.2.3).

import type { ConnackPacket, ConnectPacket } from '@mqttv5/wire';
import type { ConnackInfo } from '../api/connect.ts';

/** What holds of each limit and capability that CONNACK does not mention. */
const UNLESS_SAID = {
  receiveMaximum: 65_535,
  maximumQoS: 2,
  retainAvailable: true,
  maximumPacketSize: undefined,
  topicAliasMaximum: 0,
  wildcardSubscriptionAvailable: true,
  subscriptionIdentifierAvailable: true,
  sharedSubscriptionAvailable: true,
  responseInformation: undefined,
  serverReference: undefined,
  reasonString: undefined,
  userProperties: [],
} as const;

export function connackInfo(broker: URL, connect: ConnectPacket, connack: ConnackPacket): ConnackInfo {
  const {
    assignedClientIdentifier,
    serverKeepAlive,
    authenticationMethod: _method,
    authenticationData: _data,
    ...said
  } = connack.properties ?? {};
  return Object.freeze({
    ...UNLESS_SAID,
    sessionExpiryInterval: connect.properties?.sessionExpiryInterval ?? 0,
    ...said,
    // A copy: a URL can be changed, and this one is the supervisor's.
    broker: new URL(broker),
    sessionPresent: connack.sessionPresent,
    clientId: assignedClientIdentifier ?? connect.clientId,
    keepAlive: serverKeepAlive ?? connect.keepAlive,
  });
}
