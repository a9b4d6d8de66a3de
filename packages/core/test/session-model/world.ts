// SPDX-License-Identifier: Apache-2.0
//
// The engine, brokers, a network that cuts, an application that calls at any time, and a process that can be killed: which of
// them does something in a step, and who is told what the engine decides.

import type { Packet, PublishPacket } from '@mqttv5/wire';
import { StoreError } from '../../src/errors.ts';
import type {
  ControlRequest,
  InboundExchange,
  PublishExchange,
  PublishOutcome,
  RequestOutcome,
} from '../../src/session/effects.ts';
import { ApplicationSteps } from './application-steps.ts';
import { BrokerSteps } from './broker-steps.ts';
import { crash } from './crash.ts';
import { LinkSteps } from './link-steps.ts';
import type { Link } from './model-brokers.ts';
import { ensure } from './model-failure.ts';
import type { RunnerHooks } from './model-runner.ts';
import { quiesce } from './quiescence.ts';
import { Random } from './random.ts';
import type { Scenario } from './scenario.ts';
import { describe, WorldState } from './world-state.ts';

type Step = [weight: number, run: (random: Random) => void];

export class World implements RunnerHooks {
  readonly #state: WorldState;
  readonly #application: ApplicationSteps;
  readonly #links: LinkSteps;
  readonly #brokers: BrokerSteps;
  readonly #steps: readonly Step[];
  readonly #totalWeight: number;
  /** Of this step, for what is done from within calls. */
  #random: Random = new Random(0);
  #quiet = false;

  /** Everything that happens is told to `trace`. */
  constructor(scenario: Scenario, trace?: string[]) {
    this.#state = new WorldState(scenario, this, trace);
    this.#application = new ApplicationSteps(this.#state);
    this.#links = new LinkSteps(this.#state);
    this.#brokers = new BrokerSteps(this.#state);
    this.#steps = this.#allSteps();
    this.#totalWeight = this.#steps.reduce((sum, [weight]) => sum + weight, 0);
  }

  // -- Steps

  run(): void {
    for (const number of this.#state.scenario.steps) this.#step(number);
    this.#state.trace?.push('-- quiet');
    this.#quiet = true;
    quiesce(this.#state, this.#application, this.#links);
  }

  #step(number: number): void {
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

  #endTurn(): void {
    const { runner, scenario, session } = this.#state;
    runner.endTurn(session);
    if (!scenario.slowStore) runner.commitAll(session);
  }

  #allSteps(): Step[] {
    const application = this.#application;
    const brokers = this.#brokers;
    const links = this.#links;
    const state = this.#state;
    return [
      [16, (random) => application.publish(random)],
      [26, (random) => links.brokerReceives(random)],
      [26, (random) => links.clientReceives(random)],
      [10, (random) => brokers.publish(random)],
      [16, (random) => application.acknowledge(random)],
      [8, (random) => links.connect(random)],
      [12, (random) => state.runner.commit(random.chance(4))],
      [4, (random) => application.release(random)],
      [6, () => state.link?.connection?.answerLater()],
      [4, (random) => application.request(random)],
      [2, (random) => application.withdraw(random)],
      [3, (random) => links.drop(random)],
      [1, (random) => links.disconnectedByBroker(random)],
      [1, (random) => links.disconnect(random)],
      [3, (random) => this.#changeRoom(random)],
      [4, (random) => this.#passTime(random)],
      [1, (random) => brokers.loseSession(random)],
      [1, () => brokers.giveUp()],
      [1, () => crash(state)],
    ];
  }

  #changeRoom(random: Random): void {
    const { engine, now, runner } = this.#state;
    runner.room = random.chance(60);
    if (runner.room) engine.handleRoom(now);
  }

  #passTime(random: Random): void {
    const { engine } = this.#state;
    this.#state.now += random.below(2500);
    const { now } = this.#state;
    const due = engine.pollTimeout();
    if (due !== undefined && due <= now) engine.handleTimeout(now);
    const next = engine.pollTimeout();
    ensure(next === undefined || next > now, 'a timeout that has passed remains');
  }

  // -- What the engine decides, as the runner tells it

  /** Whether the application does something from within what it is told. */
  #impulse(percent: number): boolean {
    return !this.#quiet && this.#random.chance(percent);
  }

  sending(packet: Packet): void {
    this.#state.observer.sending(packet);
  }

  written(link: object, packet: Packet): void {
    this.#state.trace?.push(`client sends ${describe(packet)}`);
    // The runner was given a `Link` and gives it back.
    (link as Link).toBroker.push(packet);
    this.#state.observer.written(packet);
  }

  deliver(packet: PublishPacket, topic: string, exchange: InboundExchange | undefined): void {
    this.#state.application.delivered(packet, topic, exchange);
    // Answered before the call returns, as "onReceipt" does.
    if (this.#impulse(15)) this.#application.acknowledge(this.#random);
  }

  decided(exchange: PublishExchange, outcome: PublishOutcome): void {
    this.#state.application.decided(exchange, outcome);
  }

  settled(exchange: PublishExchange, outcome: PublishOutcome): void {
    this.#state.trace?.push(`  settled ${exchange.topic} ${outcome.error?.code ?? 'ok'}`);
    this.#state.application.settled(exchange, outcome);
    // A caller that goes on at once.
    if (this.#impulse(15)) this.#application.publish(this.#random);
    if (this.#impulse(5)) this.#application.withdraw(this.#random);
  }

  answered(request: ControlRequest, outcome: RequestOutcome): void {
    this.#state.application.answered(request, outcome);
    // Not on disconnect(): there is nobody to ask any more.
    if (!('error' in outcome) && this.#impulse(20)) this.#application.request(this.#random);
  }

  firstPutFailed(exchange: PublishExchange): void {
    const { application, engine, now } = this.#state;
    const error = new StoreError('no space left', { delivery: 'notSent' });
    // A producer is told by the rejection itself. It may have ended otherwise before.
    if (!exchange.settled) application.find(exchange.topic).released = true;
    engine.rejectFirstPut(exchange, error, now);
  }
}
