// SPDX-License-Identifier: Apache-2.0

import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const SOURCE = '--conditions=@mqttv5/source';

/** A child process that runs a TypeScript file of this directory, and the lines it writes. */
export class Child {
  readonly #process: ChildProcessByStdio<null, Readable, Readable>;
  readonly #exited: Promise<unknown>;
  readonly #lines: AsyncIterator<string>;
  #errors = '';

  private constructor(command: string, parameters: readonly string[]) {
    this.#process = spawn(command, parameters, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#exited = once(this.#process, 'close');
    this.#process.stderr.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()));
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
    onTestFinished(async () => await this.kill());
  }

  static run(file: string, ...parameters: readonly string[]): Child {
    return new Child(process.execPath, [SOURCE, fileURLToPath(new URL(file, import.meta.url)), ...parameters]);
  }

  /** With files limited to `kibibytes`: writing beyond fails with EFBIG, as a full disk fails with ENOSPC. */
  static runOnSmallDisk(kibibytes: number, file: string, ...parameters: readonly string[]): Child {
    // `ulimit -f` counts blocks of 512 bytes; ignored signals stay ignored over exec.
    const script = `trap '' XFSZ; ulimit -f ${kibibytes * 2}; exec "$@"`;
    const path = fileURLToPath(new URL(file, import.meta.url));
    return new Child('/bin/sh', ['-c', script, 'sh', process.execPath, SOURCE, path, ...parameters]);
  }

  /** The next line it writes; undefined once it has ended. */
  async line(): Promise<string | undefined> {
    const next = await this.#lines.next();
    return next.done === true ? undefined : next.value;
  }

  /** All lines that are left, once it has ended. */
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

  /** As a process that is swapped out or debugged: it lives and does nothing. */
  stop(): void {
    this.#process.kill('SIGSTOP');
  }

  /** How it ended: the exit code, or the signal. */
  async ended(): Promise<number | string | null> {
    await this.#exited;
    return this.#process.signalCode ?? this.#process.exitCode;
  }

  get errors(): string {
    return this.#errors;
  }
}
