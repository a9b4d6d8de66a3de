// SPDX-License-Identifier: Apache-2.0

/**
 * Something in the directory that could not be read.
 *
 * - `"tornTail"`: the end of the log is not complete. What stood there had not been confirmed to anybody (with `sync` other
 *   than "none"): this is what a killed process or a power failure leaves, and no loss.
 * - `"record"`: a record, or several, fail their checksum. An entry that was stored there is lost; one whose removal was
 *   noted there comes back.
 * - `"header"`: the head of a segment fails its checksum; its records were read all the same.
 * - `"segment"`: a whole segment is missing.
 */
export interface QueueDamage {
  readonly kind: 'tornTail' | 'record' | 'header' | 'segment';
  /** Name of the file in the queue's directory. */
  readonly file: string;
  /** Where it begins in the file, and how many bytes it is. */
  readonly offset: number;
  readonly length: number;
  /** The file in the queue's directory that the bytes were saved to; absent when there was nothing worth saving. */
  readonly savedAs?: string;
}
