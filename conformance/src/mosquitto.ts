// SPDX-License-Identifier: Apache-2.0
// A real Mosquitto for one test: its own configuration, free loopback ports, its own directory, ended by its process id.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { pbkdf2Sync, randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { createAuthority } from '@mqttv5/support/certificates';
import type { CertificateAuthority } from '@mqttv5/support/certificates';

export interface MosquittoOptions {
  /** Adds an mqtts listener with a certificate for localhost and 127.0.0.1. `"clientCertificate"` demands one of clients. [false] */
  tls?: boolean | 'clientCertificate';
  /** Adds a ws listener, and a wss one when `tls` is given. [false] */
  webSocket?: boolean;
  /** Keeps sessions over a restart: written at SIGTERM, and after every `autosave` changes. [false] */
  persistence?: boolean | { autosave: number };
  /** Only these may connect. [everybody] */
  users?: Readonly<Record<string, string>>;
  /** `max_inflight_messages`: Receive Maximum towards a client; 0 has no bound. [Mosquitto's: 20] */
  maximumInflight?: number;
  /** `max_queued_messages` per client; 0 has no bound. [Mosquitto's: 1000] */
  maximumQueued?: number;
  /** `max_queued_bytes` per client; 0 has no bound. [0] */
  maximumQueuedBytes?: number;
  /** Also logs every packet. [false] */
  logPackets?: boolean;
  /** Further lines of `mosquitto.conf`, such as `"max_keepalive 60"`. */
  config?: readonly string[];
}

export interface Mosquitto extends AsyncDisposable {
  /** `mqtt://127.0.0.1:PORT` */
  readonly url: string;
  /** `mqtts://localhost:PORT`, with the option `tls`. */
  readonly tlsUrl: string;
  /** `ws://127.0.0.1:PORT`, with the option `webSocket`. */
  readonly webSocketUrl: string;
  /** `wss://localhost:PORT`, with both. */
  readonly secureWebSocketUrl: string;
  /** Issued the server's certificate, and issues what clients show. */
  readonly authority: CertificateAuthority;
  /** Undefined while it is stopped. */
  readonly pid: number | undefined;
  /** Where its database is, with `persistence`. */
  readonly directory: string;
  /** What it logged since it was started first. */
  readonly log: readonly string[];
  /** Resolves to the first line that matches, from now on. */
  waitForLog(pattern: RegExp, options?: { signal?: AbortSignal }): Promise<string>;
  /** Ends it: SIGTERM writes the database, SIGKILL does not. Resolves when the process is gone. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Starts it again on the same ports. Resolves when it answers. */
  start(): Promise<void>;
  /** `stop` and `start`. */
  restart(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Stops answering without closing a connection (SIGSTOP), until `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Ends it and removes its directory. */
  close(): Promise<void>;
}

/** The program, or undefined where it is not installed. Debian keeps it in sbin, which is not in everybody's PATH. */
export function findMosquitto(): string | undefined {
  return findProgram('mosquitto', ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/sbin']);
}

/**
 * Whether tests against Mosquitto can run: `describe.runIf(requireMosquitto())`. Without the program they are skipped,
 * loudly and counted; where `MQTTV5_REQUIRE_BROKERS` is 1, as in CI, its absence is an error instead.
 */
export function requireMosquitto(): boolean {
  if (findMosquitto() !== undefined) return true;
  if (process.env['MQTTV5_REQUIRE_BROKERS'] === '1') {
    throw new Error('MQTTV5_REQUIRE_BROKERS is 1, but mosquitto is not installed');
  }
  console.warn(
    '\n*** mosquitto is not installed: the tests against it are SKIPPED (Debian: apt-get install mosquitto) ***\n',
  );
  return false;
}

/** Starts a Mosquitto. Resolves when every listener answers; rejects with its log when it does not. */
export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const program = findMosquitto();
  if (program === undefined) throw new Error('mosquitto is not installed');
  const broker = new MosquittoProcess(program, options, await createAuthority());
  // A port found free may be taken by the time Mosquitto binds it; then others are tried.
  for (let attempt = 1; ; attempt += 1) {
    try {
      await broker.configure();
      await broker.start();
      return broker;
    } catch (error) {
      if (attempt < 5 && broker.log.some((line) => line.includes('Address already in use'))) continue;
      await broker.close();
      throw error;
    }
  }
}

const READY = /mosquitto version \S+ running/;
const STOP_TIMEOUT_MS = 5_000;
const START_TIMEOUT_MS = 10_000;

interface Ports {
  mqtt: number;
  mqtts: number;
  ws: number;
  wss: number;
}

class MosquittoProcess implements Mosquitto {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'mqttv5-mosquitto-'));
  readonly authority: CertificateAuthority;
  readonly log: string[] = [];
  readonly #program: string;
  readonly #options: MosquittoOptions;
  readonly #logWaiters = new Set<(line: string) => void>();
  // The last resort when the test process exits in the middle of things; a killed one is what `setpriv` is for.
  readonly #onExit = (): void => {
    this.#child?.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  };
  #child: ChildProcess | undefined;
  #ports: Ports = { mqtt: 0, mqtts: 0, ws: 0, wss: 0 };

  constructor(program: string, options: MosquittoOptions, authority: CertificateAuthority) {
    this.#program = program;
    this.authority = authority;
    this.#options = options;
    process.once('exit', this.#onExit);
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.#ports.mqtt}`;
  }

  get tlsUrl(): string {
    return `mqtts://localhost:${this.#ports.mqtts}`;
  }

  get webSocketUrl(): string {
    return `ws://127.0.0.1:${this.#ports.ws}`;
  }

  get secureWebSocketUrl(): string {
    return `wss://localhost:${this.#ports.wss}`;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Writes the configuration with ports that are free now. */
  async configure(): Promise<void> {
    this.log.length = 0;
    const [mqtt = 0, mqtts = 0, ws = 0, wss = 0] = await freePorts(4);
    this.#ports = { mqtt, mqtts, ws, wss };
    const issued = await this.authority.issue({ commonName: 'mosquitto', names: ['localhost', '127.0.0.1'] });
    this.#write('ca.pem', this.authority.ca);
    this.#write('server.pem', issued.cert);
    this.#write('server.key', issued.key);
    this.#write(
      'passwords',
      Object.entries(this.#options.users ?? {})
        .map(passwordLine)
        .join(''),
    );
    this.#write('mosquitto.conf', configuration(this.#options, this.#ports, this.directory));
  }

  async start(): Promise<void> {
    if (this.#child !== undefined) throw new Error('this Mosquitto is running already');
    const [program, ...args] = [...diesWithParent(), this.#program, '-c', join(this.directory, 'mosquitto.conf')];
    if (program === undefined) throw new Error('unreachable: the list ends with the program');
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    createInterface({ input: child.stderr }).on('line', (line) => this.#handleLogLine(line));
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });

    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(new Error('timed out')), START_TIMEOUT_MS);
    const failed = once(child, 'close', { signal: abort.signal }).then(([code]) => {
      throw new Error(`mosquitto ended with ${String(code)} instead of starting:\n${this.log.join('\n')}`);
    });
    try {
      await Promise.race([this.waitForLog(READY, { signal: abort.signal }), failed]);
      await Promise.all(this.#listeningPorts().map(answers));
    } catch (error) {
      await this.stop('SIGKILL');
      throw error;
    } finally {
      clearTimeout(timer);
      failed.catch(() => undefined);
      abort.abort();
    }
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = once(child, 'close');
    child.kill(signal);
    // A frozen one would not hear SIGTERM. One that is stuck does not keep the test waiting.
    child.kill('SIGCONT');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await gone;
    clearTimeout(timer);
  }

  async restart(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.stop(signal);
    await this.start();
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  async close(): Promise<void> {
    process.off('exit', this.#onExit);
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  waitForLog(pattern: RegExp, { signal }: { signal?: AbortSignal } = {}): Promise<string> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#logWaiters.delete(waiter);
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter = (line: string): void => {
        if (!pattern.test(line)) return;
        settle();
        resolve(line);
      };
      const onAbort = (): void => {
        settle();
        reject(new Error(`no log line matched ${String(pattern)}:\n${this.log.join('\n')}`, { cause: signal?.reason }));
      };
      this.#logWaiters.add(waiter);
      signal?.addEventListener('abort', onAbort);
      if (signal?.aborted) onAbort();
    });
  }

  #handleLogLine(line: string): void {
    this.log.push(line);
    for (const waiter of this.#logWaiters) waiter(line);
  }

  #listeningPorts(): number[] {
    const { mqtt, mqtts, ws, wss } = this.#ports;
    const { tls, webSocket } = this.#options;
    return [mqtt, ...(tls ? [mqtts] : []), ...(webSocket ? [ws] : []), ...(tls && webSocket ? [wss] : [])];
  }

  #write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text, { mode: 0o600 });
  }
}

/** `mosquitto.conf(5)`, one listener after the other. */
function configuration(options: MosquittoOptions, ports: Ports, directory: string): string {
  const { tls = false, webSocket = false, persistence = false } = options;
  const certificates = [
    `cafile ${join(directory, 'ca.pem')}`,
    `certfile ${join(directory, 'server.pem')}`,
    `keyfile ${join(directory, 'server.key')}`,
    `require_certificate ${String(tls === 'clientCertificate')}`,
  ];
  const lines = [
    // Started by root, it would change to a user who may not read this directory.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    'log_dest stderr',
    // A line for every packet costs more than the packet, and a test that does not read it in time blocks the broker.
    ...(options.logPackets
      ? ['log_type all']
      : ['error', 'warning', 'notice', 'information'].map((type) => `log_type ${type}`)),
    'sys_interval 0',
    ...(options.users
      ? ['allow_anonymous false', `password_file ${join(directory, 'passwords')}`]
      : ['allow_anonymous true']),
    ...setting('max_inflight_messages', options.maximumInflight),
    ...setting('max_queued_messages', options.maximumQueued),
    ...setting('max_queued_bytes', options.maximumQueuedBytes),
    `persistence ${String(persistence !== false)}`,
    `persistence_location ${directory}/`,
    ...(typeof persistence === 'object'
      ? ['autosave_on_changes true', `autosave_interval ${persistence.autosave}`]
      : []),
    ...(options.config ?? []),
    `listener ${ports.mqtt} 127.0.0.1`,
  ];
  if (tls) lines.push(`listener ${ports.mqtts} 127.0.0.1`, ...certificates);
  if (webSocket) lines.push(`listener ${ports.ws} 127.0.0.1`, 'protocol websockets');
  if (tls && webSocket) lines.push(`listener ${ports.wss} 127.0.0.1`, 'protocol websockets', ...certificates);
  return `${lines.join('\n')}\n`;
}

function setting(name: string, value: number | undefined): string[] {
  return value === undefined ? [] : [`${name} ${value}`];
}

/** The format of `mosquitto_passwd`: PBKDF2 with SHA-512. Few iterations, since nothing here is secret. */
function passwordLine([user, password]: [string, string]): string {
  const iterations = 101;
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(password, salt, iterations, 64, 'sha512');
  return `${user}:$7$${iterations}$${salt.toString('base64')}$${hash.toString('base64')}\n`;
}

/** Where the kernel can, it kills the broker with the process that started it, so that even SIGKILL leaves none behind. */
function diesWithParent(): string[] {
  const setpriv = process.platform === 'linux' ? findProgram('setpriv', ['/usr/bin']) : undefined;
  return setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'KILL', '--'];
}

/**
 * Ports nobody listens on, below the range the kernel takes ports of outgoing connections from: while the broker is
 * stopped, a client on this machine must not be given the port the broker will want back.
 */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let attempt = 0; ports.size < count; attempt += 1) {
    if (attempt > 1000) throw new Error('no free port found');
    const port = randomInt(10_000, 32_000);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  const closed = once(server, 'close');
  server.close();
  await closed;
  return true;
}

/** A TCP connection that is accepted, and closed again. */
async function answers(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
}

function findProgram(name: string, otherDirectories: readonly string[]): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), ...otherDirectories].filter(Boolean);
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
