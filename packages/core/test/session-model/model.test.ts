// SPDX-License-Identifier: Apache-2.0
//
// The engine against its reference model, over random faults. `MQTTV5_SEEDS=1000000` runs that many, `MQTTV5_SEED=n` one.

import { expect, test } from 'vitest';
import { checkSeed } from './check-seed.ts';

const DEFAULT_SEEDS = 10_000;
const only = Number(process.env['MQTTV5_SEED'] ?? Number.NaN);
const seeds = Number(process.env['MQTTV5_SEEDS'] ?? DEFAULT_SEEDS);

test(
  'nothing is lost, doubled or left hanging over random faults, and stored state is enough after a kill (T-068)',
  () => {
    const failure = firstFailure();
    expect(failure, failure).toBeUndefined();
  },
  Math.max(60_000, seeds * 20),
);

function firstFailure(): string | undefined {
  if (!Number.isNaN(only)) return checkSeed(only);
  for (let seed = 1; seed <= seeds; seed += 1) {
    const failure = checkSeed(seed);
    if (failure !== undefined) return failure;
  }
  return undefined;
}
