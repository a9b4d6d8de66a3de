// SPDX-License-Identifier: Apache-2.0

import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** A program of this directory in a process of its own, and the lines it writes. Killed when the test is over, if not before. */
export class Child {
  readonly #process: ChildProcessByStdio<null, Readable, Readable>;
  readonly #exited: Promise<unknown>;
  readonly #lines: AsyncIterator<string>;
  #errors = '';

  constructor(file: string, ...parameters: readonly string[]) {
    const program = fileURLToPath(new URL(file, import.meta.url));
    this.#process = spawn(process.execPath, ['--conditions=@mqttv5/source', program, ...parameters], {
      stdio: ['ignore', 'pipe', 'pipe'],
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

  /** The next line; undefined once it has ended. */
  async line(): Promise<string | undefined> {
    const next = await this.#lines.next();
    return next.done === true ? undefined : next.value;
  }

  /** All lines that are left, once it has ended by itself or by `kill`. */
  async rest(): Promise<readonly string[]> {
    const lines: string[] = [];
    for (let line = await this.line(); line !== undefined; line = await this.line()) lines.push(line);
    await this.#exited;
    return lines;
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  /** The exit code, or the signal that ended it. */
  async ended(): Promise<number | string | null> {
    await this.#exited;
    return this.#process.signalCode ?? this.#process.exitCode;
  }
}
