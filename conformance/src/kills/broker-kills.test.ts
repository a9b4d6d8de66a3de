// SPDX-License-Identifier: Apache-2.0
//
// Gateway and broker are killed, in turns and together. The broker forgets its sessions with every kill, so exactly once is
// given up (reliability.md, promise 3); that everything accepted arrives is not.

import { join } from 'node:path';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { Child } from '@mqttv5/support/child';
import { temporaryDirectory } from '@mqttv5/support/temporary-directory';
import { expect, test } from 'vitest';
import { isRefused } from './numbers.ts';

const ROUNDS = Number(process.env['MQTTV5_KILLS'] ?? 18);
const BROKER = new URL('broker.ts', import.meta.url);
const GATEWAY = new URL('gateway.ts', import.meta.url);

/** A broker in a process of its own, started anew on the same port after each kill, and what all of its lives took over. */
class MortalBroker {
  readonly received = new Set<string>();
  #process: Child | undefined;
  #port = 0;

  get url(): string {
    return `mqtt://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    this.#process = Child.run(BROKER, String(this.#port));
    const line = await this.#process.line();
    const port = /^listening (\d+)$/.exec(line ?? '')?.[1];
    if (port === undefined) throw new Error(`the broker said ${line}: ${this.#process.errors}`);
    this.#port = Number(port);
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
    for (const line of (await this.#process?.rest()) ?? []) this.received.add(line.slice(1));
  }
}

test(`gateway and broker killed ${ROUNDS} times: everything accepted arrives or is a dead letter, and the queue ends empty`, {
  timeout: 60_000 + ROUNDS * 5_000,
}, async () => {
  const directory = temporaryDirectory();
  const broker = new MortalBroker();
  await broker.start();
  const accepted = new Set<string>();
  const deadLetters = new Set<string>();
  const hear = (line: string): void => {
    if (line.startsWith('+')) accepted.add(line.slice(1));
    if (line.startsWith('!')) deadLetters.add(line.slice(1));
  };

  let gateway = Child.run(GATEWAY, directory, broker.url, 'run0', '0');
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let lines = (round * 29) % 41; lines >= 0; lines -= 1) hear((await gateway.line()) ?? '');
    // By turns: the gateway, the broker under a living gateway, both at once.
    const both = round % 3 === 2;
    if (round % 3 !== 0) await Promise.all([broker.kill(), both ? gateway.kill() : undefined]);
    if (round % 3 !== 0) await broker.start();
    if (round % 3 === 1) continue;
    await gateway.kill();
    for (const line of await gateway.rest()) hear(line);
    gateway = Child.run(GATEWAY, directory, broker.url, `run${round + 1}`, '0');
  }
  await gateway.kill();
  for (const line of await gateway.rest()) hear(line);

  const last = Child.run(GATEWAY, directory, broker.url, 'last', '8');
  const lines = await last.rest();
  for (const line of lines) hear(line);
  expect(lines.at(-1), last.errors).toBe('done');
  await broker.kill();

  expect(accepted.size).toBeGreaterThan(ROUNDS);
  expect([...accepted].filter((id) => !(isRefused(id) ? deadLetters : broker.received).has(id))).toEqual([]);
  const queue = await FilePublisherQueue.open({ directory: join(directory, 'queue') });
  expect(await queue.peek(-1, 10)).toEqual([]);
  await queue.close();
});
