// SPDX-License-Identifier: Apache-2.0
//
// The engine, brokers, a network that cuts, an application that calls at any time, and a process that can be killed.

import type { ConnectPacket, Packet, PublishPacket } from '@mqttv5/wire';
import type { AckReasonCode } from '../../src/api/receive.ts';
import type {
  ControlRequest,
  InboundExchange,
  OutboundMessage,
  PublishExchange,
  RequestOutcome,
} from '../../src/session/effects.ts';
import { newSuspicion } from '../../src/session/effects.ts';
import { SessionEngine } from '../../src/session/engine.ts';
import { isMqttError, StoreError } from '../../src/errors.ts';
import { ModelApplication, type Sent } from './model-application.ts';
import type { BrokerSession, Delivery } from './model-broker.ts';
import { BROKERS, type Link, ModelBrokers } from './model-brokers.ts';
import { ensure } from './model-failure.ts';
import { ModelRunner } from './model-runner.ts';
import { Random } from './random.ts';
import type { Scenario } from './scenario.ts';
import { WireObserver } from './wire-observer.ts';

const NO_BYTES = new Uint8Array(0);
const LARGE = new Uint8Array(200);

type Step = [weight: number, run: (random: Random) => void];

export class World {
  readonly #scenario: Scenario;
  readonly application: ModelApplication;
  engine: SessionEngine;
  #runner: ModelRunner;
  #link: Link | undefined;
  #links = 0;
  #now = 1_000_000;
  readonly #brokers: ModelBrokers;
  /** The broker session the engine believes it is in. */
  #session: BrokerSession | undefined;
  #published = 0;
  #delivered = 0;
  /** Deliveries that have to arrive, by topic. */
  readonly #expected = new Map<string, Delivery>();
  readonly #steps: readonly Step[];
  readonly #totalWeight: number;
  readonly #observer: WireObserver;
  /** Of this step, for what is done from within calls. */
  #random: Random = new Random(0);
  #quiet = false;
  trace: string[] | undefined;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.application = new ModelApplication(scenario.poison);
    this.#observer = new WireObserver(this.application, () => this.engine.exchanges());
    this.#brokers = new ModelBrokers(scenario, this.application);
    this.#runner = this.#newRunner(new Map());
    this.engine = this.#newEngine();
    this.#steps = this.#allSteps();
    this.#totalWeight = this.#steps.reduce((sum, [weight]) => sum + weight, 0);
  }

  #newRunner(store: Map<string, Uint8Array>): ModelRunner {
    const { application } = this;
    const hooks = {
      sending: (packet: Packet) => this.#observer.sending(packet),
      written: (link: object, packet: Packet) => this.#written(link as Link, packet),
      deliver: (packet: PublishPacket, topic: string, exchange: InboundExchange | undefined) => {
        application.delivered(packet, topic, exchange);
        // Answered before the call returns, as "onReceipt" does.
        if (this.#impulse(15)) this.#acknowledge(this.#random);
      },
      settled: (exchange: PublishExchange, outcome: Parameters<ModelApplication['settled']>[1]) => {
        this.trace?.push(`  settled ${exchange.topic} ${outcome.error?.code ?? 'ok'}`);
        application.settled(exchange, outcome);
        // A caller that goes on at once.
        if (this.#impulse(15)) this.#publish(this.#random);
        if (this.#impulse(5)) this.#withdraw(this.#random);
      },
      decided: application.decided.bind(application),
      answered: (request: ControlRequest, outcome: RequestOutcome) => {
        application.answered(request, outcome);
        // Not on disconnect(): there is nobody to ask any more.
        if (!('error' in outcome) && this.#impulse(20)) this.#request(this.#random);
      },
      firstPutFailed: (exchange: PublishExchange) => {
        const error = new StoreError('no space left', { delivery: 'notSent' });
        // A producer is told by the rejection itself. It may have ended otherwise before.
        if (!exchange.settled) application.find(exchange.topic).released = true;
        this.engine.rejectFirstPut(exchange, error, this.#now);
      },
    };
    return new ModelRunner(hooks, this.#scenario.settings.persistent, store);
  }

  #newEngine(): SessionEngine {
    const { settings, clientIdentifiers } = this.#scenario;
    const store = settings.persistent ? {} : undefined;
    return new SessionEngine({ ...settings, store }, this.#runner, clientIdentifiers);
  }

  // -- Steps

  run(): void {
    for (const number of this.#scenario.steps) this.step(number);
    this.#quiesce();
  }

  step(number: number): void {
    const random = new Random(number);
    this.#random = new Random(~number);
    let choice = random.below(this.#totalWeight);
    for (const [weight, run] of this.#steps) {
      choice -= weight;
      if (choice >= 0) continue;
      run(random);
      break;
    }
    this.#endTurn();
  }

  /** Whether the application does something from within what it is told. */
  #impulse(percent: number): boolean {
    return !this.#quiet && this.#random.chance(percent);
  }

  #endTurn(): void {
    this.#runner.endTurn(this.#session);
    if (!this.#scenario.slowStore) this.#runner.commitAll(this.#session);
  }

  #allSteps(): Step[] {
    return [
      [16, (random) => this.#publish(random)],
      [26, (random) => this.#brokerReceives(random)],
      [26, (random) => this.#clientReceives(random)],
      [10, (random) => this.#brokerPublishes(random)],
      [16, (random) => this.#acknowledge(random)],
      [8, (random) => this.#connect(random)],
      [12, (random) => this.#runner.commit(random.chance(4))],
      [4, (random) => this.#release(random)],
      [6, () => this.#link?.connection?.answerLater()],
      [4, (random) => this.#request(random)],
      [2, (random) => this.#withdraw(random)],
      [3, (random) => this.#drop(random)],
      [1, (random) => this.#disconnectedByBroker(random)],
      [1, (random) => this.#disconnect(random)],
      [3, (random) => this.#changeRoom(random)],
      [4, (random) => this.#passTime(random)],
      [1, (random) => this.#loseSession(random)],
      [1, () => this.#brokerGivesUp()],
      [1, () => this.#crash()],
    ];
  }

  #publish(random: Random): void {
    const qos = random.pick([0, 1, 1, 2, 2] as const);
    const { engine } = this;
    if (qos === 0 && this.#link?.live !== true) return;
    const topic = `m/${this.#published}`;
    const message: OutboundMessage = {
      topic,
      payload: random.chance(5) ? LARGE : NO_BYTES,
      qos,
      retain: false,
      properties: random.chance(15) ? { messageExpiryInterval: random.below(6) } : undefined,
    };
    const ref = qos > 0 && random.chance(25) ? { queueId: 'queue', sequence: this.#published } : undefined;
    this.trace?.push(`publish ${topic} QoS ${qos}${ref === undefined ? '' : ' with Ref'}`);
    this.#published += 1;
    // Announced first: it may leave within the call.
    const sent = this.application.accept(topic, qos, ref);
    try {
      const instant = message.properties === undefined ? this.#instant() : this.#now;
      const exchange = engine.publish({ ...message, ref }, instant);
      sent.exchange = exchange;
      if (exchange === undefined) {
        sent.qos = 0;
        sent.outcome = { result: { reasonCode: 0 } };
      }
    } catch (error) {
      if (!isMqttError(error)) throw error;
      ensure(error.delivery === 'notSent' && sent.taken === 0, `${topic} thrown with ${error.delivery}`);
      sent.outcome = { error };
      sent.released = true;
    }
  }

  /** A producer has settled an outcome durably. */
  #release(random: Random): void {
    const ended = [...this.application.sent.values()].filter((sent) => isCompleted(sent));
    if (ended.length > 0) this.#releaseOne(random.pick(ended));
  }

  #releaseOne(sent: Sent): void {
    const { ref, topic } = sent;
    if (ref === undefined) return;
    const found = this.engine.adopt(ref);
    ensure(found !== undefined && 'completed' in found, `the outcome of ${topic} is not kept`);
    ensure(found.completed.error?.code === sent.outcome?.error?.code, `${topic} has another outcome`);
    this.engine.releaseCompleted(ref);
    ensure(this.engine.adopt(ref) === undefined, `the outcome of ${topic} is kept for ever`);
    sent.released = true;
  }

  #withdraw(random: Random): void {
    const candidates = [...this.application.unfinished()].filter(({ exchange }) => exchange !== undefined);
    if (candidates.length === 0) return;
    const sent = random.pick(candidates);
    const { exchange } = sent;
    if (exchange === undefined || exchange.settled) return;
    const { everWritten: written } = exchange;
    const withdrawn = this.engine.withdraw(exchange, this.#now);
    this.trace?.push(`withdraw ${sent.topic}: ${withdrawn}`);
    ensure(withdrawn === !written, `${sent.topic} withdrawn: ${withdrawn}, written: ${written}`);
    if (withdrawn) {
      sent.outcome = { result: { reasonCode: -1 } };
      sent.released = true;
    }
  }

  #acknowledge(random: Random): void {
    const { application } = this;
    if (application.held.length === 0) return;
    const [given] = application.held.splice(random.below(application.held.length), 1);
    if (given === undefined) return;
    const code: AckReasonCode = random.chance(10) ? 0x83 : 0x00;
    given.answered = code;
    this.trace?.push(`acknowledge ${given.topic} ${code}`);
    if (code >= 0x80) application.mayBeGivenAgain(given.topic);
    this.engine.acknowledge(given.exchange, code);
    // Twice does nothing (V-036).
    this.engine.acknowledge(given.exchange, 0x00);
  }

  #request(random: Random): void {
    const { openRequests } = this.application;
    if (openRequests.size > 6) return;
    const filter = { topicFilter: 'a/#', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const request: ControlRequest = {
      type: random.chance(70) ? 'subscribe' : 'unsubscribe',
      filters: [filter],
      suspicion: newSuspicion(),
    };
    openRequests.add(request);
    this.engine.request(request);
    if (random.chance(10) && this.engine.withdrawRequest(request)) openRequests.delete(request);
  }

  #changeRoom(random: Random): void {
    this.#runner.room = random.chance(60);
    if (this.#runner.room) this.engine.handleRoom(this.#now);
  }

  #passTime(random: Random): void {
    this.#now += random.below(2500);
    const due = this.engine.pollTimeout();
    if (due !== undefined && due <= this.#now) this.engine.handleTimeout(this.#now);
    const next = this.engine.pollTimeout();
    ensure(next === undefined || next > this.#now, 'a timeout that has passed remains');
  }

  // -- Connections

  #connect(random: Random): void {
    if (this.#link !== undefined) return;
    const broker = random.pick(BROKERS);
    const plan = this.engine.planConnect(broker, this.#now);
    this.trace?.push(`connect ${broker} Clean Start ${plan.cleanStart}`);
    // The runner commits before CONNECT is written.
    this.#runner.commitAll(this.#session);
    if (random.chance(10)) {
      this.engine.handleConnectFailed({ written: false, connackReceived: false }, this.#now);
      return;
    }
    this.engine.handleConnectWritten();
    const { receiveMaximum, topicAliasMaximum, sessionExpiryInterval } = this.#scenario.settings;
    const connect: ConnectPacket = {
      type: 'connect',
      clientId: plan.clientId,
      cleanStart: plan.cleanStart,
      keepAlive: 0,
      properties: { receiveMaximum, topicAliasMaximum, sessionExpiryInterval },
    };
    this.#links += 1;
    this.#link = { number: this.#links, broker, connection: undefined, live: false, toBroker: [connect], toClient: [] };
  }

  #brokerReceives(random: Random): void {
    const link = this.#link;
    for (let count = random.below(4); count >= 0; count -= 1) if (link !== undefined) this.#brokerTakes(link, random);
  }

  /** The next packet reaches the broker. */
  #brokerTakes(link: Link, random: Random): void {
    const packet = link.toBroker.shift();
    if (packet === undefined) return;
    if (packet.type === 'connect') this.#brokers.connect(link, packet, random, this.#now);
    else link.connection?.handle(packet);
    link.connection?.pump();
  }

  #clientReceives(random: Random): void {
    const link = this.#link;
    for (let count = random.below(4); count >= 0; count -= 1) if (link !== undefined) this.#clientTakes(link);
  }

  /** The next packet reaches the client. */
  #clientTakes(link: Link): void {
    const packet = link.toClient.shift();
    if (packet === undefined || this.#link !== link) return;
    if (packet.type === 'connack') {
      this.#clientConnects(link, packet);
      return;
    }
    if (packet.type === 'disconnect') {
      this.trace?.push(`client receives ${describe(packet)}`);
      this.#lose(link, { orderly: false, reasonCode: packet.reasonCode });
      return;
    }
    if (packet.type === 'pubrec' && packet.reasonCode < 0x80) this.#observer.noteReleased(packet.packetIdentifier);
    if (packet.type === 'pubcomp' && packet.reasonCode === 0x92)
      this.#observer.noteDoubtfulLoss(packet.packetIdentifier);
    this.trace?.push(`client receives ${describe(packet)}`);
    this.engine.handlePacket(packet, this.#instant());
  }

  /** What the engine says it does not need it is not given. */
  #instant(): number {
    return this.engine.timed ? this.#now : 0;
  }

  #clientConnects(link: Link, packet: Extract<Packet, { type: 'connack' }>): void {
    const broker = link.connection;
    if (packet.reasonCode !== 0 || broker === undefined) {
      this.#link = undefined;
      this.engine.handleConnectFailed(
        { written: true, connackReceived: true, reasonCode: packet.reasonCode },
        this.#now,
      );
      return;
    }
    const { session, limits } = broker;
    this.#runner.link = link;
    this.#runner.room = true;
    this.#observer.newConnection();
    if (!packet.sessionPresent) {
      this.application.session += 1;
      this.#observer.engineSession += 1;
    }
    const verdict = this.engine.handleConnected(
      packet,
      { ...limits, retainAvailable: true, sessionExpiryInterval: this.#scenario.settings.sessionExpiryInterval },
      this.#now,
    );
    this.trace?.push(`CONNACK Session Present ${packet.sessionPresent}: ${JSON.stringify(verdict)}`);
    if ('error' in verdict) {
      // Only an explicit `cleanStart: false` without state ends so.
      ensure(
        verdict.error.code === 'SESSION_STATE_MISSING' && this.#session === undefined,
        `CONNACK: ${verdict.error.message}`,
      );
      // Not retried: somebody has to do something about that session.
      this.#brokers.endSession(link.broker, session);
      this.#runner.link = undefined;
      this.#endLink(link);
      return;
    }
    this.#checkVerdict(verdict, session);
    link.live = true;
    this.engine.startPublishing(this.#now);
  }

  #checkVerdict(verdict: { fate: string; inDoubt?: boolean }, session: BrokerSession): void {
    if (verdict.fate === 'resumed') {
      ensure(this.#session === session || verdict.inDoubt === true, 'resumed a session that is not ours');
      // In doubt, and it was a new one indeed: what was sent in the old one is unknown there.
      if (this.#session !== session) {
        this.application.session += 1;
        this.#forgetDeliveries();
        // From here on brokers may hold different sessions under one number, and resends of the one can be taken for the other.
        this.application.ambiguous = true;
      }
      if (verdict.inDoubt === true) this.application.doubted = true;
    } else {
      ensure(verdict.fate === (this.#session === undefined ? 'new' : 'lost'), `fate ${verdict.fate}`);
      this.#forgetDeliveries();
    }
    this.#session = session;
  }

  /** Deliveries of a session that is gone are nobody's any more. */
  #forgetDeliveries(): void {
    this.#expected.clear();
  }

  #drop(random: Random): void {
    const link = this.#link;
    if (link === undefined) return;
    this.trace?.push('connection lost');
    // What was on its way may still arrive, on either side.
    for (let count = random.below(link.toBroker.length + 1); count > 0; count -= 1) this.#brokerTakes(link, random);
    for (let count = random.below(link.toClient.length + 1); count > 0; count -= 1) this.#clientTakes(link);
    this.#lose(link, { orderly: !this.#scenario.poison && random.chance(20) });
  }

  #disconnectedByBroker(random: Random): void {
    const link = this.#link;
    if (link?.live !== true) return;
    const reasonCode = this.#scenario.poison ? 0x8b : random.pick([0x81, 0x82, 0x8b, 0x97, 0x95]);
    this.trace?.push(`DISCONNECT ${reasonCode}`);
    this.#lose(link, { orderly: false, reasonCode });
  }

  #lose(link: Link, end: { orderly: boolean; reasonCode?: number }): void {
    // A CONNACK among the last packets may have failed.
    if (this.#link !== link) return;
    this.#endLink(link);
    if (link.live) this.engine.handleConnectionLost(end, this.#now);
    else this.engine.handleConnectFailed({ written: true, connackReceived: false }, this.#now);
  }

  #endLink(link: Link): void {
    this.#link = undefined;
    this.#runner.link = undefined;
    if (link.connection !== undefined) link.connection.session.lostAt = this.#now;
  }

  #disconnect(random: Random): void {
    const link = this.#link;
    if (link?.live !== true) return;
    // What was handed over is flushed first.
    this.#runner.commitAll(this.#session);
    while (link.toBroker.length > 0) this.#brokerTakes(link, random);
    this.#endLink(link);
    if (random.chance(30)) {
      this.trace?.push('disconnect, session ended');
      this.engine.endSession(this.#now);
      this.#brokers.endSession(link.broker, link.connection?.session);
      this.#session = undefined;
      this.#forgetDeliveries();
      // disconnect() resolves when this is stored.
      this.#runner.commitAll(this.#session);
    } else {
      this.trace?.push('disconnect');
      this.engine.handleDisconnected(this.#now);
      this.application.disconnected();
    }
    ensure(this.application.openRequests.size === 0, 'a request outlives disconnect()');
  }

  #loseSession(random: Random): void {
    // A broker does not lose the session of a connection it has.
    if (this.#link !== undefined) return;
    this.trace?.push('the broker loses its sessions');
    this.#brokers.loseSessions(random);
  }

  /** A broker gives up on a message it has sent and whose PUBACK is missing, and uses the identifier again. */
  #brokerGivesUp(): void {
    if (this.#link !== undefined) return;
    const deliveries = this.#session?.deliveries ?? [];
    const index = deliveries.findIndex(({ qos, state }) => qos === 1 && state === 'publish');
    const [gone] = index < 0 ? [] : deliveries.splice(index, 1);
    if (gone === undefined) return;
    this.#expected.delete(gone.topic);
    this.#session?.abandoned.add(gone.packetIdentifier);
  }

  // -- Killed

  #crash(): void {
    const { persistent } = this.#scenario.settings;
    if (!persistent) return;
    this.trace?.push('the process is killed');
    if (this.#link !== undefined) this.#endLink(this.#link);
    this.application.crash();
    const { store, committedSession } = this.#runner;
    this.#runner = this.#newRunner(new Map(store));
    this.#runner.committedSession = committedSession;
    if (this.#session !== committedSession) this.#forgetDeliveries();
    this.#session = committedSession as BrokerSession | undefined;
    this.engine = this.#newEngine();
    // In no particular order: a store promises none.
    const entries = [...this.#runner.store].sort(([a], [b]) => (a < b ? 1 : -1));
    const report = this.engine.restore(entries, this.#now);
    ensure(report.damaged.length === 0, `damaged: ${JSON.stringify(report.damaged)}`);
    const restored = new Set([...this.engine.exchanges()].map(({ topic }) => topic));
    for (const sent of this.application.unfinished()) {
      const completed = sent.ref !== undefined && this.engine.adopt(sent.ref) !== undefined;
      if (!restored.has(sent.topic) && !completed) sent.forgotten = true;
    }
    // Taken back, and killed before that was committed.
    for (const topic of restored) {
      const sent = this.application.find(topic);
      sent.outcome = undefined;
      sent.released = false;
      // A restored exchange counts as written.
      sent.writtenInSession = this.#observer.engineSession;
      sent.takenInSession = sent.taken > 0 ? this.application.session : 0;
    }
    this.#adopt();
    // PUBREC came, and the process was killed before that was committed.
    for (const exchange of this.engine.exchanges()) {
      if (exchange.phase !== 'awaitPubcomp') this.application.find(exchange.topic).releasedInSession = 0;
    }
  }

  /** Producers of the new process ask for what became of their messages (I-09, Q-07). */
  #adopt(): void {
    for (const sent of this.application.sent.values()) {
      const { ref, topic } = sent;
      if (ref === undefined || sent.forgotten) continue;
      const found = this.engine.adopt(ref);
      if (found === undefined) {
        ensure(sent.released || sent.outcome === undefined, `the outcome of ${topic} did not survive`);
        // Not even its record was committed.
        sent.released = true;
      } else if ('open' in found) {
        ensure(found.open.topic === topic, `${topic} adopts ${found.open.topic}`);
      } else {
        // Whether it was reported or released before the kill: nobody can know.
        sent.outcome = found.completed;
        sent.released = false;
      }
    }
  }

  #written(link: Link, packet: Packet): void {
    this.trace?.push(`client sends ${describe(packet)}`);
    link.toBroker.push(packet);
    this.#observer.written(packet);
  }

  // -- The broker's side of receiving

  #brokerPublishes(random: Random): void {
    const session = this.#session;
    if (session === undefined) return;
    const topic = `b/${this.#delivered}`;
    this.#delivered += 1;
    if (random.chance(25)) {
      if (this.#link?.live === true) this.#link.connection?.publishQoS0(topic);
      return;
    }
    const qos = random.pick([1, 2] as const);
    const delivery: Delivery = {
      topic,
      qos,
      packetIdentifier: 0,
      state: 'queued',
      sentOn: 0,
      sent: false,
      uncertain: false,
    };
    session.deliveries.push(delivery);
    // reliability.md, "Whose session it is", (b): after a doubt only DUP 0 tells a new message from one that is here.
    if (qos === 1 || !this.application.ambiguous) this.#expected.set(topic, delivery);
    this.#link?.connection?.pump();
  }

  /** No more faults: everything has to come to its end. */
  #quiesce(): void {
    this.trace?.push('-- quiet');
    this.#quiet = true;
    const random = new Random(this.#scenario.seed);
    this.#runner.commitAll(this.#session);
    const calm = new Random(7);
    for (let round = 0; round < 400; round += 1) {
      this.#runner.room = true;
      if (this.#link === undefined) this.#connect(calm);
      this.engine.handleRoom(this.#now);
      const link = this.#link;
      if (link !== undefined) {
        while (link.toBroker.length > 0) this.#brokerTakes(link, random);
        for (let later = 0; later < 20; later += 1) link.connection?.answerLater();
        while (link.toClient.length > 0 && this.#link === link) this.#clientTakes(link);
        link.connection?.pump();
      }
      while (this.application.held.length > 0) this.#acknowledge(random);
      this.#runner.commitAll(this.#session);
      for (const sent of this.application.sent.values()) if (isCompleted(sent)) this.#releaseOne(sent);
      this.#runner.commitAll(this.#session);
      if (this.#isQuiet()) return this.#checkEnd();
    }
    this.#checkEnd();
  }

  #isQuiet(): boolean {
    const link = this.#link;
    if (link?.live !== true || link.toBroker.length > 0 || link.toClient.length > 0 || link.connection?.idle !== true)
      return false;
    return this.engine.queued === 0 && this.engine.inflight === 0 && this.application.openRequests.size === 0;
  }

  #checkEnd(): void {
    const link = this.#link;
    ensure(link?.live === true && link.connection !== undefined, 'never connected');
    for (const sent of this.application.unfinished()) ensure(false, `${sent.topic} has not ended`);
    ensure(
      this.engine.queued === 0 && this.engine.inflight === 0,
      `queued ${this.engine.queued}, in flight ${this.engine.inflight}`,
    );
    ensure(this.engine.sendQuota === link.connection.limits.receiveMaximum, 'a slot of the send quota is missing');
    ensure(this.application.openRequests.size === 0, 'a request has not ended');
    ensure(this.engine.pollTimeout() === undefined, 'a timeout without a message');
    for (const { topic, uncertain } of this.#expected.values())
      ensure(uncertain || this.application.given.has(topic), `${topic} was never given`);
    ensure(link.connection.session.deliveries.length === 0, 'a delivery was never acknowledged');
    this.#checkStore();
  }

  #checkStore(): void {
    for (const key of this.#runner.store.keys()) {
      // Identifiers that stay taken until the session ends, and incoming messages the broker has forgotten in a doubt.
      const taken = key.startsWith('o/') && this.#runner.store.get(key)?.[1] === TAKEN_KIND;
      const leftover = key !== 'meta' && !taken && !(key.startsWith('i/') && this.application.doubted);
      ensure(!leftover, `${key} is left in the store`);
    }
  }
}

const TAKEN_KIND = 0x74;

/** Ended, and its producer has not settled yet. */
function isCompleted({ ref, outcome, released, forgotten }: Sent): boolean {
  return ref !== undefined && outcome !== undefined && !released && !forgotten;
}

function describe(packet: Packet): string {
  const { type } = packet;
  const identifier = 'packetIdentifier' in packet ? ` ${packet.packetIdentifier}` : '';
  if (type === 'publish')
    return `publish${identifier} ${packet.topicName} QoS ${packet.qos}${packet.dup ? ' DUP' : ''}`;
  return 'reasonCode' in packet && packet.reasonCode !== 0
    ? `${type}${identifier} 0x${packet.reasonCode.toString(16)}`
    : `${type}${identifier}`;
}
