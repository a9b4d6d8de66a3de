// SPDX-License-Identifier: Apache-2.0
// Our declarations name `AsyncDisposable`, and a program may be compiled without that library.
/// <reference lib="esnext.disposable" preserve="true" />

export type { QueueDamage } from './damage.ts';
export { FilePublisherQueue } from './file-publisher-queue.ts';
export type { FilePublisherQueueOptions } from './open-options.ts';
