// SPDX-License-Identifier: Apache-2.0
//
// Two brokers, each with sessions of its own or both with the same, and what lies between them and the client.

import type { ConnectPacket, Packet } from '@mqttv5/wire';
import type { ModelApplication } from './model-application.ts';
import {
  BrokerConnection,
  type BrokerLimits,
  type BrokerSession,
  connackOf,
  openSession,
  type SessionDirectory,
} from './model-broker.ts';
import { Random } from './random.ts';
import type { Scenario } from './scenario.ts';

/** Keys of the brokers. */
export const BROKERS: readonly string[] = ['mqtt://one', 'mqtt://two'];
/** A Maximum Packet Size that some messages do not fit. */
const LARGE_LIMIT = 150;

/** One attempt or connection, both directions. */
export interface Link {
  readonly number: number;
  readonly broker: string;
  /** Undefined until the broker has accepted CONNECT. */
  connection: BrokerConnection | undefined;
  /** The engine has processed the CONNACK. */
  live: boolean;
  readonly toBroker: Packet[];
  readonly toClient: Packet[];
}

export class ModelBrokers {
  readonly #scenario: Scenario;
  readonly #application: ModelApplication;
  readonly #directories: readonly SessionDirectory[];

  constructor(scenario: Scenario, application: ModelApplication) {
    this.#scenario = scenario;
    this.#application = application;
    const first: SessionDirectory = { sessions: new Map(), nextTag: 0 };
    this.#directories = [first, scenario.shared ? first : { sessions: new Map(), nextTag: 1_000_000 }];
  }

  directoryOf(broker: string): SessionDirectory {
    // There is one for each key.
    return this.#directories[BROKERS.indexOf(broker)] as SessionDirectory;
  }

  /** A broker forgets everything. */
  loseSessions(random: Random): void {
    random.pick(this.#directories).sessions.clear();
  }

  /** The client's DISCONNECT has ended a session. */
  endSession(broker: string, ended: BrokerSession | undefined): void {
    const { sessions } = this.directoryOf(broker);
    for (const [clientId, session] of sessions) if (session === ended) sessions.delete(clientId);
  }

  /** CONNECT arrives. */
  connect(link: Link, connect: ConnectPacket, random: Random, now: number): void {
    const directory = this.directoryOf(link.broker);
    if (random.chance(5)) {
      link.toClient.push({ type: 'connack', sessionPresent: false, reasonCode: random.pick([0x88, 0x85]) });
      return;
    }
    const assigned = connect.clientId === '' ? `assigned-${link.number}` : undefined;
    const clientId = assigned ?? connect.clientId;
    this.#expire(directory, now);
    const { session, sessionPresent } = openSession(directory, clientId, connect);
    session.lostAt = undefined;
    link.toClient.push(connackOf(sessionPresent, assigned));
    const { properties = {} } = connect;
    const { receiveMaximum = 1, topicAliasMaximum = 0, sessionExpiryInterval = 0 } = properties;
    this.#application.newConnection();
    const limits: BrokerLimits = {
      receiveMaximum: 1 + random.below(6),
      maximumQoS: random.chance(90) ? 2 : this.#scenario.maximumQoS,
      topicAliasMaximum: random.pick([0, 1, 3]),
      maximumPacketSize: random.chance(80) ? undefined : LARGE_LIMIT,
    };
    link.connection = new BrokerConnection(
      link.number,
      session,
      limits,
      { receiveMaximum, topicAliasMaximum, sessionExpiryInterval },
      {
        identifiers: this.#scenario.brokerIdentifiers,
        random: new Random(random.uint32()),
        ledger: this.#application,
        send: (packet) => link.toClient.push(packet),
      },
    );
    if (sessionPresent) link.connection.resume();
  }

  #expire(directory: SessionDirectory, now: number): void {
    const interval = this.#scenario.settings.sessionExpiryInterval;
    if (interval === 0xffff_ffff) return;
    for (const [clientId, { lostAt }] of directory.sessions) {
      if (lostAt !== undefined && now >= lostAt + interval * 1000) directory.sessions.delete(clientId);
    }
  }
}
