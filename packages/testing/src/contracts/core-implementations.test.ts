// SPDX-License-Identifier: Apache-2.0
//
// The implementations core ships keep the contracts core declares. Checked here, since core does not depend on its tests' helpers.

import { MemoryPublisherQueue, MemorySessionStore } from '@mqttv5/core';
import { expect, test } from 'vitest';
import { publisherQueueContract } from './publisher-queue-contract.ts';
import { sessionStoreContract } from './session-store-contract.ts';

const cases = [
  ...sessionStoreContract(() => new MemorySessionStore()),
  ...publisherQueueContract(() => new MemoryPublisherQueue()),
];

test.each(cases)('in memory: $name', async ({ run }) => {
  await expect(run()).resolves.toBeUndefined();
});
