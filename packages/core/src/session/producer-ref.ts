// SPDX-License-Identifier: Apache-2.0

/**
 * What ties an exchange to the entry of a publisher queue (invariant I-13): the queue's own random id and the entry's
 * sequence. @internal
 */
export interface ProducerRef {
  /** 32 hexadecimal digits. */
  readonly queueId: string;
  readonly sequence: number;
}

/** One string per Ref, also the end of its key in a store. @internal */
export function refKey(ref: ProducerRef): string {
  return `${ref.queueId}/${ref.sequence}`;
}
