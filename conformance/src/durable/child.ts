// SPDX-License-Identifier: Apache-2.0

import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** The gateway in a process of its own: lines to it, lines from it. Killed when the test is over, if not before. */
export class Child {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #exited: Promise<unknown>;
  readonly #lines: AsyncIterator<string>;
  #errors = '';

  constructor(...parameters: readonly string[]) {
    const program = fileURLToPath(new URL('gateway.ts', import.meta.url));
    this.#process = spawn(process.execPath, ['--conditions=@mqttv5/source', program, ...parameters], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // A third of the time to start: what a child that ended by itself has compiled, the next one loads.
      env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'mqttv5-compile-cache') },
    });
    this.#exited = once(this.#process, 'close');
    this.#process.stderr.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()));
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
    onTestFinished(async () => await this.kill());
  }

  get errors(): string {
    return this.#errors;
  }

  say(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  /** The next line; undefined once it has ended. */
  async line(): Promise<string | undefined> {
    const next = await this.#lines.next();
    return next.done === true ? undefined : next.value;
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }
}
