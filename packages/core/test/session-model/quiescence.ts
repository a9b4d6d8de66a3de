// SPDX-License-Identifier: Apache-2.0
//
// The end of a schedule: without more faults everything has to come to its end, and nothing may be left.

import type { ApplicationSteps } from './application-steps.ts';
import type { LinkSteps } from './link-steps.ts';
import { ensure } from './model-failure.ts';
import { Random } from './random.ts';
import type { WorldState } from './world-state.ts';

const TAKEN_KIND = 0x74;

/** No more faults: everything has to come to its end. */
export function quiesce(state: WorldState, application: ApplicationSteps, links: LinkSteps): void {
  const random = new Random(state.scenario.seed);
  state.commitAll();
  const calm = new Random(7);
  for (let round = 0; round < 400; round += 1) {
    state.runner.room = true;
    if (state.link === undefined) links.connect(calm);
    state.engine.handleRoom(state.now);
    const { link } = state;
    if (link !== undefined) {
      while (link.toBroker.length > 0) links.brokerTakes(link, random);
      for (let later = 0; later < 20; later += 1) link.connection?.answerLater();
      while (link.toClient.length > 0 && state.link === link) links.clientTakes(link);
      link.connection?.pump();
    }
    while (state.application.held.length > 0) application.acknowledge(random);
    state.commitAll();
    application.releaseAll();
    state.commitAll();
    if (isQuiet(state)) break;
  }
  checkEnd(state);
}

function isQuiet({ application, engine, link }: WorldState): boolean {
  if (link?.live !== true || link.toBroker.length > 0 || link.toClient.length > 0 || link.connection?.idle !== true)
    return false;
  return engine.queued === 0 && engine.inflight === 0 && application.openRequests.size === 0;
}

function checkEnd(state: WorldState): void {
  const { application, engine, link } = state;
  ensure(link?.live === true && link.connection !== undefined, 'never connected');
  for (const sent of application.unfinished()) ensure(false, `${sent.topic} has not ended`);
  ensure(engine.queued === 0 && engine.inflight === 0, `queued ${engine.queued}, in flight ${engine.inflight}`);
  ensure(engine.sendQuota === link.connection.limits.receiveMaximum, 'a slot of the send quota is missing');
  ensure(application.openRequests.size === 0, 'a request has not ended');
  ensure(engine.pollTimeout() === undefined, 'a timeout without a message');
  for (const { topic, uncertain } of state.expected.values())
    ensure(uncertain || application.given.has(topic), `${topic} was never given`);
  ensure(link.connection.session.deliveries.length === 0, 'a delivery was never acknowledged');
  checkStore(state);
}

function checkStore({ application, runner: { store } }: WorldState): void {
  for (const [key, value] of store) {
    // Identifiers that stay taken until the session ends, and incoming messages the broker has forgotten in a doubt.
    const taken = key.startsWith('o/') && value[1] === TAKEN_KIND;
    const leftover = key !== 'meta' && !taken && !(key.startsWith('i/') && application.doubted);
    ensure(!leftover, `${key} is left in the store`);
  }
}
