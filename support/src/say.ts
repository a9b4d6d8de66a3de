// SPDX-License-Identifier: Apache-2.0

import { writeSync } from 'node:fs';

const STDOUT = 1;
const never = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes a line to stdout, for the test that started this process. When it returns the system has the line, so that it gets
 * there even if the process is killed next: `process.stdout.write` keeps lines in the process once its reader is a few
 * hundred behind, and SIGKILL takes them along.
 */
export function say(line: string): void {
  const bytes = Buffer.from(`${line}\n`);
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(STDOUT, bytes, written);
    } catch (error) {
      // Full: the other end of the pipe is one that does not wait, so this one has to.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      Atomics.wait(never, 0, 0, 1);
    }
  }
}
