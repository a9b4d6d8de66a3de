// SPDX-License-Identifier: Apache-2.0

import type { MaybePromise, PublisherQueue } from '@mqttv5/core';
import type { ContractCase } from './contract.ts';
import { boundCases } from './publisher-queue/bounds.ts';
import { copyCases } from './publisher-queue/copies.ts';
import { deadCases } from './publisher-queue/dead.ts';
import { identityCases } from './publisher-queue/identity.ts';
import { lifeCases } from './publisher-queue/life.ts';
import { orderCases } from './publisher-queue/order.ts';
import { reopenCases } from './publisher-queue/reopen.ts';

/**
 * What a `PublisherQueue` has to do, as cases for any test runner:
 * `for (const c of publisherQueueContract(open)) test(c.name, c.run)`.
 *
 * `open` gives a new, empty queue each time it is called; a case closes the queues it was given. With `reopen`, which
 * opens the queue that `open` or `reopen` gave last and that has been closed since, what has to survive is checked too.
 * No case depends on another.
 *
 * @example
 * ```ts
 * import { test } from 'node:test';
 * import { MemoryPublisherQueue } from '@mqttv5/core';
 * import { publisherQueueContract } from '@mqttv5/testing';
 *
 * for (const c of publisherQueueContract(() => new MemoryPublisherQueue())) test(c.name, c.run);
 * ```
 */
export function publisherQueueContract(
  open: () => MaybePromise<PublisherQueue>,
  options: { reopen?: () => MaybePromise<PublisherQueue> } = {},
): readonly ContractCase[] {
  const { reopen } = options;
  return [
    ...orderCases(open),
    ...identityCases(open),
    ...copyCases(open),
    ...boundCases(open),
    ...deadCases(open),
    ...lifeCases(open),
    ...(reopen === undefined ? [] : reopenCases(open, reopen)),
  ];
}
