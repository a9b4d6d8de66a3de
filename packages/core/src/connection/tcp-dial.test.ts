// SPDX-License-Identifier: Apache-2.0

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import type { TlsOptions as TlsServerOptions, TLSSocket } from 'node:tls';
import { createAuthority, selfSigned } from '@mqttv5/support/certificates';
import { afterEach, describe, expect, test } from 'vitest';
import type { TlsOptions } from '../api/options.ts';
import type { Connection } from '../api/transport.ts';
import { systemClock } from '../clock.ts';
import { Counters } from '../stats.ts';
import { establish } from './establish.ts';
import { tcpDial } from './tcp-dial.ts';
import { tcpDial as browserDial } from './tcp-dial-browser.ts';
import { CONNECT, deferred, establishOptions, publish } from './testing-transport.ts';

const NEVER = new AbortController().signal;
const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function listen<S extends Server>(
  server: S,
  where: { port: number; host: string } | { path: string },
): Promise<S> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(where);
  await once(server, 'listening');
  cleanUps.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return server;
}

const loopback = { port: 0, host: '127.0.0.1' };

function portOf(server: Server): number {
  // Listening on TCP.
  return (server.address() as AddressInfo).port;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Sockets of this process, open or opening. */
function openSockets(): number {
  return process.getActiveResourcesInfo().filter((each) => each === 'TCPSocketWrap' || each === 'TCPConnectWrap')
    .length;
}

/** What a connection reports, and promises for it. */
interface Log {
  readonly connection: Connection;
  readonly data: Buffer[];
  readonly closed: Promise<Error | undefined>;
  /** Resolves when `count` bytes have arrived. */
  readonly received: (count: number) => Promise<Buffer>;
}

function started(connection: Connection): Log {
  const data: Buffer[] = [];
  const { promise: closed, resolve } = deferred<Error | undefined>();
  let wake: (() => void) | undefined;
  connection.start({
    data: (chunk) => {
      data.push(Buffer.from(chunk));
      wake?.();
    },
    drain: () => undefined,
    close: resolve,
  });
  cleanUps.push(() => connection.destroy());
  const received = async (count: number): Promise<Buffer> => {
    while (Buffer.concat(data).length < count) {
      await new Promise<void>((woken) => {
        wake = woken;
      });
    }
    return Buffer.concat(data);
  };
  return { connection, data, closed, received };
}

async function dialLog(url: string, tls?: TlsOptions): Promise<Log> {
  return started(await tcpDial(new URL(url), { signal: NEVER, tls }));
}

const failure = (url: string, tls?: TlsOptions): Promise<Error & { code: string; cause?: unknown }> =>
  tcpDial(new URL(url), { signal: NEVER, tls }).then(
    () => Promise.reject(new Error('connected')),
    (error: Error & { code: string }) => error,
  );

describe('TCP', () => {
  test.each(['mqtt', 'tcp'])('%s:// carries bytes both ways, whole and in order (T-298)', async (scheme) => {
    const server = await listen(
      createServer((socket) => socket.pipe(socket)),
      loopback,
    );
    const { connection, received } = await dialLog(`${scheme}://user:secret@127.0.0.1:${portOf(server)}`);
    const sent = Buffer.alloc(300_000, 'abc');
    const order: number[] = [];
    for (let i = 0; i < 3; i++) connection.write(sent.subarray(i * 100_000, (i + 1) * 100_000), () => order.push(i));
    expect((await received(sent.length)).equals(sent)).toBe(true);
    expect(order).toEqual([0, 1, 2]);
  });

  test('a Uint8Array that views the middle of its buffer is written as it is', async () => {
    const server = await listen(
      createServer((socket) => socket.pipe(socket)),
      loopback,
    );
    const { connection, received } = await dialLog(`mqtt://127.0.0.1:${portOf(server)}`);
    connection.write(new Uint8Array([0, 1, 2, 3, 4]).subarray(1, 4));
    expect([...(await received(3))]).toEqual([1, 2, 3]);
  });

  test('the FIN of the peer is an orderly close, behind all data', async () => {
    const server = await listen(
      createServer((socket) => socket.end('bye')),
      loopback,
    );
    const log = await dialLog(`mqtt://127.0.0.1:${portOf(server)}`);
    expect(await log.closed).toBeUndefined();
    expect(Buffer.concat(log.data).toString()).toBe('bye');
  });

  test('a close that came before start() is told by it', async () => {
    const server = await listen(
      createServer((socket) => socket.destroy()),
      loopback,
    );
    const connection = await tcpDial(new URL(`mqtt://127.0.0.1:${portOf(server)}`), { signal: NEVER });
    await nextTurn();
    expect(await started(connection).closed).toBeUndefined();
  });

  test('a reset that came before start() is told by it', async () => {
    const server = await listen(createServer(), loopback);
    const accepted = once(server, 'connection');
    const connection = await tcpDial(new URL(`mqtt://127.0.0.1:${portOf(server)}`), { signal: NEVER });
    const [socket] = (await accepted) as [Socket];
    socket.resetAndDestroy();
    for (let turn = 0; turn < 100; turn++) await nextTurn();
    expect(await started(connection).closed).toMatchObject({ code: 'ECONNRESET' });
  });

  test('the FIN of a peer that reads nothing any more is a close, however much is unsent', async () => {
    const server = await listen(createServer({ allowHalfOpen: true, pauseOnConnect: true }), loopback);
    const accepted = once(server, 'connection');
    const log = await dialLog(`mqtt://127.0.0.1:${portOf(server)}`);
    const [socket] = (await accepted) as [Socket];
    for (let i = 0; i < 64; i++) log.connection.write(new Uint8Array(1024 * 1024));
    socket.end();
    expect(await log.closed).toBeUndefined();
  });

  test('a reset is a close with its error', async () => {
    const server = await listen(createServer(), loopback);
    const accepted = once(server, 'connection');
    const log = await dialLog(`mqtt://127.0.0.1:${portOf(server)}`);
    const [socket] = (await accepted) as [Socket];
    socket.resetAndDestroy();
    expect(await log.closed).toMatchObject({ code: 'ECONNRESET' });
  });

  test('end() lets what was written arrive and then the FIN', async () => {
    const server = await listen(createServer(), loopback);
    const accepted = once(server, 'connection');
    const log = await dialLog(`mqtt://127.0.0.1:${portOf(server)}`);
    const [socket] = (await accepted) as [Socket];
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    log.connection.write(new Uint8Array(200_000));
    log.connection.end();
    await once(socket, 'end');
    expect(Buffer.concat(chunks)).toHaveLength(200_000);
    expect(await log.closed).toBeUndefined();
  });

  test('pause() stops reading until resume()', async () => {
    const server = await listen(createServer(), loopback);
    const accepted = once(server, 'connection');
    const log = await dialLog(`mqtt://127.0.0.1:${portOf(server)}`);
    const [socket] = (await accepted) as [Socket];
    log.connection.pause?.();
    await new Promise<void>((resolve) => {
      socket.write('hello', () => resolve());
    });
    await nextTurn();
    expect(log.data).toEqual([]);
    log.connection.resume?.();
    expect((await log.received(5)).toString()).toBe('hello');
  });

  test('a port where nothing listens: DIAL_FAILED at once, cause kept, no credentials in it (T-142)', async () => {
    const server = createServer().listen(loopback);
    await once(server, 'listening');
    const port = portOf(server);
    server.close();
    await once(server, 'close');
    const error = await failure(`mqtt://user:secret@127.0.0.1:${port}`);
    expect(error).toMatchObject({ code: 'DIAL_FAILED', cause: { code: 'ECONNREFUSED' } });
    expect(error.message).toContain(`mqtt://127.0.0.1:${port}: nothing listens there`);
    expect(error.message).not.toMatch(/user|secret/);
  });

  test('a name with several addresses names every reason', async () => {
    const server = createServer().listen({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const port = portOf(server);
    server.close();
    await once(server, 'close');
    const error = await failure(`mqtt://localhost:${port}`);
    expect(error.code).toBe('DIAL_FAILED');
    expect(error.message).toContain('nothing listens there');
  });

  test('an abort ends the dial with its reason, and leaves no socket (T-299)', async () => {
    const server = await listen(createServer(), loopback);
    const controller = new AbortController();
    const before = openSockets();
    const dial = tcpDial(new URL(`mqtt://127.0.0.1:${portOf(server)}`), { signal: controller.signal });
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(dial).rejects.toBe(reason);
    // The server's end of it goes too, a few turns later.
    for (let turn = 0; turn < 1000 && openSockets() > before; turn++) await nextTurn();
    // Those of earlier tests may have gone as well.
    expect(openSockets()).toBeLessThanOrEqual(before);
    await expect(tcpDial(new URL('mqtt://127.0.0.1:1'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('IPv6 addresses are dialled without their brackets', async () => {
    const server = createServer().listen({ port: 0, host: '127.0.0.1' });
    cleanUps.push(() => server.close());
    await once(server, 'listening');
    const error = await failure(`mqtt://[::1]:${portOf(server)}`);
    expect(error.message).toContain(`mqtt://[::1]:${portOf(server)}`);
    expect(error.cause).not.toMatchObject({ code: 'ENOTFOUND' });
  });

  test('other schemes are not its business: INVALID_BROKER_URL', async () => {
    expect(await failure('ws://127.0.0.1:1')).toMatchObject({ code: 'INVALID_BROKER_URL' });
  });

  test('where there is no TCP it says what to do', async () => {
    await expect(browserDial(new URL('mqtt://x'), { signal: NEVER })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('`dial`'),
    });
  });
});

describe('Unix sockets', () => {
  test.skipIf(process.platform === 'win32')('mqtt+unix:/path, percent-encoded or not', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mqttv5 '));
    cleanUps.push(() => rm(directory, { recursive: true }));
    const path = join(directory, 'broker.sock');
    await listen(
      createServer((socket) => socket.end('hi')),
      { path },
    );
    const log = await dialLog(`mqtt+unix:${path}`);
    expect((await log.received(2)).toString()).toBe('hi');
    const missing = await failure(`mqtt+unix:${join(directory, 'none.sock')}`);
    expect(missing).toMatchObject({ code: 'DIAL_FAILED', cause: { code: 'ENOENT' } });
    expect(missing.message).toContain('the socket does not exist');
    const long = await failure(`mqtt+unix:${join(directory, 'x'.repeat(120))}`);
    expect(long).toMatchObject({ code: 'DIAL_FAILED', message: expect.stringContaining('about 100 bytes') });
  });
});

describe('TLS', async () => {
  const authority = await createAuthority();
  const names = ['localhost', '127.0.0.1'];
  const good = await authority.issue({ commonName: 'broker', names });

  /** Answers each connection with what the server learned about it. */
  async function tlsServer(options: TlsServerOptions): Promise<number> {
    const server = createTlsServer({ cert: good.cert, key: good.key, ...options }, (socket: TLSSocket) => {
      socket.on('error', () => undefined);
      const { servername, alpnProtocol } = socket as TLSSocket & { servername?: string | false };
      const subject = socket.getPeerCertificate().subject?.CN;
      socket.write(JSON.stringify({ servername, alpnProtocol, subject, protocol: socket.getProtocol() }));
    });
    server.on('tlsClientError', () => undefined);
    return portOf(await listen(server, loopback));
  }

  async function learned(url: string, tls: TlsOptions): Promise<Record<string, unknown>> {
    const log = await dialLog(url, tls);
    // One small write arrives in one piece.
    const bytes = await log.received(1);
    return JSON.parse(bytes.toString()) as Record<string, unknown>;
  }

  test.each(['mqtts', 'ssl', 'tls'])('%s:// verifies against `ca` and names the host (T-300)', async (scheme) => {
    const port = await tlsServer({});
    expect(await learned(`${scheme}://localhost:${port}`, { ca: authority.ca })).toMatchObject({
      servername: 'localhost',
    });
  });

  test('an IP address is verified and is not sent as server name', async () => {
    const port = await tlsServer({});
    const seen = await learned(`mqtts://127.0.0.1:${port}`, { ca: [Buffer.from(authority.ca)] });
    expect(seen['servername']).toBe(false);
  });

  test('`servername`, `alpnProtocols`, `minVersion`', async () => {
    const port = await tlsServer({ ALPNProtocols: ['mqtt'] });
    const tls: TlsOptions = {
      ca: authority.ca,
      servername: 'localhost',
      alpnProtocols: ['mqtt'],
      minVersion: 'TLSv1.3',
    };
    expect(await learned(`mqtts://127.0.0.1:${port}`, tls)).toMatchObject({
      servername: 'localhost',
      alpnProtocol: 'mqtt',
      protocol: 'TLSv1.3',
    });
    const old = await tlsServer({ maxVersion: 'TLSv1.2' });
    const error = await failure(`mqtts://localhost:${old}`, { ca: authority.ca, minVersion: 'TLSv1.3' });
    expect(error.code).toBe('DIAL_FAILED');
  });

  test('client certificates, where the broker asks for one', async () => {
    const client = await authority.issue({ commonName: 'client one' });
    const port = await tlsServer({ requestCert: true, ca: authority.ca });
    const tls: TlsOptions = { ca: authority.ca, cert: client.cert, key: new TextEncoder().encode(client.key) };
    expect(await learned(`mqtts://localhost:${port}`, tls)).toMatchObject({ subject: 'client one' });
  });

  const refused: readonly {
    name: string;
    server: () => TlsServerOptions | Promise<TlsServerOptions>;
    host?: string;
    code: string;
    says: RegExp;
  }[] = [
    {
      name: 'an unknown issuer (system roots are the default)',
      server: () => ({}),
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      says: /issuer of the certificate is not known/,
    },
    {
      name: 'a self-signed certificate',
      server: () => selfSigned({ commonName: 'self', names }),
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
      says: /self-signed/,
    },
    {
      name: 'an expired certificate',
      server: () => authority.issue({ commonName: 'old', names, expired: true }),
      code: 'CERT_HAS_EXPIRED',
      says: /has expired/,
    },
    {
      name: 'a certificate for another host',
      server: () => authority.issue({ commonName: 'other', names: ['other.example'] }),
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
      says: /for another host/,
    },
  ];
  for (const { name, server, code, says } of refused) {
    test(`${name}: DIAL_FAILED that says so, never plain text instead`, async () => {
      const { cert, key } = await server();
      const port = await tlsServer(cert === undefined ? {} : { cert, key });
      const tls =
        code === 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' || code.includes('SELF') ? undefined : { ca: authority.ca };
      const error = await failure(`mqtts://user:secret@localhost:${port}`, tls);
      expect(error).toMatchObject({ code: 'DIAL_FAILED', cause: { code } });
      expect(error.message).toMatch(says);
      expect(error.message).not.toMatch(/user|secret/);
      const lax = await learned(`mqtts://localhost:${port}`, { rejectUnauthorized: false });
      expect(lax['protocol']).toMatch(/^TLS/);
    });
  }

  test('a port that does not speak TLS: DIAL_FAILED', async () => {
    const server = await listen(
      createServer((socket) => socket.end('HTTP/1.1 400\r\n\r\n')),
      loopback,
    );
    const error = await failure(`mqtts://localhost:${portOf(server)}`);
    expect(error.code).toBe('DIAL_FAILED');
    expect(error.message).toContain('does not speak TLS');
  });

  test('a port that accepts and closes: DIAL_FAILED', async () => {
    const server = await listen(
      createServer((socket) => socket.destroy()),
      loopback,
    );
    expect(await failure(`mqtts://localhost:${portOf(server)}`)).toMatchObject({ code: 'DIAL_FAILED' });
  });

  test('TLS material that cannot be read: INVALID_OPTION', async () => {
    const port = await tlsServer({});
    expect(await failure(`mqtts://localhost:${port}`, { cert: 'no', key: 'no' })).toMatchObject({
      code: 'INVALID_OPTION',
    });
    // OpenSSL would ignore it and then not know the issuer.
    const bytes = new TextEncoder().encode('/etc/ssl/ca.pem');
    for (const ca of ['/etc/ssl/ca.pem', bytes, [authority.ca, '']]) {
      expect(await failure(`mqtts://localhost:${port}`, { ca })).toMatchObject({
        code: 'INVALID_OPTION',
        message: expect.stringContaining('contents of a file, not its path'),
      });
    }
  });

  test('an abort ends a handshake that never answers', async () => {
    const server = await listen(createServer(), loopback);
    const controller = new AbortController();
    const accepted = once(server, 'connection');
    const dial = tcpDial(new URL(`mqtts://localhost:${portOf(server)}`), { signal: controller.signal });
    await accepted;
    controller.abort(new Error('enough'));
    await expect(dial).rejects.toThrow('enough');
  });
});

test('establish() over a real socket: publish, ping, disconnect, and nothing left', async () => {
  const server = await listen(
    createServer((socket) => {
      socket.once('data', () => {
        socket.write(Uint8Array.of(0x20, 3, 0, 0, 0));
        socket.on('data', () => socket.write(Uint8Array.of(0xd0, 0)));
      });
    }),
    loopback,
  );
  const counters = new Counters();
  const { link } = await establish(new URL(`mqtt://127.0.0.1:${portOf(server)}`), CONNECT, {
    ...establishOptions(undefined as never, undefined as never, counters),
    dial: tcpDial,
    clock: systemClock,
  });
  const { promise: closed, resolve } = deferred<string>();
  link.start({ packet: () => undefined, room: () => undefined, closed: (end) => resolve(end.error.code) });
  for (let i = 0; i < 1000; i++) link.send(publish('a', 1000));
  expect(await link.ping()).toBeGreaterThan(0);
  await link.disconnect({ type: 'disconnect', reasonCode: 0 });
  expect(await closed).toBe('CLOSED');
  expect(counters.bytesSent).toBeGreaterThan(1_000_000);
});
