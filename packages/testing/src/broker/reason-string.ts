// SPDX-License-Identifier: Apache-2.0

/** Enough to explain, and far from the 65,535 bytes a string may have. */
const maximumCharacters = 200;

/** A Reason String: explanations quote what a client sent, which may be as long as a string can be. */
export function reasonString(explanation: string): string {
  if (explanation.length <= maximumCharacters) return explanation;
  // By code point: half a surrogate pair is no legal string [MQTT-1.5.4-1].
  return `${Array.from(explanation.slice(0, maximumCharacters)).slice(0, -1).join('')}…`;
}
