// SPDX-License-Identifier: Apache-2.0

/**
 * What went wrong, for programs to branch on.
 *
 * - `INVALID_OPTION`: an option or argument is unknown, of the wrong type or out of range
 * - `INVALID_TOPIC`: a topic name that may not be published to
 * - `LISTEN_FAILED`: a port could not be opened; `cause` has the system's error
 * - `CLOSED`: the broker, or the scripted connection, is closed
 * - `TIMEOUT`: a scripted wait ran out; the message lists what came instead
 * - `UNEXPECTED_PACKET`: another packet came than the one expected, or one that no client may send
 */
export type TestingErrorCode =
  | 'INVALID_OPTION'
  | 'INVALID_TOPIC'
  | 'LISTEN_FAILED'
  | 'CLOSED'
  | 'TIMEOUT'
  | 'UNEXPECTED_PACKET';

/** Every error this package throws. Branch on `code`: it is the contract, the message is for people. */
export class TestingError extends Error {
  override readonly name: string = 'TestingError';
  /** What went wrong. */
  readonly code: TestingErrorCode;

  constructor(code: TestingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The error for an option that is not what it has to be; `what` names option and expectation. */
export function invalidOption(what: string): TestingError {
  return new TestingError('INVALID_OPTION', what);
}

/**
 * Refuses keys nobody knows: a misspelt option that is silently ignored makes a test that proves nothing.
 *
 * @throws TestingError `INVALID_OPTION`, naming the known key it most resembles
 */
export function assertKnownKeys(subject: string, value: object, known: readonly string[]): void {
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const near = nearest(known, key);
    const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`;
    throw invalidOption(`${subject} has no option ${JSON.stringify(key)}; ${hint}`);
  }
}

/** The name it takes the fewest changes to, if they are fewer than half of it. */
function nearest(names: readonly string[], key: string): string | undefined {
  let best: string | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const changes = editDistance(name.toLowerCase(), key.toLowerCase());
    if (changes >= fewest || changes * 2 >= name.length) continue;
    best = name;
    fewest = changes;
  }
  return best;
}

/** Levenshtein distance, one row at a time; names here are short. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
