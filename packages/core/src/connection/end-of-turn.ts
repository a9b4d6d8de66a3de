// SPDX-License-Identifier: Apache-2.0
//
// When to write what a turn of the event loop has produced.

/**
 * Promise reactions waited for where the platform cannot say that all have run: enough for a loop that awaits
 * `publish()` through a few async functions to get its next packet into the same write.
 */
const REACTIONS = 8;

/** With what to call it with, so that whoever writes every turn needs no function of its own. */
type Defer = <T>(callback: (target: T) => void, target: T) => void;

/**
 * Calls back with `target` when the code that runs now and the promise reactions that follow from it are done, before any further event
 * is handled.
 *
 * A plain microtask is too early: `for (…) await client.publish(…)` would have one packet in each write. Node, Bun and
 * Deno run a tick that was set in a microtask after the last microtask.
 */
export const atEndOfTurn: Defer = makeAtEndOfTurn(findNextTick());

/** `atEndOfTurn` for a platform that has `nextTick`, or has not. */
export function makeAtEndOfTurn(nextTick: Defer | undefined): Defer {
  if (!nextTick) return (callback, target) => afterReactions(REACTIONS, () => callback(target));
  return (callback, target) => queueMicrotask(() => nextTick(callback, target));
}

/** Looked up rather than imported, since browsers have none. */
function findNextTick(): Defer | undefined {
  const host: unknown = Reflect.get(globalThis, 'process');
  if (typeof host !== 'object' || host === null || !('nextTick' in host)) return undefined;
  // What bundlers put in the place of Node's `process` counts ticks in their own way.
  if (('browser' in host && host.browser === true) || typeof host.nextTick !== 'function') return undefined;
  // Node documents this signature.
  const nextTick = host.nextTick as Defer;
  return (callback, target) => nextTick(callback, target);
}

function afterReactions(count: number, callback: () => void): void {
  queueMicrotask(count === 0 ? callback : () => afterReactions(count - 1, callback));
}
