// SPDX-License-Identifier: Apache-2.0

/** One file of the log. */
export class Segment {
  readonly number: number;
  readonly name: string;
  /** What the checksums of its records begin with. */
  readonly seed: number;
  /** Bytes, header included. */
  size: number;
  /** Entries whose record stands here. Zero: nothing but what later segments do not need. */
  entries = 0;

  constructor(number: number, seed: number, size: number) {
    this.number = number;
    this.name = segmentName(number);
    this.seed = seed;
    this.size = size;
  }
}

const NAME = /^segment-(\d{16})\.log$/;

export function segmentName(number: number): string {
  return `segment-${String(number).padStart(16, '0')}.log`;
}

export function segmentNumber(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
