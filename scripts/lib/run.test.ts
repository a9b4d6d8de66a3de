// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { expect, test } from 'vitest';
import { run } from './run.ts';

test('the exit code and the whole output come back', async () => {
  const { code, output } = await run('node', ['-e', 'console.log("a"); console.error("b"); process.exit(3)'], {
    capture: true,
  });
  expect(code).toBe(3);
  expect(output.split('\n').toSorted()).toEqual(['', 'a', 'b']);
});

test('a program that is not there is a failure', async () => {
  expect(await run('no-such-program-of-mqttv5', [], { capture: true })).toMatchObject({ code: 127 });
});

test('a timeout kills the process and what it started', async () => {
  // The grandchild holds a connection: its end is seen as the end of the connection.
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const grandchild = `require('node:net').connect(${port}, '127.0.0.1')`;
  const child = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(grandchild)}], { stdio: 'inherit' })`;
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const running = run('node', ['-e', child], { capture: true, timeoutMs: 2_000 });
  const [socket] = await connected;
  const ended = once(
    socket.resume().on('error', () => undefined),
    'close',
  );
  expect((await running).code).not.toBe(0);
  await ended;
  server.close();
});
