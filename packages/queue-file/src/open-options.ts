// SPDX-License-Identifier: Apache-2.0

import { resolve } from 'node:path';
import { MqttError } from '@mqttv5/core';
import type { QueueDamage } from './damage.ts';

/** How `FilePublisherQueue.open` opens a queue. */
export interface FilePublisherQueueOptions {
  /** Where the queue's files are. Made, with the directories above it, when it is missing. One queue a directory. */
  directory: string;
  /**
   * When a call is durable.
   *
   * - `"group"`: it is on the disk when its promise resolves, so it survives a power failure; calls that are made while the
   *   disk is busy share the next sync.
   * - `"always"`: the same, with one sync for each call.
   * - `"none"`: it is with the operating system when its promise resolves, so it survives a killed process, not a power
   *   failure.
   *
   * @defaultValue "group"
   */
  sync?: 'group' | 'always' | 'none' | undefined;
  /**
   * Most bytes that the entries in the queue may take, as they are stored; beyond, `enqueue` rejects with `QUEUE_FULL`.
   * The files are at most about twice that and two segments, and a reserve of a quarter of one (at most 1 MiB).
   *
   * Unit: bytes.
   * @defaultValue no bound
   */
  maximumBytes?: number | undefined;
  /**
   * Size at which the log goes on in another file. Smaller files give space back in smaller steps.
   *
   * Unit: bytes. Integer, 4096 to 1 GiB.
   * @defaultValue 4 MiB
   */
  segmentBytes?: number | undefined;
  /**
   * Called for everything that cannot be read, at `open` and later. Without it, damage other than a torn tail is a process
   * warning (`MQTTV5_QUEUE_DAMAGED`). What it throws is an uncaught exception.
   */
  onDamage?: ((damage: QueueDamage) => void) | undefined;
}

export interface OpenPlan {
  readonly directory: string;
  readonly sync: 'group' | 'always' | 'none';
  readonly maximumBytes: number;
  readonly segmentBytes: number;
  readonly onDamage: ((damage: QueueDamage) => void) | undefined;
}

const KNOWN = ['directory', 'sync', 'maximumBytes', 'segmentBytes', 'onDamage'] as const;
const SMALLEST_SEGMENT = 4096;
const LARGEST_SEGMENT = 1024 ** 3;

export function planOpen(options: FilePublisherQueueOptions): OpenPlan {
  if (typeof options !== 'object' || options === null)
    throw invalid('FilePublisherQueue.open needs an options object with a directory');
  for (const key of Object.keys(options)) if (!isKnown(key)) throw invalid(unknownKey(key));
  const { directory, sync = 'group', maximumBytes, segmentBytes = 4 * 1024 * 1024, onDamage } = options;
  if (typeof directory !== 'string' || directory === '')
    throw invalid('directory must name the directory of the queue');
  if (directory.includes('\0')) throw invalid('directory contains U+0000');
  if (sync !== 'group' && sync !== 'always' && sync !== 'none')
    throw invalid(`sync must be "group", "always" or "none", not ${JSON.stringify(sync)}`);
  if (maximumBytes !== undefined && !(Number.isSafeInteger(maximumBytes) && maximumBytes > 0))
    throw invalid(`maximumBytes must be a positive integer, not ${String(maximumBytes)}`);
  if (!Number.isSafeInteger(segmentBytes) || segmentBytes < SMALLEST_SEGMENT || segmentBytes > LARGEST_SEGMENT)
    throw invalid(
      `segmentBytes must be an integer from ${SMALLEST_SEGMENT} to ${LARGEST_SEGMENT}, not ${segmentBytes}`,
    );
  if (onDamage !== undefined && typeof onDamage !== 'function') throw invalid('onDamage must be a function');
  return {
    directory: resolve(directory),
    sync,
    maximumBytes: maximumBytes ?? Number.POSITIVE_INFINITY,
    segmentBytes,
    onDamage,
  };
}

function isKnown(key: string): boolean {
  return KNOWN.some((known) => known === key);
}

function unknownKey(key: string): string {
  const folded = key.toLowerCase();
  const meant = KNOWN.find((known) => {
    const candidate = known.toLowerCase();
    return candidate.startsWith(folded) || folded.startsWith(candidate) || candidate.endsWith(folded);
  });
  const hint = meant === undefined ? `the options are ${KNOWN.join(', ')}` : `did you mean ${meant}?`;
  return `Unknown option ${JSON.stringify(key)} of FilePublisherQueue.open: ${hint}`;
}

function invalid(message: string): MqttError {
  return new MqttError('INVALID_OPTION', message);
}
