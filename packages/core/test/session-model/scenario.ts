// SPDX-License-Identifier: Apache-2.0
//
// What a seed stands for: the settings of the client, the temper of the brokers, and a list of numbers, each of which is one
// step. A step chooses for itself what to do, by its number and the state it finds, so that any part of the list is a
// schedule too. That is what makes a failing one shrink.

import type { QoS } from '@mqttv5/wire';
import type { SessionSettings } from '../../src/session/effects.ts';
import { Random } from './random.ts';

export interface Scenario {
  readonly seed: number;
  readonly settings: Omit<SessionSettings, 'store'> & { readonly persistent: boolean };
  /** Size of the identifier spaces, small so that identifiers are used again soon. */
  readonly clientIdentifiers: number;
  readonly brokerIdentifiers: number;
  /** Brokers that share sessions are one cluster. */
  readonly shared: boolean;
  readonly maximumQoS: QoS;
  /** Some messages make the broker end the connection; nothing else is ever blamed. */
  readonly poison: boolean;
  /** Commits take a while. */
  readonly slowStore: boolean;
  readonly steps: readonly number[];
}

const STEPS = 260;

export function scenario(seed: number): Scenario {
  const random = new Random(seed);
  const persistent = random.chance(45);
  const maximumQueuedPublishes = 3 + random.below(12);
  const settings: Scenario['settings'] = {
    clientId: random.chance(80) ? 'client' : '',
    cleanStart: random.chance(85) ? undefined : random.chance(70),
    cleanStartOnReconnect: random.chance(4),
    sessionExpiryInterval: random.pick([0, 4, 30, 300, 0xffff_ffff]),
    sessionLoss: random.chance(70) ? 'republish' : 'fail',
    resumeWithoutState: false,
    independentBrokers: random.chance(15),
    receiveMaximum: 1 + random.below(8),
    topicAliasMaximum: random.pick([0, 2, 5]),
    requestProblemInformation: random.chance(80),
    outboundTopicAliases: random.chance(50),
    qosDowngrade: random.chance(50),
    writeOverflow: random.chance(80) ? 'wait' : 'dropNewest',
    maximumQueuedPublishes,
    persistent,
  };
  return {
    seed,
    settings,
    // Some for requests, and some for those that stay taken because they were given up.
    clientIdentifiers: maximumQueuedPublishes + 14,
    brokerIdentifiers: 3 + random.below(10),
    shared: random.chance(35),
    maximumQoS: random.chance(85) ? 2 : 1,
    poison: random.chance(15),
    slowStore: random.chance(60),
    steps: Array.from({ length: STEPS }, () => random.uint32()),
  };
}
