// SPDX-License-Identifier: Apache-2.0
//
// SqliteSessionStore and FilePublisherQueue on every runtime they are promised for, on the built packages: what a killed process
// had accepted, and one that ended without closing anything, is delivered by the next one. QoS 2 once. The kills of kills/ at
// every step are Node's; here is what differs from runtime to runtime: the native addon, the locks, the file system.

import { join } from 'node:path';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { SqliteSessionStore } from '@mqttv5/store-sqlite';
import { Child } from '@mqttv5/support/child';
import { temporaryDirectory } from '@mqttv5/support/temporary-directory';
import { beforeAll, describe, expect, test } from 'vitest';
import { Receiver } from '../durable/receiver.ts';
import { assertBuilt, runtimes } from './commands.ts';

const program = join(import.meta.dirname, 'durable.ts');
/** What docs/runtimes.md says Deno has to be given. */
const PERMISSIONS = ['--allow-net', '--allow-read', '--allow-write', '--allow-sys', '--allow-ffi'];
/** Enough to begin QoS 1 and QoS 2 exchanges, end some, and leave others at each of their steps. */
const ANSWERS = 7;

beforeAll(assertBuilt);

/** What a run says it has accepted. */
async function accepted(child: Child): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let line = await child.line(); line !== 'accepted'; line = await child.line()) {
    expect(line, child.errors).toMatch(/^[+]|^session present /u);
    if (line?.startsWith('+') === true) ids.push(line.slice(1));
  }
  return ids;
}

describe('what was accepted on disk is delivered by the next process, QoS 2 once', { timeout: 60_000 }, () => {
  test.each(runtimes(PERMISSIONS))('%s: after SIGKILL, and after an exit without close', async (_, command) => {
    const directory = temporaryDirectory();
    const receiver = await Receiver.start();
    const start = (run: string, end: string) => Child.command(command, program, receiver.url, directory, run, end);

    receiver.answers = ANSWERS;
    const killed = start('killed', 'wait');
    const first = await accepted(killed);
    // Both are locked against another process, which here is another runtime.
    const path = join(directory, 'session.db');
    expect(() => SqliteSessionStore.open({ path })).toThrow(expect.objectContaining({ code: 'LOCKED' }));
    await expect(FilePublisherQueue.open({ directory: join(directory, 'queue') })).rejects.toMatchObject({
      code: 'LOCKED',
    });
    await killed.kill();
    expect(await killed.ended()).toBe('SIGKILL');
    receiver.publish('inbox', 'while you were away');

    receiver.answers = ANSWERS;
    const exited = start('exited', 'exit');
    const second = await accepted(exited);
    expect(await exited.ended()).toBe(3);

    const waiting = await FilePublisherQueue.open({ directory: join(directory, 'queue') });
    expect(waiting.size).toBeGreaterThan(ANSWERS);
    await waiting.close();

    receiver.answers = Number.POSITIVE_INFINITY;
    const last = start('last', 'finish');
    const lines = await last.rest();
    expect([await last.ended(), last.errors]).toEqual([0, '']);
    expect(lines.filter((line) => !line.startsWith('+'))).toEqual([
      'session present true',
      'accepted',
      'inbox while you were away',
      'done',
    ]);
    const third = lines.filter((line) => line.startsWith('+')).map((line) => line.slice(1));

    const ids = [...first, ...second, ...third];
    expect([first.length, second.length, third.length]).toEqual([15, 15, 15]);
    expect([...receiver.received.keys()].toSorted()).toEqual(ids.toSorted());
    const repeated = [...receiver.received].filter(([, times]) => times > 1).map(([id]) => id);
    expect(repeated.filter((id) => id.endsWith('qos2'))).toEqual([]);

    const queue = await FilePublisherQueue.open({ directory: join(directory, 'queue') });
    expect([await queue.peek(-1, 1), queue.damaged]).toEqual([[], []]);
    await queue.close();
    const store = SqliteSessionStore.open({ path });
    expect([...store.load()].map(([key]) => key).filter((key) => /^[oci]\//u.test(key))).toEqual([]);
    store.close();
  });
});

describe('Deno without a permission says which one, in a StoreError', { timeout: 30_000 }, () => {
  const everywhere = [['--allow-ffi', 'session.db: Requires ffi access']] as const;
  // glibc or musl is asked only here, and only here a lock is a socket without a file.
  const onLinux = [
    ['--allow-sys', 'session.db: Requires sys access'],
    ['--allow-net', 'queue: Requires net access'],
  ] as const;

  test.each(process.platform === 'linux' ? [...everywhere, ...onLinux] : everywhere)('%s', async (missing, message) => {
    const directory = temporaryDirectory();
    const permissions = PERMISSIONS.filter((permission) => permission !== missing);
    const [, command = []] = runtimes(permissions).find(([name]) => name === 'Deno') ?? [];
    const child = Child.command(command, program, 'mqtt://127.0.0.1:1', directory, 'run', 'finish');
    const lines = await child.rest();
    expect(await child.ended()).toBe(1);
    expect(lines).toEqual([expect.stringMatching(/^FAILED STORE_FAILED /u)]);
    expect(lines[0]).toContain(message);
  });
});
