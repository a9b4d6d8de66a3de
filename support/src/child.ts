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

/**
 * A TypeScript program, on the sources, in a process of its own, and the lines it says (`say.ts`). Killed when the test is
 * over, if not before.
 */
export class Child {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #exited: Promise<unknown>;
  /** Read as they come: a process that waits for its reader would be a slower one than that of a user. */
  readonly #lines: string[] = [];
  #said = (): void => {};
  #silent = false;
  #errors = '';

  private constructor(command: string, parameters: readonly string[]) {
    this.#process = spawn(command, parameters, {
      stdio: ['pipe', 'pipe', 'pipe'],
      // A third of the time to start: what a child that ended by itself has compiled, the next one loads.
      env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'mqttv5-compile-cache') },
    });
    this.#exited = once(this.#process, 'close');
    this.#process.stderr.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()));
    createInterface({ input: this.#process.stdout })
      .on('line', (line) => {
        this.#lines.push(line);
        this.#said();
      })
      .on('close', () => {
        this.#silent = true;
        this.#said();
      });
    onTestFinished(async () => await this.kill());
  }

  static run(program: URL, ...parameters: readonly string[]): Child {
    return new Child(process.execPath, nodeArguments(program, parameters));
  }

  /** Another runtime than this one, or this one without the sources: the program stands in `command`. */
  static command(command: readonly string[], ...parameters: readonly string[]): Child {
    const [file = '', ...rest] = command;
    return new Child(file, [...rest, ...parameters]);
  }

  /** With files limited to `kibibytes`: writing beyond fails with EFBIG, as a full disk fails with ENOSPC. */
  static runOnSmallDisk(kibibytes: number, program: URL, ...parameters: readonly string[]): Child {
    // `ulimit -f` counts blocks of 512 bytes; ignored signals stay ignored over exec.
    const script = `trap '' XFSZ; ulimit -f ${kibibytes * 2}; exec "$@"`;
    return new Child('/bin/sh', ['-c', script, 'sh', process.execPath, ...nodeArguments(program, parameters)]);
  }

  /** What it has written to stderr so far. */
  get errors(): string {
    return this.#errors;
  }

  /** A line for its stdin. */
  tell(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  /** The next line; undefined once it has ended. */
  async line(): Promise<string | undefined> {
    while (this.#lines.length === 0 && !this.#silent) {
      await new Promise<void>((resolve) => {
        this.#said = resolve;
      });
    }
    return this.#lines.shift();
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

  /** As a process that is swapped out or debugged: it lives and does nothing. */
  stop(): void {
    this.#process.kill('SIGSTOP');
  }

  /** How it ended: the exit code, or the signal. */
  async ended(): Promise<number | string | null> {
    await this.#exited;
    return this.#process.signalCode ?? this.#process.exitCode;
  }
}

function nodeArguments(program: URL, parameters: readonly string[]): readonly string[] {
  return ['--conditions=@mqttv5/source', fileURLToPath(program), ...parameters];
}
