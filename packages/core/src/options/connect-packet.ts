// SPDX-License-Identifier: Apache-2.0

import type { ConnectPacket, ConnectProperties, UserProperties } from '@mqttv5/wire';

import type { ResolvedClientOptions } from './client-options.ts';

/** What only the attempt knows. */
export interface ConnectAttempt {
  readonly clientId: string;
  readonly cleanStart: boolean;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly userProperties: UserProperties;
  readonly authenticationMethod: string | undefined;
  readonly authenticationData: Uint8Array | undefined;
}

type ConnectSettings = Pick<
  ResolvedClientOptions,
  | 'keepAlive'
  | 'will'
  | 'sessionExpiryInterval'
  | 'receiveMaximum'
  | 'maximumPacketSize'
  | 'topicAliasMaximum'
  | 'requestResponseInformation'
  | 'requestProblemInformation'
>;

/**
 * The CONNECT of one attempt (§3.1). A property whose value is the standard's default is left out: some brokers and
 * gateways handle what is absent better than what is there.
 */
export function connectPacket(options: ConnectSettings, attempt: ConnectAttempt): ConnectPacket {
  const properties: ConnectProperties = {};
  if (options.sessionExpiryInterval !== 0) properties.sessionExpiryInterval = options.sessionExpiryInterval;
  if (options.receiveMaximum !== 0xffff) properties.receiveMaximum = options.receiveMaximum;
  if (options.maximumPacketSize !== undefined) properties.maximumPacketSize = options.maximumPacketSize;
  if (options.topicAliasMaximum !== 0) properties.topicAliasMaximum = options.topicAliasMaximum;
  if (options.requestResponseInformation) properties.requestResponseInformation = true;
  if (!options.requestProblemInformation) properties.requestProblemInformation = false;
  if (attempt.userProperties.length > 0) properties.userProperties = attempt.userProperties;
  if (attempt.authenticationMethod !== undefined) properties.authenticationMethod = attempt.authenticationMethod;
  if (attempt.authenticationData !== undefined) properties.authenticationData = attempt.authenticationData;

  const packet: ConnectPacket = {
    type: 'connect',
    clientId: attempt.clientId,
    cleanStart: attempt.cleanStart,
    keepAlive: options.keepAlive,
    properties,
  };
  if (attempt.username !== undefined) packet.username = attempt.username;
  if (attempt.password !== undefined) packet.password = attempt.password;
  if (options.will !== undefined) packet.will = options.will;
  return packet;
}
