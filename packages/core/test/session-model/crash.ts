// SPDX-License-Identifier: Apache-2.0
//
// The process is killed, and the next one has the store alone: what it must find there, and what may be gone.

import { ensure } from './model-failure.ts';
import type { WorldState } from './world-state.ts';

export function crash(state: WorldState): void {
  const { application, observer } = state;
  if (!state.scenario.settings.persistent) return;
  state.trace?.push('the process is killed');
  if (state.link !== undefined) state.endLink(state.link);
  application.crash();
  state.restart();
  const { engine } = state;
  // In no particular order: a store promises none.
  const entries = [...state.runner.store].sort(([a], [b]) => (a < b ? 1 : -1));
  const report = engine.restore(entries, state.now);
  ensure(report.damaged.length === 0, `damaged: ${JSON.stringify(report.damaged)}`);
  const restored = new Set([...engine.exchanges()].map(({ topic }) => topic));
  for (const sent of application.unfinished()) {
    const completed = sent.ref !== undefined && engine.adopt(sent.ref) !== undefined;
    if (!restored.has(sent.topic) && !completed) sent.forgotten = true;
  }
  // Taken back, and killed before that was committed.
  for (const topic of restored) {
    const sent = application.find(topic);
    sent.outcome = undefined;
    sent.released = false;
    // A restored exchange counts as written.
    sent.writtenInSession = observer.engineSession;
    sent.takenInSession = sent.taken > 0 ? application.session : 0;
  }
  adoptOutcomes(state);
  // PUBREC came, and the process was killed before that was committed.
  for (const exchange of engine.exchanges()) {
    if (exchange.phase !== 'awaitPubcomp') application.find(exchange.topic).releasedInSession = 0;
  }
}

/** Producers of the new process ask for what became of their messages (I-09, Q-07). */
function adoptOutcomes({ application, engine }: WorldState): void {
  for (const sent of application.sent.values()) {
    const { ref, topic } = sent;
    if (ref === undefined || sent.forgotten) continue;
    const found = engine.adopt(ref);
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
