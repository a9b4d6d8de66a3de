// SPDX-License-Identifier: Apache-2.0
//
// The network between client and brokers: CONNECT and its answer, packets that arrive on either side, and every way in which
// a connection ends.

import type { ConnectPacket, Packet } from '@mqttv5/wire';
import type { BrokerSession } from './model-broker.ts';
import { BROKERS, type Link } from './model-brokers.ts';
import { ensure } from './model-failure.ts';
import type { Random } from './random.ts';
import { describe, type WorldState } from './world-state.ts';

export class LinkSteps {
  readonly #state: WorldState;
  #links = 0;

  constructor(state: WorldState) {
    this.#state = state;
  }

  connect(random: Random): void {
    const state = this.#state;
    const { engine } = state;
    if (state.link !== undefined) return;
    const broker = random.pick(BROKERS);
    const plan = engine.planConnect(broker, state.now);
    state.trace?.push(`connect ${broker} Clean Start ${plan.cleanStart}`);
    // The runner commits before CONNECT is written.
    state.commitAll();
    if (random.chance(10)) {
      engine.handleConnectFailed({ written: false, connackReceived: false }, state.now);
      return;
    }
    engine.handleConnectWritten();
    const { receiveMaximum, topicAliasMaximum, sessionExpiryInterval } = state.scenario.settings;
    const connect: ConnectPacket = {
      type: 'connect',
      clientId: plan.clientId,
      cleanStart: plan.cleanStart,
      keepAlive: 0,
      properties: { receiveMaximum, topicAliasMaximum, sessionExpiryInterval },
    };
    this.#links += 1;
    state.link = { number: this.#links, broker, connection: undefined, live: false, toBroker: [connect], toClient: [] };
  }

  brokerReceives(random: Random): void {
    const { link } = this.#state;
    for (let count = random.below(4); count >= 0; count -= 1) if (link !== undefined) this.brokerTakes(link, random);
  }

  /** The next packet reaches the broker. */
  brokerTakes(link: Link, random: Random): void {
    const packet = link.toBroker.shift();
    if (packet === undefined) return;
    if (packet.type === 'connect') this.#state.brokers.connect(link, packet, random, this.#state.now);
    else link.connection?.handle(packet);
    link.connection?.pump();
  }

  clientReceives(random: Random): void {
    const { link } = this.#state;
    for (let count = random.below(4); count >= 0; count -= 1) if (link !== undefined) this.clientTakes(link);
  }

  /** The next packet reaches the client. */
  clientTakes(link: Link): void {
    const { engine, observer, trace } = this.#state;
    const packet = link.toClient.shift();
    if (packet === undefined || this.#state.link !== link) return;
    if (packet.type === 'connack') {
      this.#clientConnects(link, packet);
      return;
    }
    if (packet.type === 'disconnect') {
      trace?.push(`client receives ${describe(packet)}`);
      this.#lose(link, { orderly: false, reasonCode: packet.reasonCode });
      return;
    }
    if (packet.type === 'pubrec' && packet.reasonCode < 0x80) observer.noteReleased(packet.packetIdentifier);
    if (packet.type === 'pubcomp' && packet.reasonCode === 0x92) observer.noteDoubtfulLoss(packet.packetIdentifier);
    trace?.push(`client receives ${describe(packet)}`);
    engine.handlePacket(packet, this.#state.instant());
  }

  #clientConnects(link: Link, packet: Extract<Packet, { type: 'connack' }>): void {
    const state = this.#state;
    const { application, engine, observer, runner } = state;
    const broker = link.connection;
    if (packet.reasonCode !== 0 || broker === undefined) {
      state.link = undefined;
      engine.handleConnectFailed({ written: true, connackReceived: true, reasonCode: packet.reasonCode }, state.now);
      return;
    }
    const { session, limits } = broker;
    runner.link = link;
    runner.room = true;
    observer.newConnection();
    if (!packet.sessionPresent) {
      application.session += 1;
      observer.engineSession += 1;
    }
    const { sessionExpiryInterval } = state.scenario.settings;
    const verdict = engine.handleConnected(
      packet,
      { ...limits, retainAvailable: true, sessionExpiryInterval },
      state.now,
    );
    state.trace?.push(`CONNACK Session Present ${packet.sessionPresent}: ${JSON.stringify(verdict)}`);
    if ('error' in verdict) {
      // Only an explicit `cleanStart: false` without state ends so.
      ensure(
        verdict.error.code === 'SESSION_STATE_MISSING' && state.session === undefined,
        `CONNACK: ${verdict.error.message}`,
      );
      // Not retried: somebody has to do something about that session.
      state.brokers.endSession(link.broker, session);
      runner.link = undefined;
      state.endLink(link);
      return;
    }
    this.#checkVerdict(verdict, session);
    link.live = true;
    engine.startPublishing(state.now);
  }

  #checkVerdict(verdict: { fate: string; inDoubt?: boolean }, session: BrokerSession): void {
    const state = this.#state;
    const { application } = state;
    if (verdict.fate === 'resumed') {
      ensure(state.session === session || verdict.inDoubt === true, 'resumed a session that is not ours');
      // In doubt, and it was a new one indeed: what was sent in the old one is unknown there.
      if (state.session !== session) {
        application.session += 1;
        state.forgetDeliveries();
        // From here on brokers may hold different sessions under one number, and resends of the one can be taken for the other.
        application.ambiguous = true;
      }
      if (verdict.inDoubt === true) application.doubted = true;
    } else {
      ensure(verdict.fate === (state.session === undefined ? 'new' : 'lost'), `fate ${verdict.fate}`);
      state.forgetDeliveries();
    }
    state.session = session;
  }

  drop(random: Random): void {
    const { link, scenario, trace } = this.#state;
    if (link === undefined) return;
    trace?.push('connection lost');
    // What was on its way may still arrive, on either side.
    for (let count = random.below(link.toBroker.length + 1); count > 0; count -= 1) this.brokerTakes(link, random);
    for (let count = random.below(link.toClient.length + 1); count > 0; count -= 1) this.clientTakes(link);
    this.#lose(link, { orderly: !scenario.poison && random.chance(20) });
  }

  disconnectedByBroker(random: Random): void {
    const { link, scenario, trace } = this.#state;
    if (link?.live !== true) return;
    const reasonCode = scenario.poison ? 0x8b : random.pick([0x81, 0x82, 0x8b, 0x97, 0x95]);
    trace?.push(`DISCONNECT ${reasonCode}`);
    this.#lose(link, { orderly: false, reasonCode });
  }

  #lose(link: Link, end: { orderly: boolean; reasonCode?: number }): void {
    const state = this.#state;
    // A CONNACK among the last packets may have failed.
    if (state.link !== link) return;
    state.endLink(link);
    if (link.live) state.engine.handleConnectionLost(end, state.now);
    else state.engine.handleConnectFailed({ written: true, connackReceived: false }, state.now);
  }

  disconnect(random: Random): void {
    const state = this.#state;
    const { link } = state;
    if (link?.live !== true) return;
    // What was handed over is flushed first.
    state.commitAll();
    while (link.toBroker.length > 0) this.brokerTakes(link, random);
    state.endLink(link);
    if (random.chance(30)) {
      state.trace?.push('disconnect, session ended');
      state.engine.endSession(state.now);
      state.brokers.endSession(link.broker, link.connection?.session);
      state.session = undefined;
      state.forgetDeliveries();
      // disconnect() resolves when this is stored.
      state.commitAll();
    } else {
      state.trace?.push('disconnect');
      state.engine.handleDisconnected(state.now);
      state.application.disconnected();
    }
    ensure(state.application.openRequests.size === 0, 'a request outlives disconnect()');
  }
}
