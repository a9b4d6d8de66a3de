// SPDX-License-Identifier: Apache-2.0

/** Longest an example may take. */
const DEADLINE_MS = 20_000;

/**
 * Begins an example: from here on it ends by itself, with an exit code other than 0 if what it shows did not happen in time.
 * Returns a prefix for topics, so that several can run on one broker.
 */
export function example(name: string): string {
  const timer = setTimeout(() => {
    console.error(`FAILED: ${name} is not done after ${DEADLINE_MS / 1000} s`);
    process.exit(1);
  }, DEADLINE_MS);
  timer.unref();
  return `examples/${name}/${Math.random().toString(36).slice(2, 8)}`;
}

/** Ends the example with exit code 1 if what it shows did not happen. */
export function check(happened: boolean, what: string): asserts happened {
  if (happened) return;
  console.error(`FAILED: ${what}`);
  process.exit(1);
}
