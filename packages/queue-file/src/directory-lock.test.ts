// SPDX-License-Identifier: Apache-2.0
//
// The way of the platforms without named sockets, which works on every POSIX system.

import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, expect, test } from 'vitest';
import { temporaryDirectory } from '@mqttv5/support/temporary-directory';
import { lockAmongSockets } from './directory-lock.ts';

describe.skipIf(process.platform === 'win32')('a lock among sockets', () => {
  test('keeps a second one out until it is released, and leaves nothing', async () => {
    const sockets = temporaryDirectory();
    const lock = await lockAmongSockets(sockets, 'queue');
    await expect(lockAmongSockets(sockets, 'queue')).rejects.toMatchObject({ code: 'LOCKED' });
    await lock.release();
    expect(readdirSync(sockets)).toEqual([]);
    await (await lockAmongSockets(sockets, 'queue')).release();
  });

  test('clears away what a dead process has left', async () => {
    const sockets = temporaryDirectory();
    writeFileSync(join(sockets, '0123456789abcdef.sock'), '');
    const lock = await lockAmongSockets(sockets, 'queue');
    expect(readdirSync(sockets)).toHaveLength(1);
    await lock.release();
    expect(readdirSync(sockets)).toEqual([]);
  });

  test('is never given to two of those who come at once', async () => {
    const sockets = temporaryDirectory();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, async () => await lockAmongSockets(sockets, 'queue')),
    );
    const locks = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(locks.length).toBeLessThanOrEqual(1);
    for (const { value } of locks) await value.release();
    expect(readdirSync(sockets)).toEqual([]);
  });
});
