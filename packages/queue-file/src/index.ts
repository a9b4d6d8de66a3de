// SPDX-License-Identifier: Apache-2.0

export type { QueueDamage } from './damage.ts';
export { FilePublisherQueue } from './file-publisher-queue.ts';
export type { FilePublisherQueueOptions } from './open-options.ts';
