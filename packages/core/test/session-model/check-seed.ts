// SPDX-License-Identifier: Apache-2.0

import { scenario } from './scenario.ts';
import type { Scenario } from './scenario.ts';
import { World } from './world.ts';

/** Runs one seed. A failure is shrunk and told with everything that happened; undefined when all is well. */
export function checkSeed(seed: number): string | undefined {
  const whole = scenario(seed);
  const message = failureOf(whole);
  if (message === undefined) return undefined;
  const smallest = shrink(whole, kindOf(message) ?? '');
  const trace: string[] = [];
  try {
    new World(smallest, trace).run();
  } catch (error) {
    trace.push(`✗ ${String(error)}`);
  }
  const { steps: _steps, ...rest } = smallest;
  return [
    `seed ${seed}: ${message}`,
    `repeat with MQTTV5_SEED=${seed}; shrunk from ${whole.steps.length} to ${smallest.steps.length} steps:`,
    JSON.stringify(rest),
    ...trace,
  ].join('\n');
}

function failureOf(candidate: Scenario): string | undefined {
  try {
    new World(candidate).run();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Leaves out whatever the failure does not need: halves, quarters, … single steps, until nothing more can go. */
function shrink(failing: Scenario, kind: string): Scenario {
  let current = failing;
  for (let size = current.steps.length >> 1; size >= 1; ) {
    const smaller = withoutSome(current, size, kind);
    if (smaller !== undefined) current = smaller;
    else size = size === 1 ? 0 : size >> 1;
  }
  return current;
}

function withoutSome(current: Scenario, size: number, kind: string): Scenario | undefined {
  for (let from = 0; from < current.steps.length; from += size) {
    const steps = [...current.steps.slice(0, from), ...current.steps.slice(from + size)];
    const candidate = { ...current, steps };
    // Another failure would be another story.
    if (kindOf(failureOf(candidate)) === kind) return candidate;
  }
  return undefined;
}

/** Without the numbers, which change as steps go. */
function kindOf(message: string | undefined): string | undefined {
  return message?.replaceAll(/\d+/g, '#');
}
