// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** The root of the repository. */
export const root: string = join(import.meta.dirname, '..', '..');

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** The process and everything it started are killed after this time. A step that hangs must not take CI's whole hour. */
  timeoutMs?: number;
  /** Keep the output instead of passing it on. */
  capture?: boolean;
}

export interface RunResult {
  /** 0 only if the process ended by itself and said so. */
  code: number;
  output: string;
}

/** Runs a program to its end. Tools of the workspace are found in node_modules/.bin, and so is Node 24. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const stdio = options.capture ? 'pipe' : 'inherit';
  const child = spawn(command, args, {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', stdio, stdio],
    // A group of its own, so that a timeout reaches grandchildren too.
    detached: process.platform !== 'win32',
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);

  const killGroup = (): void => {
    if (child.pid === undefined || child.exitCode !== null) return;
    try {
      process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGKILL');
    } catch {
      // It ended in between.
    }
  };
  const onSignal = (): void => {
    killGroup();
    process.exit(130);
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const timeoutMs = options.timeoutMs ?? 10 * 60_000;
  const timer = setTimeout(() => {
    console.error(`${command} ${args.join(' ')}: killed after ${timeoutMs} ms`);
    killGroup();
  }, timeoutMs);

  try {
    // 'close' and not 'exit': by then the output is complete.
    const [code] = (await once(child, 'close')) as [code: number | null];
    return { code: code ?? 1, output };
  } catch (error) {
    return { code: 127, output: `${output}${String(error)}\n` };
  } finally {
    clearTimeout(timer);
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}
