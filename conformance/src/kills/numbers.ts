// SPDX-License-Identifier: Apache-2.0
//
// What the number in a message's id (`RUN-NUMBER`) says about it.

function numberIn(id: string): number {
  return Number(id.split('-')[1]);
}

export function qosOf(id: string): 1 | 2 {
  return numberIn(id) % 2 === 0 ? 2 : 1;
}

/** Whether it goes to the topic that the broker refuses. At both QoS levels. */
export function isRefused(id: string): boolean {
  return numberIn(id) % 5 === 4;
}
