// SPDX-License-Identifier: Apache-2.0
// The smoke suite on every runtime the client promises, each from its npm package, on the built packages: what is published
// is what runs. docs/runtimes.md has the table of what a runtime cannot do.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scramMethod, startBroker } from '@mqttv5/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority } from '@mqttv5/support/certificates';
import { assertBuilt, conformance, runtimes } from './commands.ts';
import { CUT_TOPIC, USER } from './smoke.ts';

const program = join(import.meta.dirname, 'main.ts');

// What a client needs: the network, and the environment for SMOKE_CA.
const each = runtimes(['--allow-all']);

describe('the smoke suite', { timeout: 40_000 }, () => {
  const opened: (() => Promise<unknown>)[] = [];
  let urls: readonly string[] = [];
  let ca = '';

  beforeAll(async () => {
    assertBuilt();
    const authority = await createAuthority();
    ca = authority.ca;
    const forSmoke: Parameters<typeof startBroker>[0] = {
      enhancedAuth: {
        'SCRAM-SHA-256': scramMethod({ hash: 'SHA-256', users: { [USER.username]: USER.password } }),
      },
      intercept: (direction, packet) =>
        direction === 'in' && packet.type === 'publish' && packet.topicName === CUT_TOPIC ? 'cut' : undefined,
    };
    const plain = await startBroker({ ...forSmoke, webSocketPort: 0 });
    opened.push(() => plain.close());
    const tls = await authority.issue({ commonName: 'broker', names: ['localhost'] });
    const secure = await startBroker({ ...forSmoke, tls });
    opened.push(() => secure.close());
    const socket = await unixSocket(Number(new URL(plain.url).port), opened);
    urls = [
      `tcp=${plain.url}`,
      `ws=${plain.webSocketUrl}`,
      `tls=${secure.url.replace('127.0.0.1', 'localhost')}`,
      `unix=mqtt+unix:${socket}`,
    ];
  });
  afterAll(async () => {
    for (const close of opened.toReversed()) await close();
  });

  test.each(each)('%s: TCP, WebSocket, TLS and a Unix socket', async (_, command) => {
    expect(await run([...command, program, ...urls], { SMOKE_CA: ca })).toEqual({
      code: 0,
      output: 'OK tcp\nOK ws\nOK tls\nOK unix\n',
    });
  });

  test.each(each)('%s: refuses a certificate of an unknown authority, and one for another host', async (_, command) => {
    const tls = urls.find((url) => url.startsWith('tls=')) ?? '';
    const refused = { code: 1, output: 'FAILED tls DIAL_FAILED\n' };
    expect(
      await run([...command, program, tls], { SMOKE_CA: (await createAuthority('another authority')).ca }),
    ).toEqual(refused);
    expect(await run([...command, program, tls.replace('localhost', '127.0.0.1')], { SMOKE_CA: ca })).toEqual(refused);
  });
});

/** A Unix socket that leads to a port. */
async function unixSocket(port: number, opened: (() => Promise<unknown>)[]): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'mqttv5-unix-'));
  const path = join(directory, 'mqtt.sock');
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.pipe(other);
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
    }
  }).listen(path);
  await once(server, 'listening');
  opened.push(async () => {
    const closed = once(server, 'close');
    server.close();
    await closed;
    rmSync(directory, { recursive: true });
  });
  return path;
}

/** Standard error is part of the output: a warning of the runtime is news. */
function run(command: readonly string[], env: Record<string, string>): Promise<{ code: number; output: string }> {
  const [file = '', ...args] = command;
  const options = { cwd: conformance, env: { ...process.env, ...env, NODE_OPTIONS: '' }, timeout: 30_000 };
  return new Promise((resolve) => {
    execFile(file, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr });
    });
  });
}
