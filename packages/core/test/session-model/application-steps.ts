// SPDX-License-Identifier: Apache-2.0
//
// What the application asks of the engine, and what its producers settle.

import type { AckReasonCode } from '../../src/api/receive.ts';
import { isMqttError } from '../../src/errors.ts';
import type { ControlRequest, OutboundMessage } from '../../src/session/effects.ts';
import { newSuspicion } from '../../src/session/effects.ts';
import type { Sent } from './model-application.ts';
import { ensure } from './model-failure.ts';
import type { Random } from './random.ts';
import type { WorldState } from './world-state.ts';

const NO_BYTES = new Uint8Array(0);
const LARGE = new Uint8Array(200);

export class ApplicationSteps {
  readonly #state: WorldState;
  #published = 0;

  constructor(state: WorldState) {
    this.#state = state;
  }

  publish(random: Random): void {
    const state = this.#state;
    const { engine } = state;
    const qos = random.pick([0, 1, 1, 2, 2] as const);
    if (qos === 0 && state.link?.live !== true) return;
    const topic = `m/${this.#published}`;
    const message: OutboundMessage = {
      topic,
      payload: random.chance(5) ? LARGE : NO_BYTES,
      qos,
      retain: false,
      properties: random.chance(15) ? { messageExpiryInterval: random.below(6) } : undefined,
    };
    const ref = qos > 0 && random.chance(25) ? { queueId: 'queue', sequence: this.#published } : undefined;
    state.trace?.push(`publish ${topic} QoS ${qos}${ref === undefined ? '' : ' with Ref'}`);
    this.#published += 1;
    // Announced first: it may leave within the call.
    const sent = state.application.accept(topic, qos, ref);
    try {
      const instant = message.properties === undefined ? state.instant() : state.now;
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
  release(random: Random): void {
    const ended = [...this.#state.application.sent.values()].filter((sent) => isCompleted(sent));
    if (ended.length > 0) this.#releaseOne(random.pick(ended));
  }

  /** Producers settle whatever is left. */
  releaseAll(): void {
    for (const sent of this.#state.application.sent.values()) if (isCompleted(sent)) this.#releaseOne(sent);
  }

  #releaseOne(sent: Sent): void {
    const { engine } = this.#state;
    const { ref, topic } = sent;
    if (ref === undefined) return;
    const found = engine.adopt(ref);
    ensure(found !== undefined && 'completed' in found, `the outcome of ${topic} is not kept`);
    ensure(found.completed.error?.code === sent.outcome?.error?.code, `${topic} has another outcome`);
    engine.releaseCompleted(ref);
    ensure(engine.adopt(ref) === undefined, `the outcome of ${topic} is kept for ever`);
    sent.released = true;
  }

  withdraw(random: Random): void {
    const { application, engine, now, trace } = this.#state;
    const candidates = [...application.unfinished()].filter(({ exchange }) => exchange !== undefined);
    if (candidates.length === 0) return;
    const sent = random.pick(candidates);
    const { exchange } = sent;
    if (exchange === undefined || exchange.settled) return;
    const { everWritten: written } = exchange;
    const withdrawn = engine.withdraw(exchange, now);
    trace?.push(`withdraw ${sent.topic}: ${withdrawn}`);
    ensure(withdrawn === !written, `${sent.topic} withdrawn: ${withdrawn}, written: ${written}`);
    if (withdrawn) {
      sent.outcome = { result: { reasonCode: -1 } };
      sent.released = true;
    }
  }

  acknowledge(random: Random): void {
    const { application, engine, trace } = this.#state;
    if (application.held.length === 0) return;
    const [given] = application.held.splice(random.below(application.held.length), 1);
    if (given === undefined) return;
    const code: AckReasonCode = random.chance(10) ? 0x83 : 0x00;
    given.answered = code;
    trace?.push(`acknowledge ${given.topic} ${code}`);
    if (code >= 0x80) application.mayBeGivenAgain(given.topic);
    engine.acknowledge(given.exchange, code);
    // Twice does nothing (V-036).
    engine.acknowledge(given.exchange, 0x00);
  }

  request(random: Random): void {
    const { application, engine } = this.#state;
    const { openRequests } = application;
    if (openRequests.size > 6) return;
    const filter = { topicFilter: 'a/#', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const request: ControlRequest = {
      type: random.chance(70) ? 'subscribe' : 'unsubscribe',
      filters: [filter],
      suspicion: newSuspicion(),
    };
    openRequests.add(request);
    engine.request(request);
    if (random.chance(10) && engine.withdrawRequest(request)) openRequests.delete(request);
  }
}

/** Ended, and its producer has not settled yet. */
function isCompleted({ ref, outcome, released, forgotten }: Sent): boolean {
  return ref !== undefined && outcome !== undefined && !released && !forgotten;
}
