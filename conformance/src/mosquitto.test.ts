// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createAuthority } from '@mqttv5/support/certificates';
import { requireMosquitto, startMosquitto } from './mosquitto.ts';
import type { Mosquitto, MosquittoOptions } from './mosquitto.ts';

// CONNECT, Clean Start 0, keep alive 60 s, Session Expiry Interval 60 s, client identifier "c".
const CONNECT = '101300044d51545405 00003c 05110000003c 000163'.replaceAll(' ', '');
// The same with user name "u" and password "p".
const CONNECT_USER = '101900044d51545405 c0003c 05110000003c 000163 000175 000170'.replaceAll(' ', '');

describe.runIf(requireMosquitto())('the Mosquitto of the tests', () => {
  const running: Mosquitto[] = [];
  const start = async (options?: MosquittoOptions): Promise<Mosquitto> => {
    const broker = await startMosquitto(options);
    running.push(broker);
    return broker;
  };
  afterEach(async () => {
    await Promise.all(running.splice(0).map((broker) => broker.close()));
  });

  test('accepts a CONNECT on its plain listener', async () => {
    const broker = await start();
    expect(await connack(tcp(broker))).toMatchObject({ sessionPresent: false, reasonCode: 0 });
  });

  test('two of them run side by side, each with its own ports', async () => {
    const [one, two] = await Promise.all([start(), start()]);
    expect(one.url).not.toBe(two.url);
    expect(await connack(tcp(one))).toMatchObject({ reasonCode: 0 });
    expect(await connack(tcp(two))).toMatchObject({ reasonCode: 0 });
  });

  test('accepts TLS from a client that trusts its authority, and from no other', async () => {
    const broker = await start({ tls: true });
    expect(await connack(tls(broker, { ca: broker.authority.ca }))).toMatchObject({ reasonCode: 0 });
    await expect(connack(tls(broker, { ca: (await createAuthority()).ca }))).rejects.toThrow(
      /signature|verify|self.signed/i,
    );
  });

  test('with tls "clientCertificate", admits only clients of its authority', async () => {
    const broker = await start({ tls: 'clientCertificate' });
    const { ca } = broker.authority;
    const known = await broker.authority.issue({ commonName: 'device-1' });
    expect(await connack(tls(broker, { ca, ...known }))).toMatchObject({ reasonCode: 0 });
    await expect(connack(tls(broker, { ca }))).rejects.toThrow(/certificate|closed|reset/i);
  });

  test('its WebSocket listeners upgrade to the subprotocol mqtt, plain and over TLS', async () => {
    const broker = await start({ webSocket: true, tls: true });
    const secure = connectTls({
      port: Number(new URL(broker.secureWebSocketUrl).port),
      host: '127.0.0.1',
      servername: 'localhost',
      ca: broker.authority.ca,
    });
    const plain = connectTcp(Number(new URL(broker.webSocketUrl).port), '127.0.0.1');
    expect(await upgrade(plain)).toMatch(/^HTTP\/1\.1 101 [\s\S]*sec-websocket-protocol: mqtt/i);
    expect(await upgrade(secure)).toMatch(/^HTTP\/1\.1 101 [\s\S]*sec-websocket-protocol: mqtt/i);
  });

  test('with users, refuses everybody else with 0x87', async () => {
    const broker = await start({ users: { u: 'p' } });
    expect(await connack(tcp(broker), CONNECT_USER)).toMatchObject({ reasonCode: 0 });
    expect(await connack(tcp(broker))).toMatchObject({ reasonCode: 0x87 });
  });

  test('with persistence, SIGTERM keeps the session over a restart on the same port and SIGKILL does not', async () => {
    const broker = await start({ persistence: true });
    const { url } = broker;
    await connack(tcp(broker));
    await broker.restart('SIGTERM');
    expect(broker.url).toBe(url);
    expect(await connack(tcp(broker))).toMatchObject({ sessionPresent: true });

    const fresh = await start({ persistence: true });
    await connack(tcp(fresh));
    await fresh.restart('SIGKILL');
    expect(await connack(tcp(fresh))).toMatchObject({ sessionPresent: false });
  });

  test('stop ends the process, close also removes the directory; both may be called again', async () => {
    const broker = await start({ persistence: true });
    const { pid } = broker;
    await broker.stop();
    await broker.stop();
    expect(broker.pid).toBeUndefined();
    expect(isAlive(pid)).toBe(false);
    expect(existsSync(broker.directory)).toBe(true);
    await broker.close();
    await broker.close();
    expect(existsSync(broker.directory)).toBe(false);
  });

  test('freeze stops the answers and keeps the connections; thaw lets it go on', async () => {
    const [frozen, other] = await Promise.all([start(), start()]);
    frozen.freeze();
    let answered = false;
    const answer = connack(tcp(frozen)).finally(() => (answered = true));
    // Another broker has answered five times by now.
    for (let round = 0; round < 5; round += 1) await connack(tcp(other));
    expect(answered).toBe(false);
    frozen.thaw();
    expect(await answer).toMatchObject({ reasonCode: 0 });
  });

  test('a configuration it rejects is reported with its log, and nothing stays behind', async () => {
    await expect(start({ config: ['no_such_setting 1'] })).rejects.toThrow(/no_such_setting|Unknown configuration/);
  });

  test('dies with the process that started it, even when that is killed', async () => {
    const module = join(import.meta.dirname, 'mosquitto.ts');
    const program = `
      const { startMosquitto } = await import(${JSON.stringify(module)});
      const broker = await startMosquitto();
      console.log(broker.pid, broker.directory);
    `;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(owner.stdout, 'data');
    const [pid = '', directory = ''] = String(line).trim().split(' ');
    owner.kill('SIGKILL');
    await vi.waitFor(() => expect(isAlive(Number(pid))).toBe(false), { timeout: 5_000, interval: 20 });
    rmSync(directory, { recursive: true });
  });
});

describe('where Mosquitto is missing', () => {
  const withoutMosquitto = { PATH: '' };

  test.each([
    { name: 'its tests are skipped with a warning', require: '', code: 0, output: 'false' },
    { name: 'CI fails', require: '1', code: 1, output: 'MQTTV5_REQUIRE_BROKERS is 1, but mosquitto is not installed' },
  ])('$name', async ({ require, code, output }) => {
    // The real search also looks in sbin, so this process gets a search that finds nothing.
    const module = join(import.meta.dirname, 'mosquitto.ts');
    const program = `
      const fs = await import('node:fs');
      const { syncBuiltinESMExports } = await import('node:module');
      fs.default.accessSync = () => { throw new Error('not there'); };
      syncBuiltinESMExports();
      const { requireMosquitto } = await import(${JSON.stringify(module)});
      console.log(String(requireMosquitto()));
    `;
    const env = { ...withoutMosquitto, MQTTV5_REQUIRE_BROKERS: require };
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { env });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const [exitCode] = await once(child, 'close');
    expect(exitCode).toBe(code);
    expect(text).toContain(output);
    expect(text.includes('SKIPPED')).toBe(code === 0);
  });
});

function tcp(broker: Mosquitto): Duplex {
  return connectTcp(Number(new URL(broker.url).port), '127.0.0.1');
}

function tls(broker: Mosquitto, options: { ca: string; cert?: string; key?: string }): Duplex {
  return connectTls({
    port: Number(new URL(broker.tlsUrl).port),
    host: '127.0.0.1',
    servername: 'localhost',
    ...options,
  });
}

/** Sends a CONNECT and reads the first five bytes of the answer; the connection is closed afterwards. */
async function connack(socket: Duplex, connect = CONNECT): Promise<{ sessionPresent: boolean; reasonCode: number }> {
  socket.write(Buffer.from(connect, 'hex'));
  try {
    const bytes = await Promise.race([
      once(socket, 'data').then(([chunk]) => chunk as Buffer),
      once(socket, 'close').then(() => Promise.reject(new Error('closed without an answer'))),
    ]);
    expect(bytes[0]).toBe(0x20);
    return { sessionPresent: bytes[2] === 1, reasonCode: bytes[3] ?? -1 };
  } finally {
    socket.destroy();
  }
}

async function upgrade(socket: Duplex): Promise<string> {
  const lines = [
    'GET /mqtt HTTP/1.1',
    'Host: localhost',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Protocol: mqtt',
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return chunk.toString();
}

function isAlive(pid: number | undefined): boolean {
  try {
    process.kill(pid ?? 0, 0);
    return true;
  } catch {
    return false;
  }
}
