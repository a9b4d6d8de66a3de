// SPDX-License-Identifier: Apache-2.0

/** Something was observed that the promises rule out. */
export class ModelFailure extends Error {}

export function ensure(condition: boolean, what: string): asserts condition {
  if (!condition) throw new ModelFailure(what);
}
